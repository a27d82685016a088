/** flagd.evaluation.v2 at two doors: one that answers evaluations without a fiber, and one where spans are kept, which does not. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js"
import { Effect, Layer, Tracer } from "effect"
import {
  type ResolveBooleanResponse,
  ServiceClient
} from "../../../../proto/generated/flagd/evaluation/v2/evaluation.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { Flags } from "../../../../src/flags/Flags.ts"
import { Usage } from "../../../../src/usage/Usage.ts"
import { UsageStore } from "../../../../src/usage/UsageStore.ts"
import { Door } from "../../../support/Door.ts"

const spans: Array<string> = []
const tracer = Tracer.make({
  span: (options) => {
    spans.push(options.name)
    return new Tracer.NativeSpan(options)
  }
})
const doors: Array<{ readonly door: Door; readonly client: ServiceClient; readonly other: string }> = []
const definitions = {
  rule: { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] },
  wrong: { var: "v" },
  costly: { if: [{ some: [{ var: "l" }, { in: [{ var: "" }, ["x"]] }] }, "on", "off"] }
}
beforeAll(async () => {
  for (const beneath of [Layer.empty, Layer.succeed(Tracer.Tracer, tracer)]) {
    const door = await Door.open({}, [], beneath)
    for (const [key, targeting] of Object.entries(definitions)) {
      const variants = { on: true, off: false }
      const definition = JSON.stringify({ state: "ENABLED", variants, defaultVariant: "off", targeting })
      const put = Effect.flatMap(Flags, (flags) =>
        flags.publish({ environment: "production", key, definition }, { message: "" })
      )
      await door.run(Effect.provideService(put, CurrentIdentity, system))
    }
    const client = new ServiceClient(door.address, credentials.createInsecure())
    doors.push({ door, client, other: await door.key("subscriber", ["staging"], "other") })
  }
})
afterAll(async () => {
  for (const { door, client } of doors) {
    client.close()
    await door.close()
  }
})

describe("flagd.evaluation.v2", () => {
  it("FP10 answers alike with a fiber and without", async () => {
    const asked: ReadonlyArray<readonly [flag: string, context: object, headers: Readonly<Record<string, string>>]> = [
      ["rule", { plan: "pro" }, {}],
      ["rule", {}, {}],
      ["rule", { plan: "pro" }, { "flagd-selector": "flagSetId=production" }],
      ["rule", {}, { "flagd-selector": "flagSetId=staging" }],
      ["rule", {}, { "flagd-selector": "what=x" }],
      ["rule", {}, { authorization: "other" }],
      ["rule", {}, { authorization: "other", "flagd-selector": "production" }],
      ["rule", {}, { authorization: "Bearer hrld_wrong" }],
      ["rule", {}, { authorization: `Bearer hrld_${"a".repeat(16)}_${"b".repeat(64)}` }],
      ["gone", {}, {}],
      ["a b", {}, {}],
      ["wrong", { v: "blue" }, {}],
      ["costly", { l: Array.from({ length: 20_000 }, () => "a") }, {}]
    ]
    for (const [flagKey, context, headers] of asked) {
      const found: Array<unknown> = []
      for (const { door, client, other } of doors) {
        const metadata = new Metadata()
        metadata.set("authorization", `Bearer ${door.token}`)
        for (const [name, value] of Object.entries(headers))
          metadata.set(name, value === "other" ? `Bearer ${other}` : value)
        spans.length = 0
        found.push(await ask(client, { flagKey, context }, metadata))
      }
      assert.deepStrictEqual(found[0], found[1], `${flagKey} ${JSON.stringify(headers)}`)
      assert.include(spans, "flagd.evaluation.v2.Service/ResolveBoolean")
    }
  })

  it("FP10 counts a value of another type as an error with a fiber and without", async () => {
    const definition = JSON.stringify({ state: "ENABLED", variants: { a: "a" }, defaultVariant: "a" })
    for (const { door, client } of doors) {
      const put = Effect.flatMap(Flags, (flags) =>
        flags.publish({ environment: "production", key: "text", definition }, { message: "" })
      )
      await door.run(Effect.provideService(put, CurrentIdentity, system))
      const metadata = new Metadata()
      metadata.set("authorization", `Bearer ${door.token}`)
      const [code] = (await ask(client, { flagKey: "text", context: {} }, metadata)) as [number]
      assert.strictEqual(code, status.INVALID_ARGUMENT)
      const counted = Effect.gen(function* () {
        yield* (yield* Usage).flush
        return yield* (yield* UsageStore).counts("production", "text", { from: 0, limit: 10 })
      })
      const found = await door.run(counted)
      assert.deepStrictEqual(
        found.map(({ outcome, count }) => [outcome, count]),
        [["TYPE_MISMATCH", 1]]
      )
    }
  })
})

const ask = (client: ServiceClient, request: { flagKey: string; context: object }, metadata: Metadata) =>
  new Promise<unknown>((resolve) =>
    client.resolveBoolean(request, metadata, (error: ServiceError | null, answer: ResolveBooleanResponse) =>
      resolve(error === null ? answer : [error.code, error.details, error.metadata.get("herald-code")])
    )
  )
