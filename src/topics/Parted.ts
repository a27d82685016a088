/** Says which events of a batch go into which partition. Pure. TV2, TV5 in Publishing.ts */
import { type Frame, frameOf, type Message, partitionOf } from "./Message.ts"
import type { Topic } from "./Topic.ts"

/** What of a batch goes into one partition. */
export interface Part {
  readonly partition: number
  readonly frame: Frame
  /** Which events of the batch, ascending; undefined: all. */
  readonly indexes: ReadonlyArray<number> | undefined
}

interface How {
  /** All go there. */
  readonly partition?: number | undefined
  /** Counts batches: events without a key take turns by it. */
  readonly turn: number
  /** All have to be of one partition. */
  readonly alone: boolean
}

/** In the order of partitions. A text says what is wrong. */
export const parted = (
  events: ReadonlyArray<Message>,
  { name, partitions }: Pick<Topic, "name" | "partitions">,
  { partition, turn, alone }: How
): ReadonlyArray<Part> | string => {
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0 && partition < partitions))
    return `partition: ${name} has the partitions 0 to ${partitions - 1}`
  const only = partition ?? (partitions === 1 ? 0 : undefined)
  if (only !== undefined) return [{ partition: only, frame: frameOf(events), indexes: undefined }]
  const sorted = new Map<number, Array<number>>()
  for (const [index, { key }] of events.entries()) {
    if (key === null && alone)
      return "partition: with a producer, events without a key need the partition that they are for"
    const its = key === null ? turn % partitions : partitionOf(key, partitions)
    const there = sorted.get(its)
    if (there === undefined) sorted.set(its, [index])
    else there.push(index)
  }
  if (sorted.size > 1 && alone) return "partition: with a producer, all events of a batch are of one partition"
  return [...sorted]
    .toSorted(([a], [b]) => a - b)
    .map(([its, indexes]) =>
      sorted.size === 1
        ? { partition: its, frame: frameOf(events), indexes: undefined }
        : { partition: its, frame: frameOf(indexes.map((index) => events[index]!)), indexes }
    )
}
