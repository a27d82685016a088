/**
 * Port: the log of ephemeral topics, in the memory of one node and read on that node alone.
 *
 *   MR1  It is bounded in bytes, of each partition and of all: what is oldest ends first, and readers behind it are told of a gap.
 *   MR2  It goes with the node. The next one begins with other epochs, so that nobody takes its offsets for those that were before.
 */
import { Context } from "effect"
import type { Log } from "./TopicLog.ts"

export class EphemeralLog extends Context.Service<EphemeralLog, Log>()("herald/topics/EphemeralLog") {}
