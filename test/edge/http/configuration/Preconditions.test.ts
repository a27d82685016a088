/** Conditional requests, by the grammar of RFC 9110. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "../Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const production = "environment=production"

describe("Preconditions", () => {
  it("ET1 ET2 a tag fits whole or not at all, in lists too; weak and foreign ones fit no write, and * what is there", async () => {
    const path = `/v1/config/tags?${production}`
    const write = async (headers: Record<string, string>) =>
      (await door.call("PUT", path, { headers, body: { value: 1 } })).status
    const missing = await write({ "if-match": "*" })
    await door.call("PUT", path, { body: { value: 1 } })
    const etag = (await door.call("GET", path)).headers.get("etag")!
    const statuses = [
      await write({ "if-match": '"1-0000000000000000"' }),
      await write({ "if-match": etag.replace(/..."$/, '"') }),
      await write({ "if-match": `W/${etag}` }),
      await write({ "if-match": '"of-somebody,else"' }),
      await write({ "if-match": '"9-0000000000000000", "a,b"' }),
      await write({ "if-none-match": etag }),
      await write({ "if-none-match": `"x", W/${etag}` })
    ]
    const fits = [await write({ "if-match": `"a,b", ,${etag}` }), await write({ "if-match": "*" })]
    const unlike = await write({ "if-none-match": `${etag}, "x"` })
    const rollback = (ifMatch: string) =>
      door.call("POST", `/v1/config/tags/rollback?${production}`, {
        headers: { "if-match": ifMatch },
        body: { version: 1 }
      })
    const [late, back] = [await rollback(etag), await rollback("4")]
    const compressed = (await door.call("GET", path)).headers.get("etag")!.replace(/"$/, '-gzip"')
    const held = await door.call("GET", path, { headers: { "if-none-match": compressed } })

    assert.deepStrictEqual([missing, statuses], [412, Array.from({ length: 7 }, () => 412)])
    assert.deepStrictEqual([fits, unlike, late.status, back.status], [[200, 200], 200, 412, 200])
    assert.deepStrictEqual([held.status, held.headers.get("etag")], [304, compressed])
    assert.strictEqual(await write({ "if-match": compressed }), 200)
  })

  it("ET3 a header as long as any may be is refused in no time, whatever is in it", async () => {
    const path = `/v1/config/long?${production}`
    await door.call("PUT", path, { body: { value: 1 } })
    for (const value of [" ", "\t ", ", ", '"",', '" ', "W/"].map(
      (part) => `"a",${part.repeat(20_000 / part.length)}x`
    )) {
      const before = process.threadCpuUsage().user
      const statuses = [
        (await door.call("GET", path, { headers: { "if-none-match": value } })).status,
        (await door.call("PUT", path, { headers: { "if-match": value }, body: { value: 1 } })).status
      ]

      assert.deepStrictEqual(statuses, [200, 400])
      assert.isBelow((process.threadCpuUsage().user - before) / 1_000, 200, value.slice(0, 10))
    }
  })

  it("ET3 what is no tag is refused, never left out", async () => {
    const path = `/v1/config/odd?${production}`
    for (const [name, value] of [
      ["if-match", '"1'],
      ["if-match", ""],
      ["if-match", ","],
      ["if-match", "*, 1"],
      ["if-match", "1, 2"],
      ["if-match", Array.from({ length: 101 }, () => '"x"').join(",")],
      ["if-none-match", "1"],
      ["if-none-match", 'w/"1"']
    ] as const) {
      const answer = await door.call("PUT", path, { headers: { [name]: value }, body: { value: 1 } })
      assert.deepStrictEqual([answer.status, answer.body.code], [400, "HRLD-1001"], `${name}: ${value}`)
    }
  })
})
