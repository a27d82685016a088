import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { aboutOf, inTouchScope, kindOfName, touchesAll, touchScope } from "../../src/access/About.ts"
import { kinds } from "../../src/access/Identity.ts"
import { experimentKind } from "../../src/experiments/Experiment.ts"
import { flagKind } from "../../src/flags/FeatureFlag.ts"
import { flagSettingsKind } from "../../src/flags/FlagSettings.ts"
import { makeKinds } from "../../src/propagation/Kind.ts"
import { rolloutKind } from "../../src/rollouts/RolloutKind.ts"
import { scheduleKind } from "../../src/schedules/Schedule.ts"

const changes = ["configuration", "flag", "segment", "flag_settings", "rollout", "toy"] as const
const keys = ["a", "a.b", "a.b.c", "ab", "b"] as const

describe("what changes are about", () => {
  it.prop(
    "DN3 a store is told the same of each change as a use case is",
    [
      Schema.Struct({
        keys: Schema.optionalKey(Schema.Array(Schema.Literals(["*", "a", "a.*", "a.b", "b"]))),
        kinds: Schema.optionalKey(Schema.Array(Schema.Literals(kinds)))
      })
    ],
    ([grant]) => {
      for (const kind of changes)
        for (const key of keys)
          assert.strictEqual(
            inTouchScope(touchScope(grant), { kind, key }),
            touchesAll(grant, [aboutOf(kind, key)]),
            `${kind} ${key}`
          )
    },
    { arbitrary: { runs: 1_000 } }
  )

  it("DN1 of a kind that rights don't know, only who may touch everything hears", () => {
    const { touches } = makeKinds(flagKind, flagSettingsKind, rolloutKind, experimentKind, scheduleKind)
    const hears = (grant: object, change: object) => touchesAll(grant, touches(change as never))
    const toy = { kind: "toy", environment: "e", key: "a.b" }
    assert.isTrue(hears({}, toy))
    assert.isTrue(hears({ keys: ["*"] }, toy))
    assert.isFalse(hears({ keys: ["a.*"] }, toy))
    assert.isFalse(hears({ kinds }, toy))
    const target = (key: string) => ({ kind: "flag", key })
    const rollout = (...of: ReadonlyArray<string>) => ({ kind: "rollout", key: "r1", targets: of.map(target) })
    assert.isTrue(hears({ keys: ["a.*"] }, rollout("a.b", "a.c")))
    assert.isFalse(hears({ keys: ["a.*"] }, rollout("a.b", "b")))
    assert.isFalse(hears({ keys: ["a.*"], kinds: ["flag"] }, rollout("a.b")))
    assert.isTrue(hears({ keys: ["a.*"] }, { kind: "experiment", key: "x", flag: "a.b" }))
    assert.isFalse(hears({ keys: ["a.*"] }, { kind: "experiment", key: "a.x", flag: "b" }))
    assert.isTrue(hears({ keys: ["a.*"] }, { kind: "schedule", key: "s1", touches: [target("a.b")] }))
    assert.isFalse(hears({ keys: ["a.*"] }, { kind: "schedule", key: "s1", touches: [target("a.b"), target("b")] }))
    assert.isFalse(hears({ keys: ["a.*"] }, { kind: "flag_settings", key: "a.b" }))
    assert.isTrue(hears({ kinds: ["flag"] }, { kind: "flag_settings", key: "all" }))
    assert.strictEqual(kindOfName(""), "config")
    assert.isUndefined(kindOfName("rollout"))
    assert.isUndefined(kindOfName("constructor"))
  })
})
