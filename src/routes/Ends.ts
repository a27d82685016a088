/**
 * How far a log's partitions go that rules route from. State.
 *
 *   ZK3  A log is asked once for all parts of a node, however many want to know: whoever asks gets an answer that was asked for behind the time that it
 *        names. What can't be known of one topic (TL7) is as it was known last, and holds up no other.
 */
import { Effect, Semaphore } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Bounds, PartitionId } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"

/** ZK1 */
export const SLICES = 16

export const sliceOf = ({ topic, partition }: PartitionId): number => (topic * 31 + partition) % SLICES

export interface EndsOptions {
  readonly log: Pick<Log, "bounds">
  /** Topics that rules route from now; another array where they are others. */
  readonly topics: () => ReadonlyArray<number>
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number
}

export const makeEnds = ({ log, topics, now }: EndsOptions) => {
  const turn = Semaphore.makeUnsafe(1)
  let asked = Number.NEGATIVE_INFINITY
  let of: ReadonlyArray<number> = []
  let ends = new Map<number, Array<Bounds>>()
  /** Of one part's partitions, not before that time. ZK3 */
  return (slice: number, since: number): Effect.Effect<ReadonlyArray<Bounds>, HeraldError> =>
    turn.withPermits(1)(
      Effect.suspend(() => {
        const its = topics()
        if (asked >= since && of === its) return Effect.succeed(ends.get(slice) ?? [])
        const at = now()
        const unknown = new Set<number>()
        const bounds = its.length === 0 ? Effect.succeed([]) : log.bounds(its, (topic) => unknown.add(topic))
        return Effect.map(bounds, (all) => {
          asked = at
          of = its
          const before = unknown.size === 0 ? [] : [...ends.values()].flat()
          ends = Map.groupBy([...all, ...before.filter(({ topic }) => unknown.has(topic))], sliceOf)
          return ends.get(slice) ?? []
        })
      })
    )
}
