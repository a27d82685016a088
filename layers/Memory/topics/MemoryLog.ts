/** What logs in memory have in common. */
import { Effect } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import type { Batch, Outcome, Producing } from "../../../src/topics/Batch.ts"
import { walk } from "../../../src/topics/Frames.ts"
import type { PartitionId } from "../../../src/topics/Piece.ts"
import { type Log, MOST_READ } from "../../../src/topics/TopicLog.ts"
import type { Partition } from "./Partition.ts"

export interface MemoryLogOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Undefined: there is no such partition. */
  readonly find: (id: PartitionId) => Partition | undefined
  readonly all: () => Iterable<Partition>
  /** The newest epoch of a producer; undefined: nobody opened it. */
  readonly epochOf: (partition: PartitionId, producing: Producing, held: Partition) => number | undefined
  readonly listeners: Set<(partition: PartitionId | undefined) => void>
  /** It has more than before: so much weight. */
  readonly grew: (partition: Partition, more: number) => void
}

const isRight = ({ events: { bytes, count, hashes } }: Batch): boolean => {
  try {
    return count > 0 && walk(bytes, () => undefined) === count && (hashes === undefined || hashes.length === count)
  } catch {
    return false
  }
}

export const makeMemoryLog = ({ now, find, all, epochOf, listeners, grew }: MemoryLogOptions): Log => ({
  append: (batch) =>
    Effect.suspend(() => {
      if (!isRight(batch))
        return Effect.fail(failure("InvalidInput", "the batch is not the events that it is said to be"))
      const held = find(batch)
      if (held === undefined) return Effect.succeed<Outcome>({ is: "gone" })
      const { topic, partition } = batch
      const [before, weight] = [held.next, held.weight]
      const outcome = held.append(batch, batch.producing && epochOf(batch, batch.producing, held), now())
      if (held.next > before) {
        grew(held, held.weight - weight)
        for (const hear of listeners) hear({ topic, partition })
      }
      return Effect.succeed(outcome)
    }),
  read: (id, from, { maxBytes }) => Effect.sync(() => find(id)?.read(from, Math.min(maxBytes, MOST_READ))),
  find: (id, time) => Effect.sync(() => find(id)?.find(time)),
  bounds: (topics) =>
    Effect.sync(() =>
      [...all()]
        .filter(({ id }) => topics.includes(id.topic))
        .map(({ bounds }) => bounds)
        .sort((a, b) => a.topic - b.topic || a.partition - b.partition)
    ),
  trim: (id, before) => Effect.sync(() => find(id)?.trim(before)),
  hints: (grown) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => listeners.add(grown)),
        () => Effect.sync(() => listeners.delete(grown))
      )
    )
})
