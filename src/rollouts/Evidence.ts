/**
 * What is known of the instances of a rollout's cohort, and what gates make of it. Pure.
 *
 *   EE1  The unit is an instance that is in the cohort and wants a target; each counts once, with its newest state.
 *   EE2  What comes late, twice or out of order changes nothing: a state is of one session, within it each state has its number, and sessions of
 *        an instance are in the order in which the store saw them take it (OW2), whatever the clocks of nodes say. What is said again costs nothing
 *        where it is known, and is known again where another node was told something else.
 *   EE7  Who is unhealthy or rejected stays so, of the stage in which it became so, when it goes and when it is back, until it says how it is, has
 *        applied what it refused, or is due what a later stage made: a broken connection makes nobody well, nor does a node that lags.
 */
import type { Gate } from "../plans/Plan.ts"

/**
 * offered: it is due the candidates · delivered: it was sent one of them · applied: it has applied all of them that it wants, or said that it
 * is degraded · healthy: it applied them and said so later · unhealthy: it was sent one and said so later · rejected: it refused one, or can't
 * be sent one · gone: it had been sent one, and its connection broke or it went silent · left: it said that it leaves, or was told to, or is
 * in the cohort no more.
 */
export const conditions = [
  "offered",
  "delivered",
  "applied",
  "healthy",
  "unhealthy",
  "rejected",
  "gone",
  "left"
] as const
export type Condition = (typeof conditions)[number]

/** Instances of the cohort. */
export interface Counts extends Readonly<Record<Condition, number>> {
  /** Gone for longer than the plan allows, or as often; of `gone`, or back by now. */
  readonly lost: number
  /** offered or delivered for longer than a gate allows, by its `withinMillis`. */
  readonly slow: Readonly<Record<string, number>>
}

/** Sums of what clients counted since they have, or could have, the change. */
export interface Tally {
  readonly cohort: number
  readonly control: number
}

export interface Evidence {
  /** The store's clock, milliseconds since 1970. */
  readonly now: number
  readonly counts: Counts
  /** Every live node has told of its instances since the newest transition, and holds nothing back. EE6 */
  readonly complete: boolean
  /** Grows with each instance that becomes unhealthy, rejected, lost: a transition that goes on is committed only if it is still the same. */
  readonly bad: bigint
  /** The first that are bad, for people: at most 5. */
  readonly examples: ReadonlyArray<{
    readonly service: string
    readonly instance: string
    readonly is: Condition | "lost"
    readonly reason: string
  }>
  /** By name of a counter. */
  readonly metrics: Readonly<Record<string, Tally>>
}

/** What a gate says now. */
export interface Reading {
  /** The gate, as it was written. */
  readonly gate: string
  readonly verdict: "good" | "bad" | "unknown"
  /** With numbers and bounds, for people: "3 of 10 (30 %), limit 2 %". */
  readonly text: string
  /** Estimate and interval, where there is one. */
  readonly value?: number | undefined
  readonly low?: number | undefined
  readonly high?: number | undefined
  readonly dryRun: boolean
}

/** `of`: estimate and interval, where there is one. */
export const readingOf = (
  { text, dryRun }: Pick<Gate, "text" | "dryRun">,
  verdict: Reading["verdict"],
  why: string,
  of: Partial<Pick<Reading, "value" | "low" | "high">> = {}
): Reading => ({ gate: text, verdict, text: why, ...of, dryRun })
