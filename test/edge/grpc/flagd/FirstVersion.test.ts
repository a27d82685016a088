/** flagd.evaluation.v1 at a door: what older providers and those of browsers ask. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js"
import { Effect } from "effect"
import {
  type EventStreamResponse,
  type ResolveAllResponse,
  ServiceClient
} from "../../../../proto/generated/flagd/evaluation/v1/evaluation.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { Flags } from "../../../../src/flags/Flags.ts"
import { Door } from "../../../support/Door.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

let door: Door
let client: ServiceClient
const flag = (value: unknown, more: object = {}) => ({
  ...{ state: "ENABLED", variants: { a: value }, defaultVariant: "a", metadata: { team: "x" } },
  ...more
})
const put = (key: string, definition: object, environment = "production") =>
  door.run(
    Effect.flatMap(Flags, (flags) =>
      flags.publish({ environment, key, definition: JSON.stringify(definition) }, { message: "" })
    ).pipe(Effect.provideService(CurrentIdentity, system))
  )
beforeAll(async () => {
  door = await Door.open()
  client = new ServiceClient(door.address, credentials.createInsecure())
  await put("false", flag(false))
  await put("empty", flag(""))
  await put("zero", flag(0))
  await put("half", flag(0.5))
  await put("object", flag({ list: [1, null] }))
  for (const [name, value] of Object.entries({ boolean: true, string: "x", number: 1, object: { a: 1 } }))
    await put(`dark-${name}`, flag(value, { state: "DISABLED" }))
  await put("open", flag(true, { defaultVariant: null }))
  await put("rule", flag(true, { targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "a"] }, defaultVariant: null }))
  await put("broken", flag(true, { targeting: { if: [{ "<": [{ cat: [{ var: "long" }, "x"] }, 1] }, "a"] } }))
})
afterAll(async () => {
  client.close()
  await door.close()
})

const metadata = (more: Readonly<Record<string, string>> = {}) => {
  const its = new Metadata()
  for (const [name, value] of Object.entries({ authorization: `Bearer ${door.token}`, ...more })) its.set(name, value)
  return its
}
type Method = "resolveBoolean" | "resolveString" | "resolveFloat" | "resolveInt" | "resolveObject"
const ask = (method: Method, flagKey: string, context: object = {}) =>
  new Promise<unknown>((resolve) => {
    const told = (error: ServiceError | null, answer?: { value: unknown; variant: string; reason: string }) =>
      resolve(error === null ? [answer!.value, answer!.variant, answer!.reason] : error.code)
    ;(client[method] as unknown as (request: object, metadata: Metadata, told: unknown) => Client).call(
      client,
      { flagKey, context },
      metadata(),
      told
    )
  })
const all = (context: object = {}, more: Readonly<Record<string, string>> = {}) =>
  new Promise<ResolveAllResponse["flags"] | number>((resolve) =>
    client.resolveAll({ context }, metadata(more), (error, answer) =>
      resolve(error === null ? answer.flags : error.code)
    )
  )

describe("flagd.evaluation.v1", () => {
  it("FP7 gives values as the second version does, zeros too", async () => {
    assert.deepStrictEqual(await ask("resolveBoolean", "false"), [false, "a", "STATIC"])
    assert.deepStrictEqual(await ask("resolveString", "empty"), ["", "a", "STATIC"])
    assert.deepStrictEqual(await ask("resolveInt", "zero"), [0n, "a", "STATIC"])
    assert.deepStrictEqual(await ask("resolveFloat", "half"), [0.5, "a", "STATIC"])
    assert.deepStrictEqual(await ask("resolveObject", "object"), [{ list: [1, null] }, "a", "STATIC"])
    assert.deepStrictEqual(await ask("resolveBoolean", "rule", { plan: "pro" }), [true, "a", "TARGETING_MATCH"])
    assert.deepStrictEqual([await ask("resolveBoolean", "gone"), await ask("resolveString", "false")], [5, 3])
    assert.strictEqual(await ask("resolveInt", "half"), 3)
  })

  it("FP7 a flag that is disabled has the zero of the type that is asked for, and one without a default is not found", async () => {
    assert.deepStrictEqual(await ask("resolveBoolean", "dark-boolean"), [false, "", "DISABLED"])
    assert.deepStrictEqual(await ask("resolveString", "dark-boolean"), ["", "", "DISABLED"])
    assert.deepStrictEqual(await ask("resolveFloat", "dark-number"), [0, "", "DISABLED"])
    assert.deepStrictEqual(await ask("resolveInt", "dark-number"), [0n, "", "DISABLED"])
    assert.deepStrictEqual(await ask("resolveObject", "dark-object"), [{}, "", "DISABLED"])
    assert.deepStrictEqual([await ask("resolveBoolean", "open"), await ask("resolveBoolean", "rule")], [5, 5])
  })

  it("FP7 gives all flags of an environment at once, but those without a default", async () => {
    const flags = (await all({ plan: "pro" })) as ResolveAllResponse["flags"]
    const told = Object.fromEntries(
      Object.entries(flags).map(([key, { reason, variant, value }]) => [key, [value?.value, variant, reason]])
    )
    assert.deepStrictEqual(told, {
      broken: [undefined, "", "ERROR"],
      "dark-boolean": [false, "", "DISABLED"],
      "dark-number": [0, "", "DISABLED"],
      "dark-object": [{}, "", "DISABLED"],
      "dark-string": ["", "", "DISABLED"],
      empty: ["", "a", "STATIC"],
      false: [false, "a", "STATIC"],
      half: [0.5, "a", "STATIC"],
      object: [{ list: [1, null] }, "a", "STATIC"],
      rule: [true, "a", "TARGETING_MATCH"],
      zero: [0, "a", "STATIC"]
    })
    assert.deepStrictEqual(flags["false"]?.metadata, { team: "x" })
    assert.notProperty(await all(), "rule")
    assert.deepStrictEqual(await all({}, { "flagd-selector": "flagSetId=staging" }), {})
    assert.strictEqual(await all({}, { authorization: "Bearer wrong" }), 16)
    await put("here", { enabled: true }, "staging")
    const named = (await all({}, { "flagd-selector": "flagSetId=staging" })) as ResolveAllResponse["flags"]
    assert.deepStrictEqual(Object.keys(named), ["here"])
    const reader = await door.key("subscriber", ["staging"], "reader")
    assert.strictEqual(
      await all({}, { authorization: `Bearer ${reader}`, "flagd-selector": "flagSetId=production" }),
      7
    )
  })

  it("FT1 tells of changes on a stream", async () => {
    const stream = client.eventStream({}, metadata())
    const got: Array<EventStreamResponse> = []
    stream.on("data", (event: EventStreamResponse) => got.push(event))
    stream.on("error", () => {})
    await waitUntil("it to be open", () => got[0]?.type === "provider_ready")
    await put("new", flag(true))
    await waitUntil("the change", () => got.some(({ data }) => data?.["flags"]?.new?.type === "write"))
    stream.cancel()
  })
})
