/** OpenFeature's remote evaluation protocol, as its providers use it. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { startRoutes } from "../Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
const ALL = "/ofrep/v1/evaluate/flags"

const put = async (flag: string, value: unknown, environment = "production") => {
  const path = `/v1/flags/${flag}?environment=${environment}`
  const { status, body } = await door.call("PUT", path, { as: "admin", body: { value } })
  assert.strictEqual(status, 200, JSON.stringify(body))
}
const ask = (flag: string, context: unknown, more: object = {}) =>
  door.call("POST", flag === "" ? ALL : `${ALL}/${flag}`, { as: "subscriber@production", body: { context }, ...more })

beforeAll(async () => {
  door = await startRoutes()
  const rule = { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] }
  const variants = { on: true, off: false }
  await put("rule", { state: "ENABLED", variants, defaultVariant: "off", targeting: rule, metadata: { team: "a" } })
  await put("dark", { state: "DISABLED", variants, defaultVariant: "off" })
  await put("open", { state: "ENABLED", variants, targeting: rule })
  await put("zero", { state: "ENABLED", variants: { none: 0 }, defaultVariant: "none" })
  await put("wrong", { state: "ENABLED", variants, defaultVariant: "off", targeting: { var: "v" } })
  await put("rule", { state: "ENABLED", variants, defaultVariant: "on" }, "staging")
})
afterAll(() => door.dispose())

describe("OFREP", () => {
  it("OF1 one flag: value, variant, reason and metadata; none of them where the caller's default is served", async () => {
    const bodies: Array<unknown> = []
    for (const [flag, context] of [
      ["rule", { plan: "pro" }],
      ["rule", {}],
      ["dark", {}],
      ["open", {}],
      ["zero", {}]
    ] as const) {
      const { status, body } = await ask(flag, context)
      assert.strictEqual(status, 200)
      bodies.push(body)
    }
    const metadata = {}
    assert.deepStrictEqual(bodies, [
      { key: "rule", value: true, variant: "on", reason: "TARGETING_MATCH", metadata: { team: "a" } },
      { key: "rule", value: false, variant: "off", reason: "DEFAULT", metadata: { team: "a" } },
      { key: "dark", reason: "DISABLED", metadata },
      { key: "open", reason: "DEFAULT", metadata },
      { key: "zero", value: 0, variant: "none", reason: "STATIC", metadata }
    ])
  })

  it("OF1 what goes wrong is said with code and details", async () => {
    const gone = await ask("gone", {})
    assert.deepStrictEqual([gone.status, gone.body.errorCode, gone.body.key], [404, "FLAG_NOT_FOUND", "gone"])
    assert.isString(gone.body.errorDetails)
    const wrong = await ask("wrong", { v: "blue" })
    assert.deepStrictEqual([wrong.status, wrong.body.errorCode], [400, "GENERAL"])
    for (const context of [[1], "x", 5]) {
      const { status, body } = await ask("rule", context)
      assert.deepStrictEqual([status, body.errorCode], [400, "INVALID_CONTEXT"])
      assert.isString(body.errorDetails)
    }
    const broken = await ask("rule", {}, { body: "{ no JSON" })
    assert.deepStrictEqual([broken.status, broken.body.errorCode], [400, "INVALID_CONTEXT"])
    const forged = await ask("rule", {}, { body: '{"context":{"__proto__":{"plan":"pro"}}}' })
    assert.deepStrictEqual([forged.status, forged.body.errorCode], [400, "INVALID_CONTEXT"])
    const large = await ask("rule", { targetingKey: "x".repeat(1_000_000) })
    assert.strictEqual(large.status, 413)
  })

  it("OF1 bodies as providers send them: with members of a newer version, without a context, and none at all", async () => {
    for (const more of [{ body: {} }, { body: { context: {}, newer: 1 } }, { body: "" }]) {
      const { status, body } = await ask("rule", {}, more)
      assert.deepStrictEqual([status, body.variant], [200, "off"], JSON.stringify(more))
    }
  })

  it("OF2 all flags in one order, with an entity tag that is another for another context", async () => {
    const all = await ask("", { plan: "pro" })
    assert.deepStrictEqual(
      all.body.flags.map((one: { key: string }) => one.key),
      ["dark", "open", "rule", "wrong", "zero"]
    )
    const etag = all.headers.get("etag")!
    assert.match(etag, /^"[0-9a-f]{32}"$/)
    assert.strictEqual(all.headers.get("cache-control"), "private, no-cache")
    const held = (tag: string, context: unknown = { plan: "pro" }) =>
      ask("", context, { headers: { "if-none-match": tag } })
    for (const tag of [etag, `W/${etag}`, etag.slice(1, -1), `"x", ${etag}`]) {
      const { status, headers } = await held(tag)
      assert.deepStrictEqual([status, headers.get("etag")], [304, etag], tag)
    }
    for (const [tag, context] of [
      [etag, {}],
      ["*", { plan: "pro" }],
      ['"x"', { plan: "pro" }]
    ] as const) {
      assert.strictEqual((await held(tag, context)).status, 200, tag)
    }
    await put("zero", { state: "ENABLED", variants: { none: 1 }, defaultVariant: "none" })
    assert.strictEqual((await held(etag)).status, 200)
  })

  it("FG5, FG6 a flag set is an environment, and a key of another one may not read it", async () => {
    const as = (who: string, selector?: string) =>
      ask("rule", {}, { as: who, headers: selector === undefined ? {} : { "flagd-selector": selector } })
    assert.strictEqual((await as("admin", "flagSetId=staging")).body.reason, "STATIC")
    assert.strictEqual((await as("admin", "source=staging")).body.reason, "STATIC")
    assert.strictEqual((await as("admin", "staging")).body.reason, "STATIC")
    assert.strictEqual((await as("publisher@staging")).body.reason, "STATIC")
    assert.strictEqual((await as("admin")).body.reason, "DEFAULT")
    assert.strictEqual((await as("admin", "flagSetId=nowhere")).status, 404)
    assert.strictEqual((await as("subscriber@production", "flagSetId=staging")).status, 403)
    for (const wrong of ["flag=staging", "flagSetId=", "flagSetId=a b"]) {
      const { status, body } = await as("admin", wrong)
      assert.deepStrictEqual([status, body.errorCode], [400, "GENERAL"], wrong)
    }
  })
})
