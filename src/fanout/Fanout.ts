/**
 * Readers of topics on this node: who may read, from where, and when they end.
 *
 *   BX25 Readers are limited in number: in all, and of a principal, which leaves room for others.
 *   BX26 A reader whose key is no longer good ends within 5 s, and all end when the node leaves, with an error that asks them to come back; so do those
 *        of a topic that was deleted, with one that does not.
 *   BX27 Where a reader begins is decided once, by what the log says when it comes: what is stored then comes before `live`, and nothing between the
 *        two is left out or comes twice.
 *   BX28 What rings take together is bounded, however many partitions are read.
 *   BX10–BX12 in Broadcast.ts, BX14 and BX15 in CatchingUp.ts, BX17–BX19 in Tail.ts, BX20 in Hall.ts, BX30 in Changed.ts
 */
import { Clock, Context, Effect, Exit, Layer, Scope } from "effect"
import { Access } from "../access/Access.ts"
import type { Identity } from "../access/Identity.ts"
import { Places } from "../access/Places.ts"
import { requireTopic } from "../access/RequireTopic.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { Activity } from "../topics/Activity.ts"
import { noSuchTopic } from "../topics/KnownTopics.ts"
import { noLog } from "../topics/Logs.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import { makeCounts } from "./Counts.ts"
import { type Hall, makeHall } from "./Hall.ts"
import { HeardLogs } from "./HeardLogs.ts"
import { makeLogReads } from "./LogReads.ts"
import type { Overflow, Reader, Sink } from "./Reader.ts"
import { Selections } from "./Selections.ts"
import { beginningOf, type Start, wantedOf } from "./Start.ts"

export interface ReadWish {
  readonly topic: string
  readonly start: Start
  /** None: all, also those that the topic will have. */
  readonly partitions: ReadonlyArray<number>
  /** CEL; empty: all events. */
  readonly filter: string
  /** None: payloads as they are. */
  readonly fields: ReadonlyArray<string>
  readonly overflow: Overflow
  /** Of an event with a key only the fields that changed. BX30 */
  readonly delta?: boolean
  /** It takes what is compressed. */
  readonly unpacks: boolean
}

export interface FanoutOptions {
  readonly readers: number
  /** Of a partition, in bytes. */
  readonly ringBytes: number
  /** Of all, in bytes. BX28 */
  readonly ringsBytes: number
}

export class Fanout extends Context.Service<
  Fanout,
  {
    /**
     * Requires topics.read. Gives what closes it. Fails `Forbidden`, `Unauthenticated`, `NoSuchTopic`, `InvalidInput`, `OffsetOutOfRange`, `InvalidFilter`,
     * `TooManyFilters`, `ServerFull`, `TooManySubscriptions`, `Draining`, and as the log does.
     */
    readonly open: (wish: ReadWish, sink: Sink) => Effect.Effect<() => void, HeraldError>
    /** Ends all and refuses new ones. BX26 */
    readonly drain: Effect.Effect<void>
    /** Readers that are open. */
    readonly size: () => number
    /** Of a topic on this node. */
    readonly readersOf: (topic: number) => number
  }
>()("herald/fanout/Fanout") {
  static readonly layer = (options: FanoutOptions) => Layer.effect(Fanout, make(options))
}

/** Between two looks at what logs say of partitions that are read here: what no hint told of is found by then. */
const POLL = "500 millis"
/** Between two looks at keys: less than half of BX26's bound. */
const CHECK = "2 seconds"
/** Until those are told how far the topic is of whose events none was taken. */
const QUIET = "5 seconds"
/** Milliseconds that a topic without readers is followed. */
const IDLE = 30_000
/** Bytes of a ring, however many there are. */
const LEAST_RING = 65_536

interface Open {
  readonly hall: Hall
  readonly scope: Scope.Closeable
  readonly selections: Selections
}

interface Held {
  readonly identity: Identity
  readonly reader: Reader
  readonly close: () => void
}

