/**
 * A rollout: a plan by which a change reaches more and more instances, or is taken back (decision 0028). Pure.
 *
 *   RQ1  It is a resource of the log: each transition is a version of it, committed only in place of the version that it was decided on, and
 *        by the owner that the store fenced last. So whoever is late, thawed or doubled changes nothing.
 *   RQ2  Who has what follows from the log alone, the same on every node: `Cohort.ts`. Nothing else decides what an instance is given.
 *   RQ3  While it is active its targets change in its own transitions only.
 *   RQ4  The transition that completes it makes its candidates current, in one commit. One that takes it back withdraws them: their versions
 *        stay in history, are never current and their numbers are never used again.
 *   RQ5  Times are of the clock of the database, and `until` is kept: an owner that takes over waits no longer and no shorter.
 */

import { aboutOf } from "../access/About.ts"
import type { About } from "../access/Decision.ts"
import type { Plan } from "../plans/Plan.ts"
import type { Change } from "../propagation/Revision.ts"
import type { Counts, Reading } from "./Evidence.ts"

export const states = ["scheduled", "deploying", "baking", "paused", "completed", "rolled_back", "aborted"] as const
export type State = (typeof states)[number]

export const isOver = (state: State): boolean => state === "completed" || state === "rolled_back" || state === "aborted"

/** For people. */
export const wordOf = (state: State): string => state.replace("_", " ")

/** Who decides what no person does: the system's name. */
export const OWNER = "herald"

/** What somebody has to be allowed to touch, all of it, to see a rollout or to begin one: rollouts of these keys, and the keys. */
export const aboutsOfTargets = (
  targets: ReadonlyArray<Pick<Target, "kind" | "key">>
): ReadonlyArray<About | undefined> =>
  targets.flatMap(({ kind, key }) => [{ kind: "rollout" as const, key }, aboutOf(kind, key)])

/** What of the log it changes. */
export interface Target {
  readonly kind: "configuration" | "flag"
  readonly key: string
  /** The version that is current while it is active; 0: there is none. */
  readonly base: number
  /** The number of the candidate; 0: there is none, as each stage makes a version (`Plan.raise`). */
  readonly version: number
  /** SHA-256 (hex) of the candidate as it was written; "" without one. */
  readonly digest: string
  /** Of a configuration's candidate. */
  readonly strict: boolean
  readonly template: boolean
  /**
   * Of the transition that took the last candidate of this key back that somebody was given; 0n: none was. Whoever has the base has it at this
   * position at least, so that nothing goes backwards for those who were in an earlier rollout.
   */
  readonly since: bigint
}

/** A stage that was begun. */
export interface Begun {
  /** Of the transition that began it: the position of what its instances are given. */
  readonly revision: bigint
  readonly at: number
  /** Of those whom the stage names they are in it whose bucket, of 2^32, is below. Fixed when it begins. */
  readonly below: number
  /** And these, whatever their bucket: those whom a count took, or the one at least. BJ3 */
  readonly also?: ReadonlyArray<string> | undefined
}

/** Why it became what it is, in words and numbers. */
export interface Why {
  /** For people: one sentence. */
  readonly text: string
  /** What was known; undefined where a person decided and nothing was. */
  readonly counts?: Counts | undefined
  readonly readings: ReadonlyArray<Reading>
}

export interface Rollout extends Change {
  readonly kind: "rollout"
  /** `r<revision>`, of the commit that began it. */
  readonly key: string
  /** Of its transitions, from 1. */
  readonly version: number
  /** Of its newest transition. */
  readonly revision: bigint
  readonly state: State
  /** The stage that it is in, from 0; -1 before the first. */
  readonly stage: number
  /** By stage: as many as were begun. */
  readonly begun: ReadonlyArray<Begun>
  readonly targets: ReadonlyArray<Target>
  readonly plan: Plan
  /** Of its own, so that the same instances are not always the first. */
  readonly salt: string
  /** Milliseconds since 1970: scheduled: when it begins; deploying: its deadline; baking: when that is over; otherwise null. RQ5 */
  readonly until: number | null
  readonly why: Why
  /** Who decided the newest transition: a principal, or `OWNER`. */
  readonly by: string
  /** When. */
  readonly at: number
  readonly startedBy: string
  readonly startedAt: number
  readonly message: string
}
