/** Port: reads protections and change requests from the store; `Commits` writes them. Fails `DatabaseUnavailable` or `Timeout`. */
import { Context, type Effect } from "effect"
import type { TouchScope } from "../access/About.ts"
import type { Wish } from "../commits/Release.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Base, ChangeRequest, State, Touch } from "./ChangeRequest.ts"
import type { Protection } from "./Protection.ts"

/** Whose approval it has, with what only those need who count it. */
export interface Approver {
  /** The principal. */
  readonly name: string
  /** Public id of the API key; undefined: it had none. */
  readonly keyId: string | undefined
  /** Of the digest that is the request's. */
  readonly holds: boolean
  /** Milliseconds since 1970; null: as long as the API key may. */
  readonly until: number | null
}

/** A request with what only those need who act on it. */
export interface Held {
  readonly request: ChangeRequest
  /** Of the author's API key; undefined: it had none. */
  readonly keyId: string | undefined
  /** What is asked for, as JSON. */
  readonly body: string
  readonly approvers: ReadonlyArray<Approver>
  /** JSON of each touched thing that was there, by "<kind>/<key>". */
  readonly before: Readonly<Record<string, string>>
  /** Of a review, what was done in its commit; of what waits, nothing. AQ18 */
  readonly done: ReadonlyArray<Done>
}

/** Each as JSON; `before` null: it was not there, or is no longer kept. */
export interface Done extends Touch {
  readonly before: string | null
  /** Of a rollout's candidate, its wish. */
  readonly after: string
}

export class ApprovalStore extends Context.Service<
  ApprovalStore,
  {
    /** Those that are live, by name. */
    readonly protections: (environment: string) => Effect.Effect<ReadonlyArray<Protection>, HeraldError>
    /** Those that these changes touch, with what hangs on that, or that these are: live, by name. */
    readonly protecting: (
      environment: string,
      changes: ReadonlyArray<Wish>
    ) => Effect.Effect<ReadonlyArray<Protection>, HeraldError>
    /** Where these are now, and behind them all that they stand on, and what is `named`, does: `STANDS` and one at most. AQ4 */
    readonly bases: (
      environment: string,
      touches: ReadonlyArray<Touch>,
      named: ReadonlyArray<Touch>
    ) => Effect.Effect<{ readonly epoch: string; readonly bases: ReadonlyArray<Base> }, HeraldError>
    /** Undefined: there is none, or it is long over. */
    readonly find: (environment: string, key: string) => Effect.Effect<Held | undefined, HeraldError>
    /** The newest first, one page (PB1) of at most `limit` before `before`. `state` undefined: any. `scope`: rights that are had (`rightsScope`). */
    readonly list: (
      environment: string,
      options: {
        readonly limit: number
        readonly before: bigint | undefined
        readonly state: State | undefined
        readonly scope: TouchScope
      }
    ) => Effect.Effect<ReadonlyArray<ChangeRequest>, HeraldError>
  }
>()("herald/approvals/ApprovalStore") {}