const make = Effect.fnUntraced(function* ({ readers: max, ringBytes, ringsBytes }: FanoutOptions) {
  const store = yield* TopicStore
  const logs = yield* HeardLogs
  const access = yield* Access
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const places = new Places([max, Math.max(1, Math.floor(max * 0.8))]) // BX25
  const halls = new Map<number, Open>()
  const held = new Map<Reader, Held>()
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const activity = yield* Activity
  const counts = yield* makeCounts(() => [...halls.values()].map(({ hall }) => hall.broadcast))
  let draining = false

  const millis = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

  const end = (reader: Reader, error: HeraldError): void => {
    held.get(reader)?.close()
    reader.sink.end(error)
  }
  const gone = (hall: Hall): void => {
    for (const reader of hall.broadcast.readers())
      end(reader, failure("NoSuchTopic", `the topic ${hall.topic.name} was deleted`)) // BX26
    close(hall)
  }
  const close = (hall: Hall): void => {
    const its = halls.get(hall.topic.id)
    if (its?.hall !== hall) return
    halls.delete(hall.topic.id)
    run(Scope.close(its.scope, Exit.void))
    bound()
  }
  const reads = yield* makeLogReads(gone)

  /** BX28 */
  const bound = (): number => {
    let rings = 1
    for (const { hall } of halls.values()) rings += hall.tails.size
    const bytes = Math.max(LEAST_RING, Math.min(ringBytes, Math.floor(ringsBytes / rings)))
    for (const { hall } of halls.values()) hall.bound(bytes)
    return bytes
  }

  logs.listen((appended) => halls.get(appended.topic)?.hall.heard(appended))
  for (const log of logs.all)
    yield* log.hints((grown) => {
      if (grown === undefined)
        for (const { hall } of halls.values()) for (const tail of hall.tails.values()) tail.hint()
      else halls.get(grown.topic)?.hall.tails.get(grown.partition)?.hint()
    })

  const hallOf = Effect.fnUntraced(function* (topic: Hall["topic"], log: Hall["log"]) {
    const its = yield* Scope.fork(scope)
    const hall = yield* makeHall({
      ...{ topic, log, bound: bound(), gone },
      broadcast: (hall) => ({
        ask: (reader, partition, from, packed) => reads.ask({ hall: hall(), reader, partition, from, packed }),
        delivered: (readers, events) => {
          counts.delivered(readers, events)
          activity.sent(topic.id, events)
        },
        sent: counts.sent,
        leftOut: counts.leftOut,
        broke: (reader, error) => {
          held.get(reader)?.close()
          run(Effect.logError("a reader could not be sent to", error))
          reader.sink.end(failure("Internal", "this reader met a fault of the server"))
        }
      })
    }).pipe(Scope.provide(its))
    return { hall, scope: its, selections: new Selections(topic) }
  })

  const open = Effect.fnUntraced(function* (wish: ReadWish, sink: Sink) {
    const identity = yield* requireTopic("topics.read", wish.topic)
    if (draining) return yield* refused("draining", failure("Draining", "this server is leaving; come back to another"))
    const topic = yield* store.get(wish.topic)
    if (topic === undefined) return yield* noSuchTopic(wish.topic)
    const log = logs.of(topic.log)
    if (log === undefined) return yield* noLog(topic.log)
    const partitions = wantedOf(topic, wish.partitions)
    if (partitions instanceof Error) return yield* partitions
    const begin = yield* beginningOf(topic, log, partitions, wish.start)
    const place = places.take("", identity.name)
    if (typeof place === "number")
      return yield* place === 0
        ? refused("full", failure("ServerFull", `all ${max} readers of this server are taken (TOPICS_READERS)`))
        : refused(
            "principal",
            failure("TooManySubscriptions", `${identity.name} has all the readers that one principal may have`)
          )
    let its = halls.get(topic.id)
    if (its === undefined) {
      const made = yield* Effect.onError(hallOf(topic, log), () => Effect.sync(place))
      its = halls.get(topic.id) ?? made // another reader may have come first
      halls.set(topic.id, its)
      if (its !== made) yield* Scope.close(made.scope, Exit.void)
    }
    const { hall, selections } = its
    const selected = selections.hold(wish.filter, wish.fields)
    if (selected instanceof Error) {
      place()
      return yield* selected
    }
    hall.follow(begin.bounds)
    bound()
    const { overflow, unpacks, delta = false } = wish
    const { selection, key: selectionKey } = selected
    const whole = wish.partitions.length === 0
    const joining = { partitions, whole, ...begin, overflow, unpacks, delta, selection, selectionKey }
    const reader = hall.broadcast.join(sink, joining)
    const left = activity.reading(topic.id)
    const leave = (): void => {
      if (!held.delete(reader)) return
      left()
      hall.broadcast.leave(reader)
      selected.release()
      place()
    }
    held.set(reader, { identity, reader, close: leave })
    return leave
  })
  const refused = (reason: "full" | "principal" | "draining", error: HeraldError) => {
    counts.refused(reason)
    return error
  }

  const poll = Effect.gen(function* () {
    const now = millis()
    for (const { hall } of halls.values()) {
      hall.broadcast.tick()
      hall.broadcast.sweep()
      if (hall.broadcast.size > 0) hall.usedAt = now
      else if (now - hall.usedAt > IDLE) close(hall)
    }
    for (const log of logs.all) {
      const its = [...halls.values()].map(({ hall }) => hall).filter((hall) => hall.log === log)
      if (its.length === 0) continue
      const bounds = Map.groupBy(yield* log.bounds(its.map(({ topic }) => topic.id)), ({ topic }) => topic)
      for (const hall of its) {
        const found = bounds.get(hall.topic.id)
        if (found === undefined) gone(hall)
        else hall.reaches(found)
      }
    }
  })
  yield* Effect.forkScoped(afterEvery("what logs have was not asked", POLL, poll))
  const quiet = Effect.sync(() => {
    for (const { hall } of halls.values()) hall.broadcast.tellQuiet()
  })
  yield* Effect.forkScoped(afterEvery("readers were not told how far their topic is", QUIET, quiet))

  const check = Effect.suspend(() =>
    Effect.forEach(
      Map.groupBy(held.values(), ({ identity }) => identity.keyId).values(),
      Effect.fnUntraced(function* (its) {
        const { identity } = its[0]!
        if (yield* access.stillValid(identity)) return
        const error = failure("KeyRevoked", `the API key ${identity.keyId} is no longer good`)
        for (const { reader } of its) end(reader, error) // BX26
      }),
      { discard: true }
    )
  )
  yield* Effect.forkScoped(afterEvery("the keys of readers were not checked", CHECK, check))

  const drain = Effect.sync(() => {
    draining = true
    for (const { reader } of held.values())
      end(reader, failure("Draining", "this server is leaving: go on with another"))
  })

  return Fanout.of({
    open,
    drain,
    size: () => held.size,
    readersOf: (topic) => halls.get(topic)?.hall.broadcast.size ?? 0
  })
})
