/**
 * Readers of topics on this node: who may read, from where, and when they end.
 *
 *   BX25 Readers are limited in number: in all, and of a principal, which leaves room for others.
 *   BX26 A reader whose key is no longer good ends within 5 s, and all end when the node leaves, with an error that asks them to come back; so do those
 *        of a topic that was deleted, with one that does not.
 *   BX27 Where a reader begins is decided once, by what the log says when it comes: what is stored then comes before `live`, and nothing between the
 *        two is left out or comes twice.
 *   BX10–BX12 in Broadcast.ts, BX14 and BX15 in CatchingUp.ts, BX17–BX19 in Tail.ts, BX20 in Hall.ts, BX28, BX39 and BX40 in Halls.ts, BX42 in Renewing.ts, BX30 in Changed.ts,
 *   BX38 in Asking.ts
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { Identity } from "../access/Identity.ts"
import { Places } from "../access/Places.ts"
import { requireTopic } from "../access/RequireTopic.ts"
import { makeWatching } from "../access/Watching.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { Activity } from "../topics/Activity.ts"
import { KnownTopics } from "../topics/KnownTopics.ts"
import { noLog } from "../topics/Logs.ts"
import { makePaying } from "../topics/PaidFilter.ts"
import type { Log } from "../topics/TopicLog.ts"
import { lookingSlices } from "../work/Slices.ts"
import { type Asking, makeAsking } from "./Asking.ts"
import { makeCounts } from "./Counts.ts"
import { makeHalls, type Open } from "./Halls.ts"
import { HeardLogs } from "./HeardLogs.ts"
import type { Overflow, Reader, Sink } from "./Reader.ts"
import { type Renewable, renewing } from "./Renewing.ts"
import type { Wish } from "./Selections.ts"
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
     * Requires topics.read. Gives what closes it. Fails `Forbidden`, `Unauthenticated`, `NoSuchTopic`, `NotFound`, `NoKafka`, `InvalidInput`, `OffsetOutOfRange`, `InvalidFilter`,
     * `TooManyFilters`, `RateLimited`, `ServerFull`, `TooManySubscriptions`, `Draining`, and as the log does.
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

/** Between two looks at keys: less than half of BX26's bound. */
const CHECK = "2 seconds"

const leaving = failure("Draining", "this server is leaving; come back to another")

interface Held extends Renewable {
  readonly identity: Identity
  readonly close: () => void
}

const make = Effect.fnUntraced(function* ({ readers: max, ringBytes, ringsBytes }: FanoutOptions) {
  const known = yield* KnownTopics
  const logs = yield* HeardLogs
  const clock = yield* Clock.Clock
  const places = new Places([max, Math.max(1, Math.floor(max * 0.8))]) // BX25
  const held = new Map<Reader, Held>()
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const activity = yield* Activity
  const paying = yield* makePaying
  /** None until the logs have said what they have. */
  let hallsNow: () => Iterable<Open> = () => []
  const counts = yield* makeCounts(() => Array.from(hallsNow(), ({ hall }) => hall.broadcast))
  let draining = false

  const end = (reader: Reader, error: HeraldError): void => {
    held.get(reader)?.close()
    reader.sink.end(error)
  }
  const reselect = renewing<Held>({
    all: () => held.values(),
    isHere: (its) => held.get(its.reader) === its,
    end
  })
  const halls = yield* makeHalls({
    ...{ ringBytes, ringsBytes, end, reselect },
    looked: ({ id }, figures) => activity.filtered(id, figures),
    broadcast: ({ id }) => ({
      delivered: (readers, events) => {
        counts.delivered(readers, events)
        activity.sent(id, events)
      },
      sent: (batch) => {
        counts.sent(batch)
        activity.late(id, Math.max(0, clock.currentTimeMillisUnsafe() - batch.at))
      },
      leftOut: counts.leftOut,
      broke: (reader, error) => {
        held.get(reader)?.close()
        run(Effect.logError("a reader could not be sent to", error))
        reader.sink.end(failure("Internal", "this reader met a fault of the server"))
      }
    })
  })
  hallsNow = halls.all
  const asking = new Map<Log, Asking>()
  for (const log of logs.all) asking.set(log, yield* makeAsking(log))

  const open = Effect.fnUntraced(function* (wish: ReadWish, sink: Sink) {
    const identity = yield* requireTopic("topics.read", wish.topic)
    if (draining) return yield* refused("draining", leaving)
    const topic = yield* known.find(wish.topic)
    const log = logs.of(topic.log)
    if (log === undefined) return yield* noLog(topic.log)
    const partitions = wantedOf(topic, wish.partitions)
    if (partitions instanceof Error) return yield* partitions
    const begin = yield* beginningOf(topic, asking.get(log)!, partitions, wish.start)
    const place = places.take("", identity.name)
    if (typeof place === "number")
      return yield* place === 0
        ? refused("full", failure("ServerFull", `all ${max} readers of this server are taken (TOPICS_READERS)`))
        : refused(
            "principal",
            failure("TooManySubscriptions", `${identity.name} has all the readers that one principal may have`)
          )
    const paid = Effect.andThen(paying(wish.filter, topic.schema), lookingSlices.soonest) // FZ14
    const its = yield* Effect.onError(Effect.andThen(paid, halls.of(topic, log)), () => Effect.sync(place))
    if (draining) {
      place()
      return yield* refused("draining", leaving) // BX26: meanwhile
    }
    const { hall, selections } = its
    const { filter, fields, overflow, unpacks, delta = false } = wish
    const wanted: Wish = { filter, fields, delta, owner: identity.name }
    const selected = selections.hold(wanted)
    if (selected instanceof Error) {
      place()
      return yield* selected
    }
    if (hall.follow(begin.bounds)) halls.bound()
    const { selection, key: selectionKey } = selected
    const whole = wish.partitions.length === 0
    const joining = { partitions, whole, ...begin, overflow, unpacks, delta, selection, selectionKey }
    const reader = hall.broadcast.join(sink, joining)
    const left = activity.reading(topic.id)
    const leave = (): void => {
      const own = held.get(reader)
      if (own === undefined) return
      held.delete(reader)
      left()
      hall.broadcast.leave(reader)
      own.selected.release()
      place()
    }
    held.set(reader, { identity, reader, wish: wanted, hall, close: leave, selected, selections })
    return leave
  })
  const refused = (reason: "full" | "principal" | "draining", error: HeraldError) => {
    counts.refused(reason)
    return error
  }

  const watching = yield* makeWatching
  const check = Effect.suspend(() => watching(held.values(), ({ reader }, error) => end(reader, error))) // BX26
  yield* Effect.forkScoped(afterEvery("the keys of readers were not checked", CHECK, check))

  const drain = Effect.suspend(() => {
    draining = true
    return lookingSlices.through(function* () {
      for (const { reader } of held.values()) {
        end(reader, failure("Draining", "this server is leaving: go on with another"))
        yield
      }
    })
  })

  return Fanout.of({
    open,
    drain,
    size: () => held.size,
    readersOf: (topic) => halls.get(topic)?.hall.broadcast.size ?? 0
  })
})
