/** What the REST door refuses, and how it says so. */
import { gzipSync } from "node:zlib"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const production = "environment=production"

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
  it("O3 an unknown field or parameter that is nearly one of the contract is told which, wherever it stands", async () => {
    const change = { key: "a", environment: "production", value: 1 }
    const said = async (method: string, path: string, body?: unknown) =>
      (await door.call(method, path, body === undefined ? {} : { body })).body.detail as string
    const details = [
      await said("PUT", `/v1/config/a?${production}`, { valeu: 1 }),
      await said("PUT", `/v1/config/a?${production}`, { value: 1, expectedVersoin: 3 }),
      await said("POST", "/v1/releases", { changes: [change, { ...change, schmea: {} }] }),
      await said("POST", "/v1/keys", { name: "a", rol: "admin", environments: ["*"] }),
      await said("GET", "/v1/config/a?enviroment=production"),
      await said("POST", "/v1/releases?dryrun=true", { changes: [change] }),
      await said("GET", `/v1/config/a?${production}&as_of=1`),
      await said("GET", `/v1/config/a?${production}&${"x".repeat(500)}=1`)
    ]

    assert.deepStrictEqual(
      details.map((detail) => /; did you mean (.*)\?$/.exec(detail)?.[1]),
      ["value", "expectedVersion", "schema", "role", "environment", "dryRun", undefined, undefined]
    )
    assert.strictEqual(details[2], "body changes.1.schmea: there is no such field here; did you mean schema?")
  })
  it("B1 5 MiB", () => refuse(["", { value: "x".repeat(5 * 1024 * 1024) }, 413, "larger"]))
  it("B1 a body that says it is too large is not read, one that does not say is read no further", async () => {
    const said = await put("{}", { "content-length": String(2 ** 40) })
    const unsaid = await put(`{"value":"${"x".repeat(5 * 1024 * 1024)}"}`)

    assert.deepStrictEqual([said.status, unsaid.status], [413, 413])
    assert.strictEqual(said.body.code, "HRLD-1007")
  })

  it("B7 a body of another type or charset, or compressed, is refused unread, and told what is taken", async () => {
    const zipped = gzipSync(JSON.stringify({ value: "x".repeat(1_000) }))
    const answers = [
      await put({ value: 1 }, { "content-type": "image/png" }),
      await put({ value: 1 }, { "content-type": "text/plain" }),
      await put({ value: 1 }, { "content-type": "application/x-www-form-urlencoded" }),
      await put({ value: 1 }, { "content-type": "application/jsonx" }),
      await put({ value: 1 }, { "content-type": "application/json; charset=latin1" }),
      await put({ value: 1 }, { "content-type": 'application/json; charset="utf-16"' }),
      await put({ value: 1 }, { "content-encoding": "gzip" }),
      await put(zipped, { "content-encoding": "gzip" }),
      await put(zipped, { "content-encoding": "identity, br" })
    ]
    for (const answer of answers) {
      assert.deepStrictEqual([answer.status, answer.body.code], [415, "HRLD-1012"])
      assert.strictEqual(answer.headers.get("accept-encoding"), "identity")
    }
    for (const headers of [
      { "content-type": "application/json" },
      { "content-type": "Application/JSON; Charset=UTF-8" },
      { "content-type": 'application/json; charset="utf-8"; x=y' },
      { "content-type": "application/vnd.some+json" },
      { "content-encoding": "identity" }
    ])
      assert.strictEqual((await put({ value: 1 }, headers as Record<string, string>)).status, 200)
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
