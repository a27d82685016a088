/** Port: reads scheduled changes from the store; `Commits` writes them. Fails `DatabaseUnavailable` or `Timeout`. */
import { Context, type Effect } from "effect"
import type { TouchScope } from "../access/About.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Expected, Schedule, State } from "./Schedule.ts"

/** A schedule with what only those need who act on it. */
export interface Held {
  readonly schedule: Schedule
  /** Public id of the API key that asked for it; undefined: it had none. */
  readonly keyId: string | undefined
  /** The versions by now. DU3 */
  readonly expected: Expected
  /** What is to be done, as JSON. */
  readonly body: string
}

/** One whose time has come. */
export interface DueOne {
  readonly environment: string
  readonly key: string
  readonly dueAt: number
  /** The place in its order. */
  readonly made: bigint
  /** What it changes, by "<kind>/<key>". */
  readonly touches: ReadonlyArray<string>
}

export interface Due {
  /** By the store's clock, in milliseconds since 1970. */
  readonly now: number
  /** When the next one of the others is due; undefined: there are no others. */
  readonly next: number | undefined
  /** All that are pending, also those that are not due. */
  readonly pending: number
  /** Those of which it is time, in the order of their times, and of when they were made. At most `DUE`. */
  readonly due: ReadonlyArray<DueOne>
}

/** Entries of one answer. */
export const DUE = 100

export class ScheduleStore extends Context.Service<
  ScheduleStore,
  {
    /** What is due behind `after`. */
    readonly due: (after: Pick<DueOne, "dueAt" | "made"> | undefined) => Effect.Effect<Due, HeraldError>
    /** Undefined: there is none, or it is long over. */
    readonly find: (environment: string, key: string) => Effect.Effect<Held | undefined, HeraldError>
    /**
     * In the order in which they were made, one page (PB1) of at most `limit` behind `after`. `state` undefined: of any. `touching`: only those
     * that change this.
     */
    readonly list: (
      environment: string,
      options: {
        readonly limit: number
        readonly after: bigint
        readonly state: State | undefined
        readonly touching: { readonly kind: string; readonly key: string } | undefined
        /** Only those of which all that they change is in it; left out: all. */
        readonly scope?: TouchScope
      }
    ) => Effect.Effect<ReadonlyArray<Schedule>, HeraldError>
  }
>()("herald/schedules/ScheduleStore") {}
