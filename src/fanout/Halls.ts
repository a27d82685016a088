/**
 * The topics that are read on this node: what is followed of them, what their logs say, and how much their rings take together.
 *
 *   BX28 What rings take together is bounded, however many partitions are read.
 *   BX39 Filters and fields are those of the topic's schema as it is now, a second late at most (TZ1): a reader whose filter that no longer knows is ended
 *        with an error that says so, and all others go on where they are.
 *   BX40 A log that is away or hangs holds up the readers of its own topics alone.
 */
import { Clock, Effect, Exit, Latch, Scope } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Figures } from "../filters/Figures.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { KnownTopics, noSuchTopic } from "../topics/KnownTopics.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Log } from "../topics/TopicLog.ts"
import { lookingSlices } from "../work/Slices.ts"
import type { BroadcastOptions } from "./Broadcast.ts"
import { type Hall, makeHall } from "./Hall.ts"
import { HeardLogs } from "./HeardLogs.ts"
import { makeLogReads } from "./LogReads.ts"
import type { Reader } from "./Reader.ts"
import { Selections } from "./Selections.ts"

/** Between two looks at what logs say of partitions that are read here: what no hint told of is found by then. */
const POLL = "500 millis"
/** Until those are told how far the topic is of whose events none was taken. */
const QUIET = "5 seconds"
/** Between two looks at schemas. BX39 */
const SCHEMAS = "1 second"
/** Milliseconds that a topic without readers is followed. */
const IDLE = 30_000

export interface Open {
  readonly hall: Hall
  readonly scope: Scope.Closeable
  /** Of the schema as it was last seen, of a topic of this version. */
  selections: Selections
  version: number
  /** Closed while its readers are given those. BX42 */
  readonly settled: Latch.Latch
}

export interface HallsOptions {
  /** Of a partition, in bytes. */
  readonly ringBytes: number
  /** Of all, in bytes. BX28 */
  readonly ringsBytes: number
  readonly broadcast: (topic: Topic) => Omit<BroadcastOptions, "wake" | "ask">
  readonly end: (reader: Reader, error: HeraldError) => void
  /** Filters of a topic's readers were asked about events. */
  readonly looked: (topic: Topic, figures: Figures) => void
  /** The filters of its readers are to be held by these from now on. BX39 */
  readonly reselect: (open: Open) => Effect.Effect<void>
}

