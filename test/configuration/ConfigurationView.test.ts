import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Cache } from "../../src/configuration/Cache.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { propagationOn } from "../support/Twins.ts"

describe("ConfigurationView", () => {
  it.effect(
    "VC1 a value of a history that was lost goes with its heads, though the new one has the same number",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        const [node, view, cache] = [yield* Propagation, yield* ConfigurationView, yield* Cache]
        const { epoch } = node.position()
        for (const value of ["kept", "lost"]) yield* node.hint(yield* publish({ value }, false))
        assert.strictEqual(cache.get("production", "svc")?.configuration.value, "lost")
        faults.restore(1)
        Object.assign(faults.state, { epoch })
        yield* TestClock.adjust("1 second")

        assert.isUndefined(cache.get("production", "svc"))
        assert.strictEqual((yield* view.value("production", "svc"))?.value, "kept")
      }).pipe(Effect.provide(propagationOn(faults)))
    }
  )
})
