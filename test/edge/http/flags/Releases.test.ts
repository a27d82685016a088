/** Releases of configurations and flags together: one revision, or nothing. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { startRoutes } from "../Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const release = (body: unknown, { query = "", as = "publisher", headers = {} } = {}) =>
  door.call("POST", `/v1/releases${query}`, { as, body, headers })
const change = (key: string, value: unknown) => ({ key, environment: "production", value })
const flag = (name: string, value: unknown, more: object = {}) => ({
  flag: name,
  environment: "production",
  value,
  ...more
})
const read = async (path: string) => {
  const { status, body } = await door.call("GET", `${path}?environment=production`)
  return status === 200 ? (body.value ?? body.definition) : status
}

describe("reads of flags and segments", () => {
  it("say whether the database confirms that they are the newest", async () => {
    const staff = { value: { targetUsers: ["ann"] } }
    const toggle = { value: { enabled: true } }
    const put = (path: string, body: unknown) =>
      door.call("PUT", `${path}?environment=production`, { as: "publisher", body })
    for (const [path, body] of [
      ["/v1/segments/marked", staff],
      ["/v1/flags/marked", toggle]
    ] as const)
      assert.strictEqual((await put(path, body)).status, 200)
    for (const stale of [false, true]) {
      door.state.stale = stale
      const reads = [
        await door.call("GET", "/v1/flags/marked?environment=production"),
        await door.call("GET", "/v1/flags?environment=production"),
        await door.call("POST", "/v1/flags/marked/evaluate?environment=production", { body: {} }),
        await door.call("GET", "/v1/segments/marked?environment=production"),
        await door.call("GET", "/v1/segments?environment=production")
      ]
      door.state.stale = false
      assert.deepStrictEqual(
        reads.map(({ status, headers }) => [status, headers.get("herald-stale")]),
        reads.map(() => [200, String(stale)])
      )
    }
  })
})

describe("releases of mixed kinds", () => {
  it("W1 a key and flags that need each other are one revision, and are told apart in the answer", async () => {
    const text =
      '{"changes":[{"key":"mixed","environment":"production","value":{"a":1}}],"flags":[{"flag":"base","environment":"production","value":{ "enabled" : true }},{"flag":"next","environment":"production","value":{"enabled":true,"prerequisites":[{"flag":"base","variant":"on"}]}}],"message":"both"}'
    const { status, body } = await release(text)
    assert.strictEqual(status, 200, JSON.stringify(body))
    assert.deepStrictEqual(
      [
        body.changes.map((one: { key: string }) => one.key),
        body.flags.map((one: { flag: string; version: number }) => [one.flag, one.version])
      ],
      [
        ["mixed"],
        [
          ["base", 1],
          ["next", 1]
        ]
      ]
    )
    assert.deepStrictEqual(await read("/v1/config/mixed"), { a: 1 })
    const { text: stored, body: base } = await door.call("GET", "/v1/flags/base?environment=production")
    assert.include(stored, '"definition":{ "enabled" : true }')
    assert.strictEqual(base.revision, body.revision)
    assert.strictEqual(base.message, "both")
  })

  it("W1 what is wrong with a flag takes the configurations with it, and the other way round", async () => {
    const wrongFlag = await release({ changes: [change("lost", 1)], flags: [flag("x", { enabled: 1 })] })
    assert.deepStrictEqual([wrongFlag.status, wrongFlag.body.code], [422, "HRLD-1020"])
    const needed = await release({ changes: [change("lost", 1)], flags: [flag("base", null)] })
    assert.deepStrictEqual([needed.status, needed.body.code], [409, "HRLD-2010"])
    const wrongValue = await release({
      changes: [{ ...change("lost", "x"), type: "number" }],
      flags: [flag("x", { enabled: true })]
    })
    assert.strictEqual(wrongValue.status, 422)
    const late = await release({
      changes: [change("lost", 1)],
      flags: [flag("base", { enabled: true }, { expectedVersion: 7 })]
    })
    assert.strictEqual(late.status, 412)
    assert.deepStrictEqual([await read("/v1/config/lost"), await read("/v1/flags/x")], [404, 404])
  })

  it("flags alone are a release, too; nothing at all, and one flag twice, are none", async () => {
    const alone = await release({ changes: [], flags: [flag("alone", { enabled: true })] })
    assert.deepStrictEqual([alone.status, alone.body.changes, alone.body.flags.length], [200, [], 1])
    assert.strictEqual((await release({ changes: [], flags: [] })).status, 400)
    assert.strictEqual(
      (await release({ changes: [], flags: [flag("t", { enabled: true }), flag("t", { enabled: false })] })).status,
      400
    )
    assert.strictEqual(
      (await release({ changes: [], flags: [flag("t", { enabled: true })] }, { as: "viewer" })).status,
      403
    )
    const many = Array.from({ length: 501 }, (_, n) => flag(`many-${n}`, { enabled: true }))
    assert.strictEqual((await release({ changes: [], flags: many })).status, 413)
  })

  it("F4 with its idempotency key it comes again as it was, and with another flag in it is refused", async () => {
    const headers = { "idempotency-key": "mixed-once" }
    const body = { changes: [change("once", 1)], flags: [flag("once", { enabled: true })] }
    const first = await release(body, { headers })
    const again = await release(body, { headers })
    assert.deepStrictEqual(
      [again.body.revision, again.body.replayed, again.body.flags],
      [first.body.revision, true, first.body.flags]
    )
    const other = await release({ ...body, flags: [flag("once", { enabled: false })] }, { headers })
    assert.deepStrictEqual([other.status, other.body.code], [409, "HRLD-2003"])
  })

  it("FU2 a dry run says what would become of each, and writes nothing", async () => {
    const rule = { if: [{ "==": [{ var: "x" }, null] }, "on"] }
    const definition = { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off", targeting: rule }
    const { status, body } = await release(
      {
        changes: [change("dry", 1)],
        flags: [
          flag("dry", definition),
          flag("dry-too", { enabled: true, prerequisites: [{ flag: "dry", variant: "on" }] })
        ]
      },
      { query: "?dryRun=true" }
    )
    assert.strictEqual(status, 200, JSON.stringify(body))
    assert.deepStrictEqual(
      body.flags.map((one: { flag: string; warnings: ReadonlyArray<unknown> }) => [one.flag, one.warnings.length]),
      [
        ["dry", 1],
        ["dry-too", 0]
      ]
    )
    assert.deepStrictEqual([await read("/v1/config/dry"), await read("/v1/flags/dry")], [404, 404])
  })
})
