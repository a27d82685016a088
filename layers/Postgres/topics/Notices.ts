/**
 * Tells other nodes by NOTIFY which partitions have grown, and hears of it.
 *
 *   NB1  However many want to hear of it, a node listens once: over one connection, reading each notification once.
 */
import { randomUUID } from "node:crypto"
import { Deferred, Duration, Effect, Latch, Stream } from "effect"
import { every } from "../../../src/telemetry/Every.ts"
import { type PartitionId, partitionKey } from "../../../src/topics/Piece.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

const CHANNEL = "herald_topics"
const RECONNECT = Duration.millis(500)
/** Time between two NOTIFYs. Each is a transaction of its own, with a lock of the whole cluster and a flush. */
const PAUSE = "10 millis"
/** Partitions in one; PostgreSQL takes 8,000 bytes. Of more it is said that any may have grown. */
const MOST = 400

type Grown = (partition: PartitionId | undefined) => void

/** Undefined: any. */
const partitionsOf = (payload: string): ReadonlyArray<PartitionId> | undefined => {
  if (payload === "") return undefined
  const partitions = payload.split(" ").map((text) => {
    const [topic, partition] = text.split("/").map(Number)
    return { topic: topic!, partition: partition! }
  })
  return partitions.every(({ topic, partition }) => Number.isInteger(topic) && Number.isInteger(partition))
    ? partitions
    : undefined
}

export const makeNotices = Effect.fnUntraced(function* ({ notify }: { readonly notify: boolean }) {
  const { other: sql, listen: listenOn } = yield* Pools
  const origin = randomUUID()
  const listeners = new Set<Grown>()
  let grown = new Set<string>()
  const some = Latch.makeUnsafe(false)

  const tell = Effect.gen(function* () {
    yield* some.await
    some.closeUnsafe()
    const told = grown.size > MOST ? "" : [...grown].join(" ")
    grown = new Set()
    yield* guarded("tell other nodes of events")(sql`select pg_notify(${CHANNEL}, ${`${origin} ${told}`})`)
  })
  if (notify) yield* Effect.forkScoped(every("other nodes were not told of events", PAUSE, tell))

  const scope = yield* Effect.scope
  const listening = yield* Deferred.make<void>()
  let begun = false
  const hear: Grown = (partition) => {
    for (const one of [...listeners]) one(partition)
  }

  const listen = Effect.scoped(
    Effect.gen(function* () {
      const { notifications, left } = yield* listenOn(CHANNEL)
      yield* Deferred.succeed(listening, undefined)
      hear(undefined) // what came while nobody listened
      const heard = Stream.runForEach(Stream.fromQueue(notifications), ({ payload }) =>
        Effect.sync(() => {
          if (payload.startsWith(origin)) return
          const partitions = partitionsOf(payload.slice(payload.indexOf(" ") + 1))
          if (partitions === undefined) hear(undefined)
          else for (const one of partitions) hear(one)
        })
      )
      yield* Effect.raceFirst(heard, left) // it ends with its connection, and another is made
    })
  )
  const begin = every(
    "the listener for events was lost",
    RECONNECT,
    Effect.ensuring(listen, Deferred.succeed(listening, undefined))
  )

  return {
    /** Something was appended here. Nothing waits for it. */
    grew: (partition: PartitionId): void => {
      hear(partition)
      if (!notify || grown.size > MOST) return
      grown.add(partitionKey(partition))
      some.openUnsafe()
    },
    /** NB1 */
    hints: Effect.fnUntraced(function* (grown: Grown) {
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          listeners.add(grown)
        }),
        () => Effect.sync(() => listeners.delete(grown))
      )
      if (!notify) return
      yield* Effect.uninterruptible(
        Effect.suspend(() => {
          if (begun) return Effect.void
          begun = true
          return Effect.forkIn(begin, scope)
        })
      )
      yield* Deferred.await(listening)
    })
  }
})
