/** OpenFeature's remote evaluation protocol, as its providers use it. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { eventOf, positionOf } from "../../../../src/edge/http/ofrep/Wire.ts"
import { startRoutes } from "../Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
const ALL = "/ofrep/v1/evaluate/flags"

const put = async (flag: string, value: unknown, environment = "production") => {
  const path = `/v1/flags/${flag}?environment=${environment}`
  const { status, body } = await door.call("PUT", path, { as: "admin", body: { value } })
  assert.strictEqual(status, 200, JSON.stringify(body))
}
const ask = (
  flag: string,
  context: unknown,
  { path = "", ...more }: { readonly path?: string; readonly [option: string]: unknown } = {}
) =>
  door.call("POST", flag === "" ? `${ALL}${path}` : `${ALL}/${flag}`, {
    as: "subscriber@production",
    body: { context },
    ...more
  })

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

  it("OF3 with all flags comes where changes are told: with a ticket of its own that no token is in, the same for an hour", async () => {
    const [one, two] = [await ask("", {}), await ask("", { plan: "pro" })]
    const [stream, ...more] = one.body.eventStreams
    assert.deepStrictEqual(more, [])
    assert.deepStrictEqual(Object.keys(stream), ["type", "endpoint"])
    const uri: string = stream.endpoint.requestUri
    assert.match(uri, /^\/ofrep\/v1\/events\?environment=production&ticket=[0-9a-f]{16}\.\d+\.[0-9a-f]{32}$/)
    assert.notInclude(uri, door.tokens.get("subscriber@production")!.split("_")[2]!)
    assert.deepStrictEqual(two.body.eventStreams, one.body.eventStreams)
    assert.notDeepEqual((await ask("", {}, { as: "admin" })).body.eventStreams, one.body.eventStreams)
    const staging = await ask("", {}, { as: "admin", headers: { "flagd-selector": "flagSetId=staging" } })
    assert.include(staging.body.eventStreams[0].endpoint.requestUri, "environment=staging&")
  })

  it("TI1 a ticket opens the stream of its environment, and nothing else", async () => {
    const { eventStreams } = (await ask("", {})).body
    const [path = "", ticket = ""] = eventStreams[0].endpoint.requestUri.split("&ticket=")
    const by = (method: string, url: string, said = ticket) =>
      door.call(method, url, { as: "nobody", headers: { authorization: `Ticket ${said}` } })

    const { status, headers } = await by("HEAD", path)
    assert.deepStrictEqual([status, headers.get("content-type")], [200, "text/event-stream"])
    assert.strictEqual((await by("HEAD", path.replace("production", "staging"))).status, 401)
    assert.strictEqual((await by("HEAD", path, `${ticket}0`)).status, 401)
    assert.strictEqual((await by("HEAD", "/ofrep/v1/events")).status, 401)
    for (const url of [
      "/v1/flags?environment=production",
      "/v1/events?environment=production",
      "/v1/flagd?environment=production"
    ])
      assert.strictEqual((await by("GET", url)).status, 401, url)
    assert.strictEqual(
      (await door.call("POST", ALL, { as: "nobody", headers: { authorization: `Ticket ${ticket}` } })).status,
      401
    )
  })

  it("OF4 events have no name, and their id is what their reader should have", () => {
    const at = { epoch: "e-1", revision: 7n }
    assert.strictEqual(eventOf({ _tag: "Open", at }), "id: e-1.7\n\n")
    assert.strictEqual(eventOf({ _tag: "Alive" }), ": alive\n\n")
    const event = 'id: e-1.7\ndata: {"type":"refetchEvaluation","etag":"e-1.7"}\n\n'
    assert.strictEqual(eventOf({ _tag: "Changed", at }), event)
    assert.deepStrictEqual([positionOf("e-1.7"), positionOf('"e-1.7"')], [at, at])
    for (const other of [undefined, "", "7", "e.x", "e.7.8", `e.${"9".repeat(30)}`])
      assert.isUndefined(positionOf(other))
  })

  it("OF4 what was told of is there, or the answer is to come again", async () => {
    const { revision, epoch } = (
      await door.call("PUT", "/v1/flags/zero?environment=production", { body: { value: { enabled: true } } })
    ).body
    const again = await ask("", {}, { path: `?flagConfigEtag=${epoch}.${revision}` })
    assert.strictEqual(again.status, 200)
    for (const other of ["nonsense", "%22x%22", `gone.${revision}`])
      assert.strictEqual((await ask("", {}, { path: `?flagConfigEtag=${other}&flagConfigLastModified=1` })).status, 200)
    await put("zero", { state: "ENABLED", variants: { none: 0 }, defaultVariant: "none" })
  })

  it("OF5 a name with slashes is found, percent-encoded or not; what else stands there is a name that nobody has", async () => {
    await put("team%2Fone", { enabled: true })
    for (const name of ["team/one", "team%2Fone", "team%2fone"]) {
      const { status, body } = await ask(name, {})
      assert.deepStrictEqual([status, body.key, body.value], [200, "team/one", true], name)
    }
    for (const [name, key] of [
      ["team/one/more", "team/one/more"],
      ["rule?x=1", "rule?x=1"],
      ["rule%3F", "rule?"],
      ["rule%", "rule%"],
      ["50%off", "50%off"],
      ["rule/", "rule/"]
    ] as const) {
      const { status, body } = await ask(name, {})
      assert.deepStrictEqual([status, body.errorCode, body.key], [404, "FLAG_NOT_FOUND", key], name)
    }
  })
})

it("OF6 all flags cost by their number", async () => {
  const few = await startRoutes([], {}, 2_000)
  const value = { enabled: true }
  const flags = Array.from({ length: 200 }, (_, n) => ({ flag: `f${n}`, environment: "production", value }))
  const put = await few.call("POST", "/v1/releases", { body: { changes: [], flags } })
  assert.strictEqual(put.status, 200, JSON.stringify(put.body))
  let answered = 0
  const ask = () => few.call("POST", ALL, { as: "subscriber@production", body: {} })
  while ((await ask()).status === 200) answered++
  // Each costs 4, one more where it says how long its body is, and 4 for its flags.
  assert.include([Math.floor(2_000 / 8), Math.floor(2_000 / 9)], answered)
  await few.dispose()
})
