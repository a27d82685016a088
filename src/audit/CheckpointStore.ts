/**
 * Port: keeps the audit log's checkpoints outside of the database, whose owner could change them together with the log. Fails `Internal` when
 * they can't be read or written.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

export class CheckpointStore extends Context.Service<
  CheckpointStore,
  {
    /** Lines, oldest first. */
    readonly read: Effect.Effect<ReadonlyArray<string>, HeraldError>
    readonly append: (line: string) => Effect.Effect<void, HeraldError>
    /** Replaces all lines, whole or not at all. */
    readonly replace: (lines: ReadonlyArray<string>) => Effect.Effect<void, HeraldError>
  }
>()("herald/audit/CheckpointStore") {}
