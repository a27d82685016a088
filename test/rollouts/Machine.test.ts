import { assert, describe, it } from "@effect/vitest"
import type { PrometheusGate, RateGate } from "../../src/plans/Plan.ts"
import type { Freeze } from "../../src/plans/Windows.ts"
import type { Evidence, Reading } from "../../src/rollouts/Evidence.ts"
import { readingsOf, unknown } from "../../src/rollouts/Gates.ts"
import { type Clocks, type Decision, decide } from "../../src/rollouts/Machine.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { census, evidence, NOW, plan, rollout, stage } from "../support/Rollouts.ts"

const others = (external?: Reading) => ({
  rate: (gate: RateGate) => unknown(gate, "no rates here"),
  external: () => external
})
const decided = (
  of: Rollout,
  known: Evidence | undefined,
  clocks: Partial<Clocks> = {},
  { external, freezes = [] }: { external?: Reading; freezes?: ReadonlyArray<Freeze> } = {}
): Decision =>
  decide(
    of,
    { evidence: known, readings: readingsOf(of.plan, known, others(external)), freezes },
    { now: NOW, left: (of.until ?? NOW) - (clocks.now ?? NOW), missing: 0, ...clocks }
  )
const stepOf = (decision: Decision) => {
  assert.strictEqual(decision.type, "move", decision.type === "wait" ? decision.why : "")
  return (decision as Extract<Decision, { type: "move" }>).step
}
const waitOf = (decision: Decision) => {
  assert.strictEqual(
    decision.type,
    "wait",
    decision.type === "move" ? `${decision.step.to}: ${decision.step.why.text}` : ""
  )
  return decision as Extract<Decision, { type: "wait" }>
}

const baking = (more: Partial<Rollout> = {}) => rollout({ state: "baking", until: NOW + 60_000, ...more })
const good = evidence({ healthy: 10 }, { bad: 3n })
const after = { now: NOW + 60_000 }

const prometheus: PrometheusGate = {
  type: "prometheus",
  url: "https://p",
  query: "up",
  is: ">",
  limit: 0,
  everyMillis: 1,
  timeoutMillis: 1,
  text: "prometheus",
  dryRun: false
}

