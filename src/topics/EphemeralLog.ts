/**
 * Port: the log of ephemeral topics, in the memory of one node and read on that node alone.
 *
 *   MR1  It is bounded in bytes of memory, of what holds events as well, of each partition and of all: what is oldest ends first, and readers behind it are told of a gap.
 *   MR2  It goes with the node. The next one begins with other epochs, so that nobody takes its offsets for those that were before.
 *   MR3  A topic that it was told to forget is gone: nobody reads it, and nothing is appended any more. Ids of topics are never given again.
 */
import { Context, type Effect } from "effect"
import type { Log } from "./TopicLog.ts"

export class EphemeralLog extends Context.Service<
  EphemeralLog,
  Log & {
    /** Of which there is anything. */
    readonly topics: Effect.Effect<ReadonlyArray<number>>
    /** MR3 */
    readonly forget: (topic: number) => Effect.Effect<void>
  }
>()("herald/topics/EphemeralLog") {}
