/**
 * Port: what is known of how flags are used. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   UT1  A batch counts once: the same name of the same principal in the same environment, within `REMEMBERED`, is answered with what became of it,
 *        and writes nothing. All of a batch is written, or none of it.
 *   UT2  Counts of a day are summed, over all nodes and reports; they never overflow.
 *   UT3  What an environment keeps is bounded: names of SDKs, rows of counts a day, exposures and tracks a day. What is known of a flag's last
 *        use is written even then.
 *   UT4  An exposure is kept once for each unit, flag, version, variant and day.
 */
import { Context, type Effect } from "effect"
import type { KeyScope } from "../access/KeyScope.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Unkeepable } from "../errors/Unkeepable.ts"
import type { Lease } from "../leases/Leases.ts"
import type { Exposed, LastUse, Recorded, Track, UsageBatch, Use } from "./Use.ts"

/** Milliseconds that a batch's name is known. UT1 */
export const REMEMBERED = 2 * 86_400_000
/** Names of SDKs that an environment has; further ones are "other". UT3 */
export const SDKS = 200
/** Rows of counts that an environment gets in a day. UT3 */
export const ROWS_A_DAY = 500_000
/** Milliseconds that the last exposure of a day may be behind. */
export const BEHIND = 600_000

export interface KeepUsage {
  readonly keepMillis: number
  readonly keepReportsMillis: number
}

/** How many of each one step removed. */
export interface SweptUsage {
  readonly counts: number
  readonly exposures: number
  readonly tracks: number
  /** There are more to go. */
  readonly more: boolean
}

/** Milliseconds since 1970, from and including, until and excluding. */
export interface Between {
  readonly from: number
  readonly until: number
  readonly limit: number
}

export class UsageStore extends Context.Service<
  UsageStore,
  {
    /** In their order. `perDay`: exposures, and tracks, of an environment. Fails `Unkeepable` when one of them can never be written; then none is. */
    readonly record: (
      batches: ReadonlyArray<UsageBatch>,
      perDay: number
    ) => Effect.Effect<ReadonlyArray<Recorded>, HeraldError | Unkeepable>
    /** In the order of flags' names, behind `after`; of flags in `scope` (left out: all). `ALL` is not among them. */
    readonly last: (
      environment: string,
      options: { readonly prefix: string; readonly after: string; readonly limit: number; readonly scope?: KeyScope }
    ) => Effect.Effect<ReadonlyArray<LastUse>, HeraldError>
    /** Of one flag, or of `ALL`. */
    readonly lastOf: (environment: string, flag: string) => Effect.Effect<LastUse | undefined, HeraldError>
    /** Counts of a flag by day, the newest day first and in it the highest count; `at` is the last of the day. */
    readonly counts: (
      environment: string,
      flag: string,
      options: Omit<Between, "until">
    ) => Effect.Effect<ReadonlyArray<Use>, HeraldError>
    /** When counting began in this database, in milliseconds since 1970. */
    readonly since: Effect.Effect<number, HeraldError>
    /** Exposures of a flag, by day and unit; days of which a part is in between count. */
    readonly exposures: (
      environment: string,
      flag: string,
      options: Between
    ) => Effect.Effect<ReadonlyArray<Exposed>, HeraldError>
    /** By time. */
    readonly tracks: (
      environment: string,
      name: string,
      options: Between
    ) => Effect.Effect<ReadonlyArray<Track>, HeraldError>
    /** One bounded step, for the holder of the lease, which it extends; undefined when the lease was taken. LE1 */
    readonly sweep: (
      lease: Lease,
      leaseMillis: number,
      keep: KeepUsage
    ) => Effect.Effect<SweptUsage | undefined, HeraldError>
  }
>()("herald/usage/UsageStore") {}
