/** What evaluations leave behind: counts, and nothing of who was evaluated. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Flags } from "../../src/flags/Flags.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { below, propagation } from "../support/Twins.ts"

const layer = Layer.suspend(() =>
  Flags.layer.pipe(
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
      yield* flags.resolveAll("production", {}, callerOf("ofrep-bulk", "node"))
      yield* flags.evaluate("production", "a", {})
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* counted, [
        ["flagd-rpc", "FLAG_NOT_FOUND", 1],
        ["flagd-rpc", "STATIC", 2],
        ["flagd-rpc", "TARGETING_MATCH", 1],
        ["ofrep-bulk", "STATIC", 1],
        ["ofrep-bulk", "TARGETING_MATCH", 1]
      ])
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
  )
})
