/** Port: reads protections and change requests from the store; `Commits` writes them. Fails `DatabaseUnavailable` or `Timeout`. */
import { Context, type Effect } from "effect"
import type { TouchScope } from "../access/About.ts"
import type { Wish } from "../commits/Release.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Base, ChangeRequest, State, Touch } from "./ChangeRequest.ts"
import type { Held } from "./Held.ts"
import type { Protection } from "./Protection.ts"

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
