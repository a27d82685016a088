/** Port: keeps where code names flags. Fails `DatabaseUnavailable` or `Timeout`; writes also `DatabaseReadOnly`, and `OutcomeUnknown`. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Found, Ref, Scan, Source } from "./Ref.ts"

export class RefStore extends Context.Service<
  RefStore,
  {
    /** In the place of what the branch of the repository told before. Fails `ScansFull`. RK1, RK2 */
    readonly replace: (
      environment: string,
      source: Source,
      by: string,
      refs: ReadonlyArray<Ref>
    ) => Effect.Effect<Scan, HeraldError>
    /** False: there was nothing of it. */
    readonly remove: (
      environment: string,
      source: Pick<Source, "repository" | "branch">
    ) => Effect.Effect<boolean, HeraldError>
    /** Of a flag, in the order of repository, branch, file and line: at most `limit`. */
    readonly of: (environment: string, flag: string, limit: number) => Effect.Effect<ReadonlyArray<Found>, HeraldError>
    /** In the order of repository and branch. At most `SCANS`. */
    readonly scans: (environment: string) => Effect.Effect<ReadonlyArray<Scan>, HeraldError>
  }
>()("herald/refs/RefStore") {}
