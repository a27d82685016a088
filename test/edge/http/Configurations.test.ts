/** Configurations over REST: published, read, listed, compared, taken back. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const production = "environment=production"

describe("publish and read", () => {
  it("a value is read back as published, with ETag, version and revision", async () => {
    const put = await door.call("PUT", `/v1/config/a.b?${production}`, {
      body: { value: { x: [1, true] }, message: "why" }
    })
    const get = await door.call("GET", `/v1/config/a.b?${production}`)

    assert.strictEqual(put.status, 200)
    assert.strictEqual(put.body.version, 1)
    assert.deepStrictEqual(get.body.value, { x: [1, true] })
    assert.strictEqual(get.body.type, "json")
    assert.strictEqual(get.body.message, "why")
    assert.strictEqual(get.body.stale, false)
    assert.strictEqual(get.headers.get("etag"), `"1-${get.body.digest.slice(0, 16)}"`)
    assert.strictEqual(put.headers.get("etag"), get.headers.get("etag"))
    assert.strictEqual(get.headers.get("herald-version"), "1")
    assert.strictEqual(get.headers.get("herald-revision"), String(put.body.revision))
    assert.strictEqual(get.headers.get("herald-stale"), "false")
    assert.strictEqual(get.headers.get("x-content-type-options"), "nosniff")
  })

  it("a fitting If-None-Match answers 304 without a body, also weak and in a list", async () => {
    await door.call("PUT", `/v1/config/tag?${production}`, { body: { value: 1 } })
    const { headers } = await door.call("GET", `/v1/config/tag?${production}`)
    const etag = headers.get("etag")!
    const conditional = (tag: string) =>
      door.call("GET", `/v1/config/tag?${production}`, { headers: { "if-none-match": tag } })
    const [fits, weak, listed, other] = [
      await conditional(etag),
      await conditional(`W/${etag}`),
      await conditional(`"0-x", ${etag}`),
      await conditional('"9-abc"')
    ]

    assert.deepStrictEqual([fits.status, weak.status, listed.status, other.status], [304, 304, 304, 200])
    assert.strictEqual(fits.text, "")
    assert.strictEqual(fits.headers.get("etag"), etag)
  })

  it("If-Match, If-None-Match: * and expectedVersion guard a write", async () => {
    const write = (headers: Record<string, string>, body: object = { value: 1 }) =>
      door.call("PUT", `/v1/config/guarded?${production}`, { headers, body })
    const first = await write({ "if-none-match": "*" })
    const second = await write({ "if-none-match": "*" })
    const byTag = await write({ "if-match": first.headers.get("etag")! })
    const byNumber = await write({ "if-match": "2" })
    const late = await write({ "if-match": '"1"' })
    const inBody = await write({}, { value: 1, expectedVersion: 3 })
    const torn = await write({ "if-match": "4" }, { value: 1, expectedVersion: 3 })
    const odd = await write({ "if-match": "abc" })

    assert.deepStrictEqual(
      [first, second, byTag, byNumber, late, inBody, torn, odd].map(({ status }) => status),
      [200, 412, 200, 200, 412, 200, 400, 400]
    )
    assert.strictEqual(late.body.code, "HRLD-2002")
    assert.deepStrictEqual(late.body.details, { key: "guarded", environment: "production", expected: 1, current: 3 })
  })

  it("VJ1 a value of type json comes as JSON, cut in as it is stored; every value as its text where that is asked for", async () => {
    const read = async (key: string, as = "") => (await door.call("GET", `/v1/config/${key}?${production}${as}`)).text
    const exact = '{"n": 12345678901234567890.10, "b": 1e2,\r\n\t"10": [1,  2], "2": "\\u0041"}'
    const template = '{"r": "{{client.region}}"}'
    for (const [key, body] of [
      ["as.json", `{"value": ${exact}}`],
      ["as.number", '{"value": 9007199254740993}'],
      ["as.flag", '{"value": true}'],
      ["as.text", '{"value": "{\\"a\\":1}", "type": "string"}'],
      ["as.yaml", '{"value": "{\\"a\\":1}", "type": "yaml"}'],
      ["as.template", JSON.stringify({ value: template, type: "json" })]
    ] as const)
      await door.call("PUT", `/v1/config/${key}?${production}`, { body })

    assert.include(await read("as.json"), `"value":${exact},"type"`)
    for (const [key, text] of [
      ["as.number", "9007199254740993"],
      ["as.flag", "true"],
      ["as.text", '{"a":1}'],
      ["as.yaml", '{"a":1}'],
      ["as.template", template]
    ] as const) {
      assert.include(await read(key), `"value":${JSON.stringify(text)},"type"`)
      assert.include(await read(key, "&as=text"), `"value":${JSON.stringify(text)},"type"`)
    }
    assert.include(await read("as.json", "&as=text"), `"value":${JSON.stringify(exact)},"type"`)
    assert.include(await read("as.json", "&as=json"), `"value":${exact},"type"`)
    assert.include(await read("as.number", "&as=json"), '"value":9007199254740993,"type"')
    assert.include(await read("as.flag", "&as=json"), '"value":true,"type"')
    assert.include(await read("as.text", "&as=json"), '"value":"{\\"a\\":1}","type"')
  })

  it("VJ1 so it is in the history, of a version, and in what explain says is stored", async () => {
    const exact = '{"b": 1.0,  "a": 127525757991925097}'
    await door.call("PUT", `/v1/config/as.old?${production}`, { body: `{"value": ${exact}}` })
    await door.call("DELETE", `/v1/config/as.old?${production}`)
    await door.call("PUT", `/v1/config/as.old?${production}`, { body: '{"value": "[ 2 ]", "type": "json"}' })
    const paths = ["/history", "/versions/1", "/explain"]
    const all = async (as: string) =>
      Promise.all(paths.map((path) => door.call("GET", `/v1/config/as.old${path}?${production}${as}`)))
    const [history, version, why] = await all("")
    const [texts, text, whyText] = await all("&as=text")

    assert.include(history!.text, `"value":${exact},"type"`)
    assert.include(history!.text, '"value":[ 2 ],"type"')
    assert.include(version!.text, `"value":${exact},"type"`)
    assert.include(why!.text, '"value":[ 2 ],"type"')
    assert.deepStrictEqual(
      texts!.body.versions.map(({ value }: { value: unknown }) => value),
      ["[ 2 ]", history!.body.versions[1].value, exact]
    )
    assert.isTrue(history!.body.versions[1].deleted)
    assert.strictEqual(text!.body.value, exact)
    assert.strictEqual(whyText!.body.stored.value, "[ 2 ]")
    assert.strictEqual(Date.parse(version!.body.createdTime), version!.body.createdAt)
    assert.match(version!.body.updatedTime, /^\d{4}-\d\d-\d\dT.*Z$/)
  })

  it("ET1 a tag names a version, however its value is shown: one of either guards a write", async () => {
    const path = `/v1/config/as.tag?${production}`
    await door.call("PUT", path, { body: { value: { a: 1 } } })
    const tags = [await door.call("GET", path), await door.call("GET", `${path}&as=text`)].map(
      ({ headers }) => headers.get("etag")!
    )
    const write = await door.call("PUT", path, { headers: { "if-match": tags[1]! }, body: { value: { a: 2 } } })

    assert.strictEqual(tags[0], tags[1])
    assert.strictEqual(write.status, 200)
  })

  it("the type of a new key follows from the value; an existing key keeps its own", async () => {
    const types = []
    for (const [key, value] of [
      ["t.s", "x"],
      ["t.n", 1.5],
      ["t.b", false],
      ["t.o", { a: 1 }],
      ["t.a", [1]]
    ] as const) {
      types.push((await door.call("PUT", `/v1/config/${key}?${production}`, { body: { value } })).body.type)
    }
    await door.call("PUT", `/v1/config/t.y?${production}`, { body: { value: "a: 1", type: "yaml" } })
    const kept = await door.call("PUT", `/v1/config/t.y?${production}`, { body: { value: "a: 2" } })

    assert.deepStrictEqual(types, ["string", "number", "boolean", "json", "json"])
    assert.strictEqual(kept.body.type, "yaml")
  })

  it("Idempotency-Key and message reach the service; schema null, absent and given are different", async () => {
    const headers = { "idempotency-key": "k-1" }
    await door.call("PUT", `/v1/config/i?${production}`, { headers, body: { value: 1, message: "m" } })
    const plain = door.state.seen.at(-1)!
    await door.call("PUT", `/v1/config/i?${production}`, { body: { value: 1, schema: null } })
    const removed = door.state.seen.at(-1)!

    assert.strictEqual(plain.idempotencyKey, "k-1")
    assert.strictEqual(plain.message, "m")
    assert.notProperty(plain.drafts[0], "schema")
    assert.isNull(removed.drafts[0]?.schema)
  })

  it("a key with a slash or of 256 characters can be addressed", async () => {
    const slash = await door.call("PUT", `/v1/config/${encodeURIComponent("a/b:c")}?${production}`, {
      body: { value: 1 }
    })
    const long = await door.call("PUT", `/v1/config/${"k".repeat(256)}?${production}`, { body: { value: 1 } })
    const longer = await door.call("PUT", `/v1/config/${"k".repeat(257)}?${production}`, { body: { value: 1 } })

    assert.strictEqual(slash.body.key, "a/b:c")
    assert.strictEqual(long.status, 200)
    assert.strictEqual(longer.body.code, "HRLD-1002")
  })

  it("B5 whoever may not write is told so before the body is read", async () => {
    const garbage = "{".repeat(100_000)
    for (const [method, path] of [
      ["PUT", "/v1/config/matrix?environment=production"],
      ["POST", "/v1/config/matrix/validate?environment=production"],
      ["POST", "/v1/config/matrix/rollback?environment=production"],
      ["POST", "/v1/releases"],
      ["POST", "/v1/keys"]
    ] as const) {
      const refused = await door.call(method, path, { as: "viewer", body: garbage })
      const read = await door.call(method, path, { body: garbage })
      assert.deepStrictEqual([path, refused.status, read.status >= 400 && read.status !== 403], [path, 403, true])
    }
  })

  it("PB1 history and audit say where to go on before their limit is reached", async () => {
    for (const value of ["a", "b", "c", "d"]) {
      const body = { value: value.repeat(900_000), type: "string" }
      await door.call("PUT", "/v1/config/large?environment=pages", { body })
    }
    const newest = await door.call("GET", "/v1/config/large/history?environment=pages")
    const oldest = await door.call("GET", `/v1/config/large/history?environment=pages&before=${newest.body.next}`)
    assert.deepStrictEqual(
      [newest.body.versions.length, newest.body.next, oldest.body.versions.length, oldest.body.next],
      [3, 2, 1, null]
    )
    const { body } = await door.call("GET", "/v1/audit")
    assert.strictEqual(body.next, body.entries.at(-1)?.id ?? null)
  })

  it("list and history come in pages", async () => {
    for (const key of ["page.1", "page.2", "page.3"])
      await door.call("PUT", `/v1/config/${key}?environment=pages`, { body: { value: 1 } })
    for (const value of [2, 3]) await door.call("PUT", "/v1/config/page.1?environment=pages", { body: { value } })
    const one = await door.call("GET", "/v1/config?environment=pages&prefix=page.&limit=2")
    const two = await door.call("GET", `/v1/config?environment=pages&prefix=page.&limit=2&after=${one.body.next}`)
    const newest = await door.call("GET", "/v1/config/page.1/history?environment=pages&limit=2")
    const oldest = await door.call(
      "GET",
      `/v1/config/page.1/history?environment=pages&limit=2&before=${newest.body.next}`
    )

    assert.deepStrictEqual(
      one.body.keys.map((row: { key: string }) => row.key),
      ["page.1", "page.2"]
    )
    assert.deepStrictEqual(
      two.body.keys.map((row: { key: string }) => row.key),
      ["page.3"]
    )
    assert.isNull(two.body.next)
    assert.deepStrictEqual(
      newest.body.versions.map((row: { version: number }) => row.version),
      [3, 2]
    )
    assert.deepStrictEqual(
      oldest.body.versions.map((row: { version: number }) => row.version),
      [1]
    )
    assert.isNull(oldest.body.next)
  })

  it("explain takes labels in both spellings", async () => {
    const value = "{{client.region}} {{client.zone}} {{client.c}}"
    await door.call("PUT", `/v1/config/ex?${production}`, { body: { value } })
    const answer = await door.call(
      "GET",
      `/v1/config/ex/explain?${production}&label.region=eu&label=zone=a=b&label=c=d`
    )

    assert.strictEqual(answer.status, 200)
    assert.deepStrictEqual(
      answer.body.used.map((one: { name: string; value: string }) => [one.name, one.value]),
      [
        ["client.region", "eu"],
        ["client.zone", "a=b"],
        ["client.c", "d"]
      ]
    )
  })

  it("a delete is a version, and a rollback brings the value back", async () => {
    await door.call("PUT", `/v1/config/gone?${production}`, { body: { value: "v1" } })
    const deleted = await door.call("DELETE", `/v1/config/gone?${production}&message=bye`, {
      headers: { "if-match": "1" }
    })
    const missing = await door.call("GET", `/v1/config/gone?${production}`)
    const back = await door.call("POST", `/v1/config/gone/rollback?${production}`, { body: { version: 1 } })
    const read = await door.call("GET", `/v1/config/gone?${production}`)

    assert.strictEqual(deleted.body.deleted, true)
    assert.strictEqual(missing.body.code, "HRLD-2001")
    assert.strictEqual(back.body.version, 3)
    assert.strictEqual(read.body.value, "v1")
  })

  it("a release is one revision, null deletes", async () => {
    await door.call("PUT", "/v1/config/r.b?environment=staging", { body: { value: 1 } })
    const changes = [
      { key: "r.a", environment: "production", value: "x" },
      { key: "r.b", environment: "staging", value: null }
    ]
    const answer = await door.call("POST", "/v1/releases", { body: { message: "many", changes } })

    assert.strictEqual(answer.body.changes.length, 2)
    assert.strictEqual(answer.body.message, "many")
    assert.deepStrictEqual(
      answer.body.changes.map((one: { deleted: boolean }) => one.deleted),
      [false, true]
    )
  })
})
