/** What a commit is asked to do to a rollout. Pure; the rules under the lock are `herald_rollout_problem`'s. */
import type { Wish } from "../commits/Release.ts"
import type { Plan } from "../plans/Plan.ts"
import type { Rollout, State, Target, Why } from "./Rollout.ts"

/** The content of a candidate: what a plain publish would write as the next version. */
export interface CandidateWish extends Omit<Target, "version" | "base" | "since"> {
  /** Undefined: whatever is current. Otherwise it has to be. */
  readonly base: number | undefined
  /**
   * Its change as a wish of its kind (`ConfigurationWish`, `FlagWish`), as JSON: the transition that completes the rollout commits it, with
   * `candidate` in it. "" of a flag: there is no candidate, as each stage makes a version (`Plan.raise`).
   */
  readonly wish: string
  /** UTF-8 of its value. */
  readonly bytes: number
}

/** To begin one, or to schedule it. Its key is given by the store. */
export interface StartWish extends Wish<Rollout> {
  readonly kind: "rollout"
  readonly op: "start"
  readonly plan: Plan
  readonly candidates: ReadonlyArray<CandidateWish>
  readonly salt: string
  /** Milliseconds since 1970 by the store's clock; null: at once. Either way it is `scheduled` first, until then. */
  readonly at: number | null
  readonly why: Why
}

/**
 * Of one that there is: the next version in place of `expectedVersion`. Refused as a `Conflict` where that, `fence`, `bad` or `due` does not hold:
 * whoever decided it looks again. `RolloutOver`: it is over, as whoever decided it knew.
 */
export interface MoveWish extends Wish<Rollout> {
  readonly kind: "rollout"
  readonly op: "move"
  readonly expectedVersion: number
  /** The owner's, of `RolloutStore.claim`; null: a person moves it. RQ1 */
  readonly fence: bigint | null
  readonly to: State
  /** The one that it is in, or the next, which begins with it. */
  readonly stage: number
  /** For a stage that begins with it; null: none does. */
  readonly below: number | null
  /** Of a stage that begins with it: `Begun.also`. */
  readonly also?: ReadonlyArray<string> | undefined
  /** Milliseconds from the commit until what `Rollout.until` says; null: nothing is waited for. */
  readonly lasts: number | null
  /** Committed only if what it waited for is over by the store's clock. */
  readonly due: boolean
  /** Committed only while `Evidence.bad` is this; null: whatever it is. */
  readonly bad: bigint | null
  readonly why: Why
}

export type RolloutWish = StartWish | MoveWish
