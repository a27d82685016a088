/**
 * Port: reads experiments from the store, and sums up what was reported of them; `Commits` writes them. Fails `DatabaseUnavailable` or `Timeout`.
 *
 *   XE8  A unit counts by its first exposure to one of the variants, of the version of the flag that the experiment is on, since it was started. One
 *        that was seen with two of them counts for none, and how many there are is told.
 *   XE9  What a unit did counts from its first exposure on, within the window of the metric. A value counts as `LARGEST` at most, above and below 0:
 *        no event can make sums that are no numbers.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Sample } from "../statistics/Sample.ts"
import type { Experiment, Metric, State } from "./Experiment.ts"

/** Where a page ended. */
export type ExperimentCursor = Pick<Experiment, "environment" | "key">

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

export class ExperimentStore extends Context.Service<
  ExperimentStore,
  {
    /** Undefined: there is none. */
    readonly find: (environment: string, key: string) => Effect.Effect<Experiment | undefined, HeraldError>
    /** All that run in an environment. */
    readonly running: (environment: string) => Effect.Effect<ReadonlyArray<Experiment>, HeraldError>
    /** Of every environment, those that run, in the order of (environment, key) behind `after`: one page (PB1). */
    readonly page: (after: ExperimentCursor | undefined) => Effect.Effect<ReadonlyArray<Experiment>, HeraldError>
    /** In the order of their names, one page (PB1) of at most `limit` behind `after`. `state` and `flag` undefined: any. */
    readonly list: (
      environment: string,
      options: {
        readonly limit: number
        readonly after: string
        readonly state: State | undefined
        readonly flag: string | undefined
      }
    ) => Effect.Effect<ReadonlyArray<Experiment>, HeraldError>
    /** Newest first, versions below `before`: one page (PB1) of at most `limit`. */
    readonly history: (
      environment: string,
      key: string,
      options: { readonly limit: number; readonly before: number | undefined }
    ) => Effect.Effect<ReadonlyArray<Experiment>, HeraldError>
    /** XE8, XE9 */
    readonly sum: (environment: string, asked: Asked) => Effect.Effect<Summed, HeraldError>
  }
>()("herald/experiments/ExperimentStore") {}
