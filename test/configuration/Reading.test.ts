import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { system } from "../../src/access/Identity.ts"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { makeReading } from "../../src/configuration/Reading.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { configuration } from "../support/Configuration.ts"
import { workers } from "../support/workers.ts"
import { as } from "./Harness.ts"

const stored = configuration("app", 9, { version: 3, value: "1", valueType: "json" })

const unavailable = Effect.fail(failure("DatabaseUnavailable", "PostgreSQL does not answer"))

/** This node's view is from before the database went away. */
const cutOff = (view: Configuration | undefined) =>
  Layer.mergeAll(
    workers(),
    Layer.mock(ConfigurationStore, {
      current: () => unavailable,
      version: () => unavailable,
      history: () => unavailable
    }),
    Layer.mock(Propagation, {
      position: () => ({ epoch: "e", revision: 9n }),
      stale: () => true
    }),
    Layer.mock(ConfigurationView, {
      head: () => view,
      environments: () => [],
      page: () => (view === undefined ? [] : [view]),
      slices: function* () {},
      value: () => Effect.succeed(view)
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
