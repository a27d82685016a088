import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type Identity, system } from "../../src/access/Identity.ts"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { makeReading } from "../../src/configuration/Reading.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { configuration } from "../support/Configuration.ts"
import { workers } from "../support/workers.ts"
import { as, draft, on, publish } from "./Harness.ts"

const stored = configuration("app", 9, { version: 3, value: "1", valueType: "json" })

const unavailable = Effect.fail(failure("DatabaseUnavailable", "PostgreSQL does not answer"))

/** This node's view is from before the database went away. */
const cutOff = (view: Configuration | undefined) =>
  Layer.mergeAll(
    workers(),
    Layer.mock(ConfigurationStore, {
      current: () => unavailable,
      currents: (keys) => Effect.succeed(keys.map(() => view)), // a replica answers
      version: () => unavailable,
      history: () => unavailable
    }),
    Layer.mock(Propagation, {
      position: () => ({ epoch: "e", revision: 9n }),
      stale: () => true
    }),
    Layer.mock(ConfigurationView, {
      kind: "configuration",
      apply: () => {},
      committed: () => {},
      forget: () => {},
      head: () => view,
      environments: () => [],
      page: () => (view === undefined ? [] : [view]),
      slices: function* () {},
      value: () => Effect.succeed(view),
      warm: () => {}
    })
  )

const read = (view: Configuration | undefined, consistency: "strong" | "cached") =>
  Effect.flatMap(makeReading, ({ get }) => get("production", "app", consistency)).pipe(
    as(system),
    Effect.provide(cutOff(view))
  )

describe("Reading without a database", () => {
  it.effect("serves cached reads and says that they are stale", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read(stored, "cached"), { configuration: stored, stale: true })
    })
  )

  it.effect("refuses a stale read of a strict key, and every strong one", () =>
    Effect.gen(function* () {
      const strict = yield* Effect.flip(read({ ...stored, strict: true }, "cached"))
      const strong = yield* Effect.flip(read(stored, "strong"))
      const unknown = yield* Effect.flip(read(undefined, "cached"))

      assert.deepStrictEqual([strict.name, strong.name, unknown.name], ["StaleRead", "DatabaseUnavailable", "NotFound"])
    })
  )
})

describe("Reading many values without a database", () => {
  it.effect("AO3 gives what a replica has, and nothing strict", () =>
    Effect.gen(function* () {
      const page = (view: Configuration) =>
        Effect.flatMap(makeReading, ({ values }) =>
          values({ environment: "production", prefix: "", limit: 10, after: "" })
        ).pipe(as(system), Effect.provide(cutOff(view)))
      assert.deepStrictEqual((yield* page(stored)).found, [stored])
      assert.strictEqual((yield* Effect.flip(page({ ...stored, strict: true }))).name, "StaleRead")
    })
  )
})

describe("Reading what is not there", () => {
  it.effect("NK1 NK2 names what is near and may be read, of many keys too", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const keys = Array.from({ length: 400 }, (_, n) => draft("1", { key: `a.filler.${n}` }))
      yield* publish(...keys)
      yield* publish(draft("1", { key: "user-service" }), draft("1", { key: "zoo.elephant.count" }))
      yield* publish(draft("1", { key: "gone-service" }))
      yield* publish(draft(null, { key: "gone-service" }))
      const asked = (environment: string, key: string, identity: Identity = system) =>
        configurations.get(environment, key, "cached").pipe(as(identity), Effect.flip)
      const typo = yield* asked("production", "user-servise")
      const far = yield* asked("production", "zoo.elephnat.count")
      const gone = yield* asked("production", "gone-servicee")
      const nothing = yield* asked("production", "payments")
      const place = yield* asked("prodction", "user-service")
      const stranger = { name: "s", keyId: "s", role: "viewer", environments: ["prodction"] } as const
      const back = yield* configurations
        .rollback("production", "user-servise", 1, { message: "" })
        .pipe(as(system), Effect.flip)
      const version = yield* configurations.version("production", "user-servise", 1).pipe(as(system), Effect.flip)
      const versionless = yield* configurations.version("production", "user-service", 9).pipe(as(system), Effect.flip)
      const hidden = yield* asked("prodction", "user-service", stranger)

      assert.include(typo.message, "did you mean user-service?")
      assert.deepStrictEqual(typo.details?.["near"], { keys: ["user-service"], environments: [] })
      assert.include(far.message, "did you mean zoo.elephant.count?")
      for (const { message } of [back, version])
        assert.strictEqual(message, "there is no key user-servise in production; did you mean user-service?")
      assert.include(versionless.message, "has no version 9")
      assert.notInclude(gone.message, "gone-service?")
      assert.notInclude(nothing.message, "did you mean")
      assert.include(place.message, "did you mean production?")
      assert.notInclude(hidden.message, "production?")
    }).pipe(on())
  )
})
