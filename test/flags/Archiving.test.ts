import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { ConnectedClients } from "../../src/fleet/ConnectedClients.ts"
import { RefStore } from "../../src/refs/RefStore.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { Usage } from "../../src/usage/Usage.ts"
import { below, propagation } from "../support/Twins.ts"

const layer = Layer.suspend(() =>
  Layer.merge(Flags.layer, Configurations.layer).pipe(
    Layer.provide(Layer.succeed(ConnectedClients, { covering: () => Effect.succeed([]) })),
    Layer.provideMerge(propagation({ pollInterval: "1 hour", staleAfter: "2 days" })), // a day passes
    Layer.provideMerge(below(Memory.layer))
  )
)
const draft = (key: string, definition: unknown, force?: boolean) => ({
  environment: "production",
  key,
  definition: definition === null ? null : JSON.stringify(definition),
  ...(force === undefined ? {} : { force })
})
const publish = (key: string, definition: unknown, message = "", force?: boolean) =>
  Effect.flatMap(Flags, (flags) => flags.publish(draft(key, definition, force), { message }))
const evaluate = (key: string) =>
  Effect.gen(function* () {
    yield* (yield* Flags).resolve("production", key, {}, callerOf("ofrep", "shop/1.2"))
  })

describe("archiving", () => {
  it.effect(
    "AV1 a flag that was evaluated within a day stays, and who asks is told by whom, when and where it is named",
    () =>
      Effect.gen(function* () {
        const { beside, validate } = yield* Flags
        const { release } = yield* Configurations
        yield* publish("a", { enabled: true })
        yield* evaluate("a")
        const places = Array.from({ length: 11 }, (_, n) => ({ flag: "a", file: "src/x.ts", line: n + 1 }))
        const source = { repository: "acme/shop", branch: "main", commit: "" }
        yield* (yield* RefStore).replace("production", source, "ci", places)

        const { name, message, details } = yield* Effect.flip(publish("a", null))
        assert.strictEqual(name, "FlagEvaluated")
        assert.include(message, "1970-01-01T00:00:00.000Z")
        assert.include(message, "shop")
        assert.include(message, "ofrep")
        assert.include(message, "acme/shop (main) src/x.ts:1, ")
        assert.include(message, "in more places")
        assert.lengthOf(details!["places"] as ReadonlyArray<string>, 10)
        assert.strictEqual((yield* Effect.flip(validate([draft("a", null)]))).name, name)
        const parts = yield* beside([draft("a", null)])
        assert.strictEqual((yield* Effect.flip(release([], { message: "why" }, parts))).name, name)
        assert.isFalse((yield* (yield* Flags).get("production", "a")).deleted)

        yield* TestClock.adjust("1 day")
        yield* publish("a", null)
      }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
  )

  it.effect("AV1 whoever archives it all the same says why, in the audit log, alone and in a release", () =>
    Effect.gen(function* () {
      const { beside } = yield* Flags
      const { release } = yield* Configurations
      for (const key of ["a", "b"]) {
        yield* publish(key, { enabled: true })
        yield* evaluate(key)
      }
      assert.strictEqual((yield* Effect.flip(publish("a", null, "  ", true))).name, "InvalidInput")
      yield* publish("a", null, "it is broken", true)
      const parts = yield* beside([draft("b", null, true)])
      assert.strictEqual((yield* Effect.flip(release([], { message: "" }, parts))).name, "InvalidInput")
      yield* release([], { message: "broken, too" }, parts)
      const entries = yield* (yield* AuditLog).read({ limit: 10 })
      assert.includeMembers(
        entries.map(({ details }) => details["message"] as string),
        ["it is broken", "broken, too"]
      )
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
  )

  it.effect("AV2 a flag that nobody asked for by its name is archived, whoever took all of them", () =>
    Effect.gen(function* () {
      yield* publish("a", { enabled: true })
      const usage = yield* Usage
      usage.noteAll("production", callerOf("flagd-sync", "go"))
      yield* usage.flush
      yield* publish("a", null)
    }).pipe(Effect.provideService(CurrentIdentity, system), Effect.provide(layer))
  )
})
