/**
 * Port: reads experiments from the store, and sums up what was reported of them; `Commits` writes them. Fails `DatabaseUnavailable` or `Timeout`.
 */
import { Context, type Effect } from "effect"
import type { KeyScope } from "../access/KeyScope.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Experiment, State } from "./Experiment.ts"
import type { Asked, Summed } from "./Sums.ts"

/** Where a page ended. */
export type ExperimentCursor = Pick<Experiment, "environment" | "key">

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
        /** Only those on flags in it; left out: all. */
        readonly scope?: KeyScope
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
