/** What evaluations leave behind: counts, and nothing of who was evaluated. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Tracer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { FlagUses } from "../../src/flags/FlagUses.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { below, propagation } from "../support/Twins.ts"

const layer = Layer.suspend(() =>
  Layer.merge(Flags.layer, FlagUses.layer).pipe(
    Layer.provideMerge(propagation()),
    Layer.provideMerge(below(Memory.layer)),
    Layer.provideMerge(PerNode.layer)
  )
)
const publish = (key: string, definition: unknown) =>
  Effect.flatMap(Flags, (flags) =>
    flags.publish({ environment: "production", key, definition: JSON.stringify(definition) }, { message: "" })
  )
const rule = { if: [{ "==": [{ var: "email" }, "ann@example.org"] }, "on", "off"] }
const targeted = { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off", targeting: rule }

const counted = Effect.map(Metric.snapshot, (all) =>
  all
    .filter(({ id }) => id === "herald_flag_evaluations_total")
    .filter(({ state }) => (state as { count: number }).count > 0)
    .map(({ attributes, state }) => [attributes?.["door"], attributes?.["outcome"], (state as { count: number }).count])
    .sort()
)

describe("evaluations", () => {
  it.effect("UG1 each is counted by its door and its outcome; what people look at is none", () =>
    Effect.gen(function* () {
      const flags = yield* Flags
      yield* publish("a", { enabled: true })
      yield* publish("b", targeted)
      const rpc = callerOf("flagd-rpc", "grpc-go/1")
      yield* flags.resolve("production", "a", {}, rpc)
      yield* flags.resolve("production", "a", {}, rpc)
      yield* flags.resolve("production", "b", { email: "ann@example.org" }, rpc)
      yield* flags.resolve("production", "c", {}, rpc)
      yield* flags.resolve("production", "a", {}, rpc, (value) => typeof value === "string")
      yield* flags.resolveAll("production", {}, callerOf("ofrep-bulk", "node"))
      yield* flags.evaluate("production", "a", {})
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* counted, [
        ["flagd-rpc", "FLAG_NOT_FOUND", 1],
        ["flagd-rpc", "STATIC", 2],
        ["flagd-rpc", "TARGETING_MATCH", 1],
        ["flagd-rpc", "TYPE_MISMATCH", 1],
        ["ofrep-bulk", "STATIC", 1],
        ["ofrep-bulk", "TARGETING_MATCH", 1]
      ])
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
  )

  it.effect("UE1 a span that is kept says which flag had which variant and why, and nothing of who it was for", () =>
    Effect.gen(function* () {
      const flags = yield* Flags
      yield* publish("b", targeted)
      yield* publish("c", { ...targeted, targeting: { var: "email" } })
      const events: Array<Record<string, unknown>> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          span.event = (_, __, attributes) => void events.push(attributes ?? {})
          return span
        }
      })
      const rpc = callerOf("flagd-rpc", "grpc-go/1")
      for (const flag of ["b", "c"])
        yield* flags
          .resolve("production", flag, { email: "ann@example.org", targetingKey: "ann" }, rpc)
          .pipe(Effect.withSpan("request"), Effect.withTracer(tracer))
      const its = {
        "feature_flag.provider.name": "Herald",
        "feature_flag.set.id": "production",
        "feature_flag.version": "1"
      }
      assert.deepStrictEqual(events, [
        {
          ...{ ...its, "feature_flag.key": "b", "feature_flag.result.variant": "on" },
          "feature_flag.result.reason": "targeting_match"
        },
        { ...its, "feature_flag.key": "c", "feature_flag.result.reason": "error", "error.type": "general" }
      ])
      assert.notInclude(JSON.stringify(events), "ann")
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
  )

  it.effect("UG1 whoever evaluates a flag and looks then sees it", () =>
    Effect.gen(function* () {
      const [flags, uses] = [yield* Flags, yield* FlagUses]
      yield* publish("a", { enabled: true })
      yield* flags.resolve("production", "a", {}, callerOf("flagd-rpc", "grpc-go/1"))
      const { last, counts } = yield* uses.of("production", "a", 1)
      assert.deepInclude(last?.asked, { sdk: "grpc-go" })
      assert.strictEqual(counts[0]?.count, 1)
      yield* flags.resolveAll("production", {}, callerOf("ofrep-bulk", "node"))
      const page = yield* uses.last("production", { prefix: "", after: "", limit: 10 })
      assert.strictEqual(page.uses.length, 1)
      assert.isDefined(page.allAt)
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
  )
})
