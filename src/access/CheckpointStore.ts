/** Port: where the audit log's checkpoints are kept: outside of the database, whose owner could change them with the log. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

export class CheckpointStore extends Context.Service<
  CheckpointStore,
  {
    /** Oldest first. */
    readonly read: Effect.Effect<ReadonlyArray<string>, HeraldError>
    readonly append: (line: string) => Effect.Effect<void, HeraldError>
    /** All lines, whole or not at all. */
    readonly replace: (lines: ReadonlyArray<string>) => Effect.Effect<void, HeraldError>
  }
>()("herald/access/CheckpointStore") {}
