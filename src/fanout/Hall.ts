/**
 * A topic that has readers on this node: the partitions that are followed for them, and the fiber that sends.
 *
 *   BX20 A topic has one fiber that sends and one for each partition that is followed, however many readers there are; they end with the topic's hall.
 *   BX11 in Broadcast.ts
 */
import { Clock, Effect, FiberMap, Latch, type Scope } from "effect"
import { always } from "../telemetry/Every.ts"
import type { Place } from "../topics/MessageId.ts"
import type { Bounds } from "../topics/Piece.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Log } from "../topics/TopicLog.ts"
import { lookingSlices } from "../work/Slices.ts"
import type { Appended } from "./Appends.ts"
import { Broadcast, type BroadcastOptions } from "./Broadcast.ts"
import { Tail } from "./Tail.ts"

export interface HallOptions {
  readonly topic: Topic
  readonly log: Log
  /** Bytes of a ring. */
  readonly bound: number
  readonly broadcast: (hall: () => Hall) => Omit<BroadcastOptions, "wake">
  /** The topic, or a partition of it, is there no more. */
  readonly gone: (hall: Hall) => void
}

export interface Hall {
  readonly topic: Topic
  readonly log: Log
  readonly broadcast: Broadcast
  /** Follows partitions that are not followed yet, from where these bounds say; false: there are none. */
  readonly follow: (bounds: ReadonlyArray<Bounds>) => boolean
  readonly tails: ReadonlyMap<number, Tail>
  /** What the log says of all of its partitions now. */
  readonly reaches: (bounds: ReadonlyArray<Bounds>) => void
  /** As it said last, it has that place of a partition: of its epoch, and not behind what retention took. */
  readonly has: (partition: number, place: Place) => boolean
  readonly heard: (appended: Appended) => void
  /** Bytes of a ring from now on. */
  readonly bound: (bytes: number) => void
  /** When it was last seen to have readers; milliseconds of a clock that only goes forward. */
  usedAt: number
}

/** It is there until the scope ends. */
export const makeHall = Effect.fnUntraced(function* (options: HallOptions): Effect.fn.Return<Hall, never, Scope.Scope> {
  const { topic, log, gone } = options
  const clock = yield* Clock.Clock
  const millis = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const latch = Latch.makeUnsafe(false)
  const wake = () => void latch.openUnsafe()
  const broadcast = new Broadcast({ wake, ...options.broadcast(() => hall) })
  const tails = new Map<number, Tail>()
  const ends = new Map<number, Bounds>()
  const fibers = yield* FiberMap.make<number>()
  const run = yield* FiberMap.runtime(fibers)<never>()
  let { bound } = options

  const follow = (bounds: ReadonlyArray<Bounds>): boolean => {
    const before = tails.size
    for (const its of bounds) {
      const { partition, epoch, next } = its
      if (tails.has(partition)) continue
      ends.set(partition, its)
      const tail = new Tail({
        ...{ id: { topic: topic.id, partition }, log, epoch, next, bound, wake },
        follow: (ring) => broadcast.follow(ring),
        gone: () => gone(hall)
      })
      tails.set(partition, tail)
      run(partition, tail.run)
    }
    return tails.size > before
  }

  const hall: Hall = {
    ...{ topic, log, broadcast, follow, tails },
    usedAt: millis(),
    reaches: (bounds) => {
      const more = broadcast.lackedOf(bounds)
      if (more.length > 0) {
        follow(more)
        broadcast.grow(more)
      }
      for (const its of bounds) {
        ends.set(its.partition, its)
        tails.get(its.partition)?.reaches(its.epoch, its.next)
      }
    },
    has: (partition, { epoch, offset }) => {
      const its = ends.get(partition)
      return its?.epoch === epoch && offset >= its.first
    },
    heard: (appended) => tails.get(appended.partition)?.heard(appended, millis()),
    bound: (bytes) => {
      if (bytes === bound) return
      bound = bytes
      for (const tail of tails.values()) tail.bound = bytes
    }
  }

  const send = Effect.gen(function* () {
    yield* latch.await
    latch.closeUnsafe()
    yield* lookingSlices.through(() => broadcast.work())
    for (const tail of tails.values()) tail.sent()
    if (broadcast.hasWork) wake()
    yield* Effect.yieldNow // what was written is on its way, and what came meanwhile is the next batch
  })
  yield* Effect.forkScoped(always("readers of a topic were not sent to", send))
  return hall
})
