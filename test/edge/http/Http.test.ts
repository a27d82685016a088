import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const production = "environment=production"

describe("who may do what", () => {
  const routes: ReadonlyArray<readonly [string, string, unknown, ReadonlyArray<string>]> = [
    ["PUT", "/v1/config/matrix?environment=staging", { value: 1 }, ["admin", "publisher", "publisher@staging"]],
    ["PUT", `/v1/config/matrix?${production}`, { value: 1 }, ["admin", "publisher"]],
    [
      "GET",
      "/v1/config/matrix?environment=staging",
      undefined,
      ["admin", "publisher", "publisher@staging", "viewer", "subscriber"]
    ],
    ["GET", `/v1/config/matrix?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    ["GET", `/v1/config?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    ["GET", `/v1/config/matrix/history?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    ["GET", `/v1/config/matrix/versions/1?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    [
      "GET",
      `/v1/config/matrix/diff?${production}&from=1&to=1`,
      undefined,
      ["admin", "publisher", "viewer", "subscriber"]
    ],
    ["GET", `/v1/config/matrix/explain?${production}`, undefined, ["admin", "publisher", "viewer", "subscriber"]],
    ["POST", `/v1/config/matrix/validate?${production}`, { value: 1 }, ["admin", "publisher"]],
    ["POST", `/v1/config/matrix/rollback?${production}`, { version: 1 }, ["admin", "publisher"]],
    [
      "POST",
      "/v1/releases",
      { changes: [{ key: "matrix", environment: "staging", value: 2 }] },
      ["admin", "publisher", "publisher@staging"]
    ],
    [
      "POST",
      "/v1/releases?dryRun=true",
      { changes: [{ key: "matrix", environment: "production", value: 2 }] },
      ["admin", "publisher"]
    ],
    ["GET", "/v1/clients", undefined, ["admin", "publisher", "viewer"]],
    ["GET", "/v1/clients?environment=staging", undefined, ["admin", "publisher", "publisher@staging", "viewer"]],
    ["GET", "/v1/audit", undefined, ["admin", "viewer"]],
    ["GET", "/v1/audit/verify", undefined, ["admin", "viewer"]],
    ["GET", "/v1/keys", undefined, ["admin"]],
    ["POST", "/v1/keys", { name: "ci", role: "viewer", environments: ["*"] }, ["admin"]],
    ["DELETE", "/v1/config/matrix?environment=staging", undefined, ["admin", "publisher", "publisher@staging"]]
  ]
  const everyone = ["admin", "publisher", "publisher@staging", "viewer", "subscriber"]
  for (const [method, path, body, allowed] of routes) {
    it(`R2 ${method} ${path}`, async () => {
      const outcome = []
      for (const as of everyone) {
        if (method === "DELETE") await door.call("PUT", path, { body: { value: 1 } })
        outcome.push([as, (await door.call(method, path, { as, body })).status])
      }
      const nobody = await door.call(method, path, { as: "nobody", body })

      for (const [as, status] of outcome) {
        if (allowed.includes(as as string)) assert.isBelow(status as number, 300, `${as} may`)
        else assert.strictEqual(status, 403, `${as} may not`)
      }
      assert.strictEqual(nobody.status, 401)
      assert.strictEqual(nobody.body.code, "HRLD-3001")
      assert.isNotNull(nobody.headers.get("www-authenticate"))
    })
  }

  it("A1 a wrong token of the right form is refused, and the problem does not repeat it", async () => {
    const token = `hrld_${"a".repeat(16)}_${"b".repeat(64)}`
    const answer = await door.call("GET", "/v1/keys", { as: "nobody", headers: { authorization: `Bearer ${token}` } })

    assert.strictEqual(answer.status, 401)
    assert.notInclude(answer.text, "bbbb")
  })

  it("A key can be made, used and revoked over HTTP; its hash is never shown", async () => {
    const made = await door.call("POST", "/v1/keys", { body: { name: "robot", role: "admin", environments: ["*"] } })
    const authorization = `Bearer ${made.body.token}`
    const used = await door.call("GET", "/v1/keys", { as: "nobody", headers: { authorization } })
    const revoked = await door.call("DELETE", `/v1/keys/${made.body.key.id}`)
    const after = await door.call("GET", "/v1/keys", { as: "nobody", headers: { authorization } })
    const again = await door.call("DELETE", `/v1/keys/${made.body.key.id}`)

    assert.strictEqual(made.status, 201)
    assert.strictEqual(used.status, 200)
    assert.notInclude(used.text, "hash")
    assert.strictEqual(revoked.status, 204)
    assert.strictEqual(after.status, 401)
    assert.include(after.body.detail, "revoked")
    assert.strictEqual(again.status, 404)
  })
})

describe("publish and read", () => {
  it("a value is read back as published, with ETag, version and revision", async () => {
    const put = await door.call("PUT", `/v1/config/a.b?${production}`, {
      body: { value: { x: [1, true] }, message: "why" }
    })
    const get = await door.call("GET", `/v1/config/a.b?${production}`)

    assert.strictEqual(put.status, 200)
    assert.strictEqual(put.body.version, 1)
    assert.strictEqual(get.body.value, '{"x":[1,true]}')
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

describe("bad input is refused with a problem that names the place", () => {
  const put = (body: unknown, headers: Record<string, string> = {}) =>
    door.call("PUT", `/v1/config/bad?${production}`, { body, headers })
  const nested = (depth: number) => `{"value":${"[".repeat(depth)}${"]".repeat(depth)}}`

  type Row = readonly [name: string, body: unknown, status: number, says: string]
  const refuse = async ([, body, status, says]: Row) => {
    const answer = await put(body)

    assert.strictEqual(answer.status, status)
    assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
    assert.include(answer.body.detail, says)
    assert.match(answer.body.code, /^HRLD-1\d{3}$/)
    for (const member of ["type", "title", "cause", "fix"]) assert.isString(answer.body[member])
    assert.strictEqual(answer.body.status, status)
  }
  const malformed: ReadonlyArray<Row> = [
    ["no JSON", "{nope", 400, "not JSON"],
    ["empty", "", 400, "empty"],
    ["an array", [1], 400, "body"],
    ["a missing value", {}, 400, "value"],
    ["a wrong type name", { value: 1, type: "xml" }, 400, "type"],
    ["a wrong field type", { value: 1, strict: "yes" }, 400, "strict"],
    ["null as value", { value: null }, 400, "DELETE"],
    ["a number with too many digits", '{"value":1,"schema":{"maximum":12345678901234567890}}', 400, "digits"],
    ["a number that is too large", '{"value":1,"schema":{"maximum":1e400}}', 400, "1e400"],
    ["a version with too many digits", '{"value":1,"expectedVersion":9007199254740993}', 400, "9007199254740993"]
  ]
  const harmful: ReadonlyArray<Row> = [
    ["invalid UTF-8", new Uint8Array([123, 34, 255, 254, 34, 125]), 400, "UTF-8"],
    ["deep JSON", nested(100), 400, "levels deep"],
    ["very deep JSON", nested(200_000), 400, "levels deep"],
    ["__proto__", '{"value":{"a":{"__proto__":{"admin":true}}}}', 400, "__proto__"],
    ["constructor", '{"value":{"constructor":{"prototype":1}}}', 400, "constructor"]
  ]
  const twice: ReadonlyArray<Row> = [
    ["a field", '{"value":1,"value":2}', 400, '"value" appears twice'],
    ["a field in another spelling", '{"value":1,"strict":true,"\\u0073trict":false}', 400, '"strict" appears twice'],
    ["in a value", '{"value":{"a":[{"b":1,"b":2}]}}', 400, '"b" appears twice'],
    ["in a schema", '{"value":1,"schema":{"type":"object","type":"number"}}', 400, '"type" appears twice']
  ]
  for (const row of twice) it(`B4 a name that is given twice: ${row[0]}`, () => refuse(row))
  for (const row of malformed) it(`R1 ${row[0]}`, () => refuse(row))
  for (const row of harmful) it(`B2 ${row[0]}`, () => refuse(row))
  it("B3 an unknown field", () => refuse(["", { value: 1, expectedVersoin: 3 }, 400, "expectedVersoin"]))
  it("B1 5 MiB", () => refuse(["", { value: "x".repeat(5 * 1024 * 1024) }, 413, "larger"]))
  it("B1 a body that says it is too large is not read, one that does not say is read no further", async () => {
    const said = await put("{}", { "content-length": String(2 ** 40) })
    const unsaid = await put(`{"value":"${"x".repeat(5 * 1024 * 1024)}"}`)

    assert.deepStrictEqual([said.status, unsaid.status], [413, 413])
    assert.strictEqual(said.body.code, "HRLD-1007")
  })

  it("a body of another content type", async () => {
    assert.strictEqual((await put({ value: 1 }, { "content-type": "image/png" })).status, 400)
  })

  it("control characters and other odd things in keys", async () => {
    for (const key of ["a%00b", "a%0ab", "%1b%5b31m", "a%20b", "%2e%2e%2f", "%ff", ".a", "__proto__%20"]) {
      const answer = await door.call("PUT", `/v1/config/${key}?${production}`, { body: { value: 1 } })
      assert.include([400, 404], answer.status, key)
      assert.match(answer.body.code, /^HRLD-/)
    }
  })

  it("R1 queries: a missing, unknown or wrong parameter", async () => {
    const missing = await door.call("GET", "/v1/config/a")
    const unknown = await door.call("POST", "/v1/releases?dryrun=true", { body: { changes: [] } })
    const limit = await door.call("GET", `/v1/config?${production}&limit=100000`)
    const environment = await door.call("GET", "/v1/config/a?environment=a%20b")

    assert.include(missing.body.detail, "environment")
    assert.include(unknown.body.detail, "dryrun")
    assert.include(limit.body.detail, "limit")
    for (const answer of [missing, unknown, limit, environment]) assert.strictEqual(answer.body.code, "HRLD-1001")
  })

  it("a release of too many changes, or with a bad key", async () => {
    const change = { key: "a", environment: "production", value: 1 }
    const many = await door.call("POST", "/v1/releases", { body: { changes: Array(501).fill(change) } })
    const odd = await door.call("POST", "/v1/releases", { body: { changes: [{ ...change, key: "a b" }] } })

    assert.strictEqual(many.status, 413)
    assert.strictEqual(odd.body.code, "HRLD-1002")
  })

  it("R1 an unknown route is a problem too", async () => {
    const answer = await door.call("GET", "/nowhere")

    assert.strictEqual(answer.status, 404)
    assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
  })
})

describe("what every answer has", () => {
  it("H2 the caller's trace reaches the service, and a problem names it", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c"
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
    await door.call("PUT", `/v1/config/traced?${production}`, { body: { value: 1 }, headers })
    const problem = await door.call("GET", `/v1/config/not.there?${production}`, { headers })

    assert.strictEqual(door.state.seen.at(-1)?.traceId, traceId)
    assert.strictEqual(problem.body.traceId, traceId)
  })

  it("A4 a refusal for the rate says when to come back", async () => {
    const tries = []
    for (let i = 0; i < 150; i++) {
      const authorization = `Bearer hrld_${i.toString(16).padStart(16, "0")}_${"b".repeat(64)}`
      tries.push(await door.call("GET", "/v1/keys", { as: "nobody", headers: { authorization } }))
    }
    const refused = tries.find(({ status }) => status === 429)

    assert.strictEqual(refused?.body.code, "HRLD-3003")
    assert.match(refused?.headers.get("retry-after") ?? "", /^[1-9]\d*$/)
  })

  it("requests are counted by status", async () => {
    await door.call("GET", "/nowhere")
    const { text } = await door.call("GET", "/metrics")

    assert.match(text, /herald_http_requests_total\{[^}]*status="4xx"[^}]*\} [1-9]/)
    assert.match(text, /herald_http_request_seconds_count/)
  })
})

describe("failures", () => {
  it("O1 a defect is a problem that tells nothing of itself but its trace id", async () => {
    const traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`
    const answer = await door.call("GET", `/v1/config/defect?${production}`, { headers: { traceparent } })

    assert.strictEqual(answer.status, 500)
    assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
    assert.match(answer.body.code, /^HRLD-9\d{3}$/)
    assert.strictEqual(answer.body.traceId, "ab".repeat(16))
    assert.notInclude(answer.text, "secret")
    assert.notInclude(answer.text, ".ts")
  })

  it("H1 every answer, a refusal too, says that it is not to be guessed at, framed or told to others", async () => {
    for (const [path, as] of [
      ["/v1/keys", "admin"],
      ["/v1/keys", "nobody"],
      ["/nowhere", "admin"],
      [`/v1/config/defect?${production}`, "admin"],
      ["/docs", "nobody"],
      ["/metrics", "nobody"]
    ] as const) {
      const { headers } = await door.call("GET", path, { as })
      assert.deepStrictEqual(
        ["x-content-type-options", "x-frame-options", "referrer-policy"].map((name) => headers.get(name)),
        ["nosniff", "DENY", "no-referrer"],
        path
      )
    }
  })
})

describe("routes without a token", () => {
  it("livez, readyz, metrics, openapi, docs and error codes", async () => {
    const as = "nobody"
    const live = await door.call("GET", "/livez", { as })
    const ready = await door.call("GET", "/readyz", { as })
    door.state.stale = true
    const stale = await door.call("GET", "/readyz", { as })
    door.state.stale = false
    const metrics = await door.call("GET", "/metrics", { as })
    const openapi = await door.call("GET", "/openapi.json", { as })
    const docs = await door.call("GET", "/docs", { as })
    const code = await door.call("GET", "/v1/errors/hrld-2002", { as })
    const noCode = await door.call("GET", "/v1/errors/HRLD-0000", { as })

    assert.deepStrictEqual([live.status, ready.status, stale.status, metrics.status], [200, 200, 503, 200])
    assert.deepStrictEqual([ready.body.degraded, stale.body.degraded], [[], ["postgresql"]])
    assert.strictEqual(openapi.body.openapi, "3.1.0")
    assert.include(Object.keys(openapi.body.paths), "/v1/config/{key}")
    assert.include(docs.text, "createApiReference")
    assert.notMatch(docs.text, /<script src=/)
    assert.include(docs.headers.get("content-security-policy"), "connect-src 'self'")
    assert.strictEqual(code.body.name, "VersionConflict")
    assert.strictEqual(noCode.status, 404)
  })
})