export const makeHalls = Effect.fnUntraced(function* (options: HallsOptions) {
  const { ringBytes, ringsBytes, end } = options
  const logs = yield* HeardLogs
  const known = yield* KnownTopics
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const halls = new Map<number, Open>()
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const millis = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

  /** BX28 */
  const bound = (): number => {
    let rings = 1
    for (const { hall } of halls.values()) rings += hall.tails.size
    const bytes = Math.min(ringBytes, Math.floor(ringsBytes / rings))
    for (const { hall } of halls.values()) hall.bound(bytes)
    return bytes
  }
  const close = (hall: Hall): void => {
    const its = halls.get(hall.topic.id)
    if (its?.hall !== hall) return
    halls.delete(hall.topic.id)
    run(Scope.close(its.scope, Exit.void))
    bound()
  }
  const gone = (hall: Hall): void => {
    if (halls.get(hall.topic.id)?.hall !== hall) return
    const readers = hall.broadcast.readers()
    close(hall)
    const ending = function* () {
      for (const reader of readers) {
        if (reader.stage !== "over") end(reader, failure("NoSuchTopic", `the topic ${hall.topic.name} was deleted`)) // BX26
        yield
      }
    }
    run(lookingSlices.through(ending))
  }
  const reads = yield* makeLogReads(logs.all, gone)

  logs.listen((appended) => halls.get(appended.topic)?.hall.heard(appended))
  for (const log of logs.all)
    yield* log.hints((grown) => {
      if (grown === undefined) {
        for (const { hall } of halls.values()) if (hall.log === log) for (const tail of hall.tails.values()) tail.hint()
      } else halls.get(grown.topic)?.hall.tails.get(grown.partition)?.hint()
    })

  const selectionsOf = (topic: Topic, before?: Selections) =>
    new Selections(topic, (figures) => options.looked(topic, figures), before)

  const make = Effect.fnUntraced(function* (topic: Topic, log: Log) {
    const its = yield* Scope.fork(scope)
    const hall = yield* makeHall({
      ...{ topic, log, bound: bound(), gone },
      broadcast: (hall) => ({
        ...options.broadcast(topic),
        ask: (reader, partition, from, packed) => reads.ask({ hall: hall(), reader, partition, from, packed })
      })
    }).pipe(Scope.provide(its))
    const [selections, settled] = [selectionsOf(topic), Latch.makeUnsafe(true)]
    return { hall, scope: its, selections, settled, version: topic.version } satisfies Open
  })

  /** Begins to, unless that is under way for another one. */
  const renew = (its: Open, topic: Topic): void => {
    const { hall, selections, settled } = its
    if (topic.id !== hall.topic.id || topic.schemaVersion === selections.schemaVersion) return
    if (topic.version < its.version || !settled.isOpen()) return
    its.selections = selectionsOf(topic, selections)
    its.version = topic.version
    if (!hall.broadcast.isSelecting) return
    settled.closeUnsafe()
    const renewed = Effect.ensuring(
      Effect.catchCause(options.reselect(its), (cause) =>
        Effect.logError("filters of readers were not renewed", cause)
      ),
      Effect.sync(() => settled.openUnsafe())
    )
    run(Effect.forkIn(renewed, its.scope))
  }

  /** The topic's, with the filters of its schema: one that is read, also where another one was given up meanwhile. Fails `NoSuchTopic`. BX26, BX39 */
  const of = Effect.fnUntraced(function* (topic: Topic, log: Log): Effect.fn.Return<Open, HeraldError> {
    let its = halls.get(topic.id)
    if (its === undefined) {
      const made = yield* make(topic, log)
      its = halls.get(topic.id) ?? made // another reader may have come first
      halls.set(topic.id, its)
      if (its !== made) yield* Scope.close(made.scope, Exit.void)
    }
    renew(its, topic)
    while (!its.settled.isOpen()) {
      yield* its.settled.await
      if (halls.get(topic.id) !== its) {
        const { id } = yield* known.find(topic.name)
        return id === topic.id ? yield* of(topic, log) : yield* noSuchTopic(topic.name)
      }
      renew(its, topic)
    }
    return its
  })

  const look = Effect.sync(() => {
    const now = millis()
    for (const { hall } of halls.values()) {
      hall.broadcast.tick()
      hall.broadcast.sweep()
      if (hall.broadcast.size > 0) hall.usedAt = now
      else if (now - hall.usedAt > IDLE) close(hall)
    }
  })
  yield* Effect.forkScoped(afterEvery("readers of topics were not looked at", POLL, look))

  const poll = Effect.fnUntraced(function* (log: Log) {
    const its = [...halls.values()].map(({ hall }) => hall).filter((hall) => hall.log === log)
    if (its.length === 0) return
    const unknown = new Set<number>()
    const all = yield* log.bounds(
      its.map(({ topic }) => topic.id),
      (topic) => unknown.add(topic)
    )
    const bounds = Map.groupBy(all, ({ topic }) => topic)
    for (const hall of its) {
      if (unknown.has(hall.topic.id)) continue // TL7
      const found = bounds.get(hall.topic.id)
      if (found === undefined) gone(hall)
      else {
        const before = hall.tails.size
        hall.reaches(found)
        if (hall.tails.size > before) bound()
      }
    }
  })
  for (const log of logs.all) yield* Effect.forkScoped(afterEvery("what logs have was not asked", POLL, poll(log))) // BX40

  const quiet = Effect.sync(() => {
    for (const { hall } of halls.values()) hall.broadcast.tellQuiet()
  })
  yield* Effect.forkScoped(afterEvery("readers were not told how far their topic is", QUIET, quiet))

  const schemas = Effect.suspend(() =>
    Effect.forEach(
      [...halls.values()].filter(({ hall }) => hall.broadcast.isSelecting),
      (its) => Effect.ignore(Effect.map(known.find(its.hall.topic.name), (topic) => renew(its, topic))), // BX39: holds back no other
      { discard: true }
    )
  )
  yield* Effect.forkScoped(afterEvery("the schemas of topics were not looked at", SCHEMAS, schemas))

  return { of, bound, get: (topic: number) => halls.get(topic), all: () => halls.values() }
})