describe("Machine", () => {
  it("MV1 bad evidence takes it back from deploying, baking and paused, and says why", () => {
    const bad = evidence(
      { healthy: 7, unhealthy: 3 },
      { examples: [{ service: "s", instance: "web-1", is: "unhealthy", reason: "no database" }] }
    )
    for (const state of ["deploying", "baking", "paused"] as const) {
      const { to, why, bad: seen } = stepOf(decided(rollout({ state }), bad))
      assert.strictEqual(to, "rolled_back")
      assert.strictEqual(
        why.text,
        "unhealthy < 2%: 3 of 10 that are known are unhealthy (30%), limit 2%; web-1 unhealthy (no database)"
      )
      assert.strictEqual(why.counts?.unhealthy, 3)
      assert.lengthOf(why.readings, 3)
      assert.isNull(seen, "whatever else became bad meanwhile")
    }
  })

  it("MV1 a dry run is read and decides nothing", () => {
    const of = baking({ plan: plan({ gates: [census("unhealthy", { dryRun: true })] }) })
    const { to, why } = stepOf(decided(of, evidence({ unhealthy: 10 }), after))
    assert.strictEqual(to, "deploying")
    assert.strictEqual(why.readings[0]?.verdict, "bad")
  })

  it("MV2 it bakes when enough have applied it, and every node has told of its own", () => {
    const of = rollout()
    const { to, stage, begins, lasts, due, bad } = stepOf(
      decided(of, evidence({ applied: 9, offered: 1 }, { bad: 1n }))
    )
    assert.deepStrictEqual(
      { to, stage, begins, lasts, due, bad },
      { to: "baking", stage: 0, begins: false, lasts: 60_000, due: false, bad: 1n }
    )
    assert.include(waitOf(decided(of, evidence({ applied: 8, offered: 2 }))).why, "8 of 10 have applied it (80%)")
    assert.isTrue(waitOf(decided(of, evidence({ applied: 10 }, { complete: false }))).missing)
    assert.include(waitOf(decided(of, evidence({ left: 4 }))).why, "no instance of the cohort is connected")
    assert.isTrue(waitOf(decided(of, undefined)).missing)
  })

  it("MV2 people need no instance that is connected; those that are have to have the flag", () => {
    const raise = { plan: plan({ raise: { variant: "on" }, gates: [] }) }
    assert.strictEqual(stepOf(decided(rollout(raise), evidence())).to, "baking")
    assert.match(waitOf(decided(rollout(raise), evidence({ applied: 1, delivered: 9 }))).why, /1 of 10 have applied/)
    assert.strictEqual(stepOf(decided(baking(raise), evidence(), after)).to, "deploying")
  })

  it("MV2 what is missing for longer than the patience pauses, and never promotes", () => {
    const silent = { external: unknown(prometheus, "no answer within 5 s") }
    const asks = { plan: plan({ gates: [prometheus] }) }
    for (const state of ["deploying", "baking"] as const) {
      for (const [known, more, external] of [
        [undefined, {}, {}],
        [evidence({ applied: 10 }, { complete: false }), {}, {}],
        [good, asks, silent]
      ] as const) {
        const of = rollout({ state, ...more })
        const { missing, millis } = waitOf(decided(of, known, { missing: 110_000 }, external))
        assert.isTrue(missing)
        assert.strictEqual(millis, 10_000)
        const { to, bad } = stepOf(decided(of, known, { missing: 120_000 }, external))
        assert.strictEqual(to, "paused")
        assert.isNull(bad)
      }
    }
  })

  it("MV2 a gate that nobody can read when the bake is over has the plan's patience, then it pauses", () => {
    const of = baking({ plan: plan({ gates: [census("unhealthy")] }) })
    const few = evidence({ healthy: 5, applied: 5 })
    assert.strictEqual(waitOf(decided(of, few, after)).millis, 120_000)
    assert.strictEqual(waitOf(decided(of, few, { now: NOW + 170_000 })).millis, 10_000)
    const { to, why } = stepOf(decided(of, few, { now: NOW + 180_000 }))
    assert.strictEqual(to, "paused")
    assert.include(why.text, "5 of 10 are known (50%)")
    assert.strictEqual(stepOf(decided(of, good, { now: NOW + 170_000 })).to, "deploying", "it came late")
  })

  it("MV2 the cohort left, or lost the change, while it baked: nothing is proven", () => {
    assert.include(waitOf(decided(baking(), evidence({ left: 10 }), after)).why, "no instance")
    const none = baking({ plan: plan({ gates: [] }) })
    assert.include(waitOf(decided(none, evidence({ applied: 5, offered: 5 }), after)).why, "5 of 10 have applied it")
  })

  it("MV3 AJ1 at the end of a bake the next stage begins, with the evidence it was decided on", () => {
    const { to, stage, begins, lasts, due, bad, why } = stepOf(decided(baking(), good, after))
    assert.deepStrictEqual(
      { to, stage, begins, lasts, due, bad },
      { to: "deploying", stage: 1, begins: true, lasts: 600_000, due: true, bad: 3n }
    )
    assert.strictEqual(why.text, "stage 1 of 2 (10%) was good; stage 2 of 2 (100%) begins")
    const last = stepOf(decided(baking({ stage: 1 }), good, after))
    assert.deepStrictEqual([last.to, last.due, last.bad, last.begins], ["completed", true, 3n, false])
  })

  it("MV4 a time is over when both clocks say so", () => {
    const [store, own] = [{ now: NOW + 60_000 }, { left: 0 }]
    assert.strictEqual(
      waitOf(decided(baking(), good, { ...store, left: 40_000 })).millis,
      40_000,
      "the store's jumped ahead"
    )
    assert.strictEqual(waitOf(decided(baking(), good, { ...own, now: NOW - 3_600_000 })).millis, 3_660_000, "or back")
    assert.strictEqual(stepOf(decided(baking(), good, { ...store, ...own })).to, "deploying")
    const few = evidence({ offered: 10 })
    assert.strictEqual(waitOf(decided(rollout(), few, { now: NOW + 3_600_000, left: 500_000 })).millis, 500_000)
    const scheduled = rollout({ state: "scheduled", stage: -1, begun: [], until: NOW + 1_000 })
    assert.strictEqual(waitOf(decided(scheduled, undefined, { now: NOW + 3_600_000, left: 900 })).millis, 900)
  })

  it("MV5 a stage that takes too long pauses or is taken back, as planned", () => {
    const few = evidence({ applied: 5, offered: 5 })
    const late = { now: NOW + 600_000 }
    assert.strictEqual(waitOf(decided(rollout(), few, { now: NOW + 590_000 })).millis, 10_000)
    const pause = stepOf(decided(rollout(), few, late))
    assert.deepStrictEqual([pause.to, pause.due], ["paused", true])
    assert.include(pause.why.text, "longer than 10m: 5 of 10 have applied it")
    const back = stepOf(decided(rollout({ plan: plan({ late: "roll back" }) }), few, late))
    assert.deepStrictEqual([back.to, back.due], ["rolled_back", true])
    assert.strictEqual(stepOf(decided(rollout(), good, late)).to, "baking", "late, and applied")
  })

  it("MV6 a person has to promote it where the plan says so, and after a last stage that has not everybody", () => {
    const asked = baking({ plan: plan({ stages: [stage(10, { approval: true }), stage(100)] }) })
    const approval = stepOf(decided(asked, good, after))
    assert.deepStrictEqual([approval.to, approval.bad, approval.stage], ["paused", 3n, 0])
    assert.include(approval.why.text, "a person has to promote it")
    const half = baking({ plan: plan({ stages: [stage(50)] }) })
    const last = stepOf(decided(half, good, after))
    assert.strictEqual(last.to, "paused")
    assert.include(last.why.text, "promote gives it to everyone")
  })

  it("WJ1 a stage begins within windows and in no freeze; taking back waits for neither", () => {
    const closed = plan({ windows: [{ from: 0, until: 60 }] })
    const freezes = [{ from: 0, until: NOW + 3_600_000, message: "" }]
    const scheduled = rollout({ state: "scheduled", stage: -1, begun: [], until: NOW })
    for (const more of [{ of: { plan: closed } }, { freezes }]) {
      const { of = {}, ...rest } = more as { of?: Partial<Rollout>; freezes?: ReadonlyArray<Freeze> }
      assert.isAbove(waitOf(decided({ ...scheduled, ...of }, undefined, {}, rest)).millis, 0)
      assert.isAbove(waitOf(decided(baking(of), good, after, rest)).millis, 0)
      assert.isAbove(waitOf(decided(baking({ ...of, stage: 1 }), good, after, rest)).millis, 0)
      assert.strictEqual(stepOf(decided(baking(of), evidence({ rejected: 2 }), {}, rest)).to, "rolled_back")
    }
    const { to, stage, begins, due } = stepOf(decided(scheduled, undefined))
    assert.deepStrictEqual({ to, stage, begins, due }, { to: "deploying", stage: 0, begins: true, due: true })
  })

  it("AJ2 what is over stays over", () => {
    for (const state of ["completed", "rolled_back", "aborted"] as const)
      assert.strictEqual(decided(rollout({ state }), evidence({ unhealthy: 10 })).type, "over")
  })
})
