/** Topics and their log in memory, as the database has them. */
import { type PartitionId, partitionKey } from "../../../src/topics/Piece.ts"
import type { Topic } from "../../../src/topics/Topic.ts"
import { Partition } from "./Partition.ts"

export class TopicTables {
  readonly topics = new Map<string, Topic>()
  readonly partitions = new Map<string, Partition>()
  /** Epochs of producers, by topic and producer. */
  readonly producers = new Map<number, Map<string, number>>()
  readonly listeners = new Set<(partition: PartitionId | undefined) => void>()
  ids = 0
  #epoch = 0

  /** Larger than every one before; `now`: milliseconds since 1970. */
  nextEpoch(now: number): number {
    this.#epoch = Math.max(this.#epoch + 1, Math.floor(now / 1_000))
    return this.#epoch
  }

  /** Makes those that are not there. */
  make(topic: number, partitions: number, now: number): void {
    const epoch = this.nextEpoch(now)
    for (let partition = 0; partition < partitions; partition++) {
      const id = { topic, partition }
      if (!this.partitions.has(partitionKey(id))) this.partitions.set(partitionKey(id), new Partition(id, epoch))
    }
  }

  of(topics: ReadonlyArray<number>): ReadonlyArray<Partition> {
    return [...this.partitions.values()]
      .filter(({ id }) => topics.includes(id.topic))
      .sort((a, b) => a.id.topic - b.id.topic || a.id.partition - b.id.partition)
  }
}
