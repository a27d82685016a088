/**
 * What is asked of the store of an experiment, and what it sums up. Pure.
 *
 *   XE8  A unit counts by its first exposure to one of the variants, of the version of the flag that the experiment is on, since it was started. One
 *        that was seen with two of them counts for none, and how many there are is told.
 *   XE9  What a unit did counts from its first exposure on, within the window of the metric. A value counts as `LARGEST` at most, above and below 0:
 *        no event can make sums that are no numbers.
 */
import type { Sample } from "../statistics/Sample.ts"
import type { Metric } from "./Experiment.ts"

/** XE9 */
export const LARGEST = 1e12

/** What is to be summed up. Times: milliseconds since 1970, from and including, until and excluding. */
export interface Asked {
  readonly flag: string
  readonly flagVersion: number
  readonly variants: ReadonlyArray<string>
  readonly from: number
  readonly until: number
  readonly metrics: ReadonlyArray<Pick<Metric, "event" | "windowMillis" | "cap" | "kind">>
}

export interface Summed {
  /** By variant, in their order. */
  readonly units: ReadonlyArray<number>
  /** Units that were seen with two variants. XE8 */
  readonly mixed: number
  /** By metric and variant, in their orders: of a conversion each unit is 0 or 1. */
  readonly samples: ReadonlyArray<ReadonlyArray<Sample>>
}
