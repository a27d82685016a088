/**
 * The steps that a rollout takes: which there are, and what people may ask for. Pure.
 *
 *   AJ1  Stages are begun one after the other: none is skipped, and none is begun twice.
 *   AJ2  What is over stays over.
 *   AJ3  A bake that was paused begins anew, and so does the time that a stage may take.
 */
import type { Plan } from "../plans/Plan.ts"
import { stageText } from "../plans/ReadStages.ts"
import { isOver, type Rollout, type State, type Why, wordOf } from "./Rollout.ts"

/** Whom the machine decides for, and whom people. */
export const edges: ReadonlyArray<{ readonly from: State; readonly to: State; readonly by: "herald" | "person" }> = [
  { from: "scheduled", to: "deploying", by: "herald" },
  { from: "deploying", to: "baking", by: "herald" },
  { from: "deploying", to: "paused", by: "herald" },
  { from: "deploying", to: "rolled_back", by: "herald" },
  { from: "baking", to: "deploying", by: "herald" },
  { from: "baking", to: "paused", by: "herald" },
  { from: "baking", to: "completed", by: "herald" },
  { from: "baking", to: "rolled_back", by: "herald" },
  { from: "paused", to: "rolled_back", by: "herald" },
  { from: "scheduled", to: "deploying", by: "person" },
  { from: "scheduled", to: "paused", by: "person" },
  { from: "scheduled", to: "completed", by: "person" },
  { from: "scheduled", to: "aborted", by: "person" },
  { from: "deploying", to: "deploying", by: "person" },
  { from: "deploying", to: "paused", by: "person" },
  { from: "deploying", to: "completed", by: "person" },
  { from: "deploying", to: "aborted", by: "person" },
  { from: "baking", to: "deploying", by: "person" },
  { from: "baking", to: "paused", by: "person" },
  { from: "baking", to: "completed", by: "person" },
  { from: "baking", to: "aborted", by: "person" },
  { from: "paused", to: "scheduled", by: "person" },
  { from: "paused", to: "deploying", by: "person" },
  { from: "paused", to: "completed", by: "person" },
  { from: "paused", to: "aborted", by: "person" }
]

/** A transition that was decided on; `Moving.ts` commits it. The fields are those of `MoveWish`. */
export interface Step {
  readonly to: State
  readonly stage: number
  /** Whether the stage begins with it: how far it goes is fixed then. */
  readonly begins: boolean
  readonly lasts: number | null
  readonly due: boolean
  readonly bad: bigint | null
  readonly why: Why
}

/** For people: `stage 2 of 4 (region=eu:10%)`. */
export const stageName = ({ stages }: Pick<Plan, "stages">, stage: number): string =>
  `stage ${stage + 1} of ${stages.length} (${stageText(stages[stage]!)})`

/** The transition that begins a stage. */
export const beginning = (plan: Plan, stage: number, why: Why, given: Pick<Step, "due" | "bad">): Step => ({
  to: "deploying",
  stage,
  begins: true,
  lasts: plan.deadlineMillis,
  why,
  ...given
})

export type Asked = "pause" | "resume" | "promote" | "promote to all" | "abort"

const byHand = { due: false, bad: null } as const

/**
 * What a person asks for, as a step: or, as a text, why it can't be done. `now`: the store's clock. `promote` begins the next stage, and of the last
 * one gives it to everybody.
 */
export const askedStep = (rollout: Rollout, asked: Asked, now: number, text: string): Step | string => {
  const { state, stage, plan, until } = rollout
  if (isOver(state)) return `it is over: ${wordOf(state)}` // AJ2
  const why: Why = { text, readings: [] }
  const stays = { stage, begins: false, lasts: null, why, ...byHand }
  switch (asked) {
    case "pause": {
      if (state === "paused") return "it is paused already"
      // Its time is kept for whoever resumes it before.
      return state === "scheduled"
        ? { ...stays, to: "paused", lasts: Math.max(0, until! - now) }
        : { ...stays, to: "paused" }
    }
    case "resume": {
      if (state !== "paused") return "it is not paused"
      if (stage < 0) return { ...stays, to: "scheduled", lasts: Math.max(0, (until ?? now) - now) }
      return { ...stays, to: "deploying", lasts: plan.deadlineMillis } // AJ3
    }
    case "promote":
      return stage + 1 < plan.stages.length
        ? beginning(plan, stage + 1, why, byHand) // AJ1
        : { ...stays, to: "completed" }
    case "promote to all":
      return { ...stays, to: "completed" }
    case "abort":
      return { ...stays, to: "aborted" }
  }
}
