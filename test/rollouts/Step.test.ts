import { assert, describe, it } from "@effect/vitest"
import { states } from "../../src/rollouts/Rollout.ts"
import { type Asked, askedStep, edges, stageName } from "../../src/rollouts/Step.ts"
import { NOW, plan, rollout, stage } from "../support/Rollouts.ts"

const all: ReadonlyArray<Asked> = ["pause", "resume", "promote", "promote to all", "abort"]
const ask = (of: Parameters<typeof rollout>[0], asked: Asked, now = NOW) => askedStep(rollout(of), asked, now, "why")
const stepOf = (of: Parameters<typeof rollout>[0], asked: Asked, now = NOW) => {
  const step = ask(of, asked, now)
  if (typeof step === "string") throw new Error(step)
  return step
}

describe("Step", () => {
  it("AJ1 promote begins the next stage, and of the last one gives it to everybody", () => {
    for (const state of ["deploying", "baking", "paused"] as const) {
      const { to, stage, begins, lasts, bad, due } = stepOf({ state }, "promote")
      assert.deepStrictEqual(
        { to, stage, begins, lasts, bad, due },
        { to: "deploying", stage: 1, begins: true, lasts: 600_000, bad: null, due: false }
      )
      assert.strictEqual(stepOf({ state, stage: 1 }, "promote").to, "completed")
    }
    const first = stepOf({ state: "scheduled", stage: -1, begun: [] }, "promote")
    assert.deepStrictEqual([first.to, first.stage, first.begins], ["deploying", 0, true])
  })

  it("AJ2 nothing can be asked of what is over", () => {
    for (const state of ["completed", "rolled_back", "aborted"] as const)
      for (const asked of all) assert.include(String(ask({ state }, asked)), "over")
    assert.include(String(ask({ state: "paused" }, "pause")), "already")
    assert.include(String(ask({ state: "baking" }, "resume")), "not paused")
  })

  it("AJ3 what was paused begins anew: the stage its time, then its bake; what waits for its time goes on waiting", () => {
    const { to, stage, begins, lasts } = stepOf({ state: "paused", stage: 1, until: NOW + 5 }, "resume")
    assert.deepStrictEqual({ to, stage, begins, lasts }, { to: "deploying", stage: 1, begins: false, lasts: 600_000 })
    const before = { stage: -1, begun: [], until: NOW + 60_000 }
    const paused = stepOf({ state: "scheduled", ...before }, "pause", NOW + 10_000)
    assert.strictEqual(paused.lasts, 50_000)
    const resumed = stepOf({ state: "paused", ...before }, "resume", NOW + 20_000)
    assert.deepStrictEqual([resumed.to, resumed.lasts], ["scheduled", 40_000])
    assert.strictEqual(stepOf({ state: "paused", ...before }, "resume", NOW + 90_000).lasts, 0)
  })

  it("every edge that people take is in the table, and no other", () => {
    const found = states.flatMap((from) =>
      [-1, 0, 1].flatMap((at) =>
        all.flatMap((asked) => {
          if ((from === "scheduled") !== (at === -1) && !(from === "paused" && at === -1)) return []
          const step = ask({ state: from, stage: at }, asked)
          return typeof step === "string" ? [] : [`${from} ${step.to}`]
        })
      )
    )
    const listed = edges.filter(({ by }) => by === "person").map(({ from, to }) => `${from} ${to}`)
    assert.deepStrictEqual([...new Set(found)].sort(), [...listed].sort())
  })

  it("says what a stage is", () => {
    const stages = [
      stage(1),
      stage(10, { where: { region: "eu" } }),
      stage(1, { share: { count: 5 }, instances: ["a", "b"] })
    ]
    assert.strictEqual(stageName(plan({ stages }), 0), "stage 1 of 3 (1%)")
    assert.strictEqual(stageName(plan({ stages }), 1), "stage 2 of 3 (region=eu:10%)")
    assert.strictEqual(stageName(plan({ stages }), 2), "stage 3 of 3 (@a+b:5)")
  })
})
