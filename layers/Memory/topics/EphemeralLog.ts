/** The log of ephemeral topics: rings in the memory of this node. */
import { Clock, Effect, Layer } from "effect"
import { EphemeralLog } from "../../../src/topics/EphemeralLog.ts"
import { type PartitionId, partitionKey } from "../../../src/topics/Piece.ts"
import { PARTITIONS } from "../../../src/topics/Topic.ts"
import { makeMemoryLog } from "./MemoryLog.ts"
import { Partition } from "./Partition.ts"

export interface EphemeralOptions {
  /** Bytes of events and of what holds them, at most. */
  readonly partitionBytes: number
  readonly allBytes: number
}

/** Partitions that have anything, at most: whose newest event is oldest goes. */
const MOST_PARTITIONS = 50_000
/** Topics that were forgotten and are remembered as such: their ids come from nobody after seconds. MR3 */
const MOST_GONE = 10_000
/** Producers of a partition: who has been silent longest is forgotten. */
const MOST_PRODUCERS = 1_000

export const layer = ({ partitionBytes, allBytes }: EphemeralOptions) =>
  Layer.effect(
    EphemeralLog,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const now = () => clock.currentTimeMillisUnsafe()
      /** In the order in which they grew last. */
      const partitions = new Map<string, Partition>()
      const gone = new Set<number>()
      let bytes = 0
      /** Of this node's life; another one after a partition gave way. MR2 */
      let epoch = Math.max(1, Math.floor(now() / 1_000))

      /** A partition begins when it is first asked for. */
      const find = (id: PartitionId): Partition | undefined => {
        if (gone.has(id.topic)) return undefined
        if (id.partition < 0 || id.partition >= PARTITIONS) return undefined
        const { topic, partition } = id
        const key = partitionKey(id)
        const held = partitions.get(key)
        if (held !== undefined) return held
        const made = new Partition({ topic, partition }, epoch)
        partitions.set(key, made)
        const [oldest] = partitions
        if (partitions.size > MOST_PARTITIONS && oldest !== undefined) {
          bytes -= oldest[1].weight
          partitions.delete(oldest[0])
          epoch = Math.max(epoch + 1, Math.floor(now() / 1_000))
        }
        return made
      }

      /** MR1 */
      const grew = (partition: Partition, more: number) => {
        const key = partitionKey(partition.id)
        partitions.delete(key)
        partitions.set(key, partition)
        bytes += more
        const shift = (of: Partition) => {
          bytes -= of.weight
          of.shift()
          bytes += of.weight
        }
        while (partition.weight > partitionBytes && partition.segments.length > 1) shift(partition)
        while (bytes > allBytes) {
          const fullest = fullestOf(partitions.values())
          if (fullest === undefined) break
          // A sixteenth at once, so that they are not looked through for every event.
          for (const least = fullest.weight * 0.9375; fullest.weight > least || bytes > allBytes; ) {
            if (fullest.segments.length === 0) break
            shift(fullest)
          }
        }
        if (partition.known.size > MOST_PRODUCERS) {
          const [silent] = partition.known.keys()
          if (silent !== undefined) partition.known.delete(silent)
        }
      }

      const log = makeMemoryLog({
        now,
        find,
        all: () => partitions.values(),
        // Whoever has a later epoch was given it by the store.
        epochOf: (_, { producer, epoch }, held) => Math.max(epoch, held.known.get(producer)?.epoch ?? 0),
        listeners: new Set(),
        grew
      })
      return EphemeralLog.of({
        ...log,
        topics: Effect.sync(() => [...new Set(Array.from(partitions.values(), ({ id }) => id.topic))]),
        forget: (topic) =>
          Effect.sync(() => {
            gone.add(topic)
            if (gone.size > MOST_GONE) gone.delete(gone.values().next().value!)
            for (const [key, { id, weight: its }] of partitions) {
              if (id.topic !== topic) continue
              bytes -= its
              partitions.delete(key)
            }
          }),
        trim: (id, before) =>
          Effect.suspend(() => {
            const held = partitions.get(partitionKey(id))
            if (held === undefined) return Effect.undefined
            bytes -= held.weight
            const bounds = held.trim(before)
            bytes += held.weight
            return Effect.succeed(bounds)
          })
      })
    })
  )

const fullestOf = (partitions: Iterable<Partition>): Partition | undefined => {
  let found: Partition | undefined
  for (const one of partitions) if (one.weight > (found?.weight ?? 0)) found = one
  return found
}
