/**
 * The use case of those who read a topic page by page.
 *
 *   TK1  A page goes on where the one before ended, in every partition: no event is left out or given twice, and what there is no more is said.
 *   TK2  A page ends at its limit, or before two megabytes and an event. One that waits for events is one of a bounded number, and its wait is bounded.
 *   TK6  With a filter a page looks at a bounded number of bytes, in slices, and says where to go on even when it found nothing. Those who do are limited in
 *        number: in all, and of a principal, and principals take turns. A filter is compiled once there is a place (FZ14).
 *   TK3  A place beyond the end of a partition is refused, at whatever door, and so is one of an epoch that it never had where nobody would be told:
 *        who reads on from there is told of a gap. An epoch between two that it had is one that it never had, and so is one that a backup did not bring
 *        back. None is taken for another.
 */
import { Clock, Context, Deferred, Effect, Layer } from "effect"
import { Access } from "../access/Access.ts"
import { Places } from "../access/Places.ts"
import { keyRevoked } from "../access/Watching.ts"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import type { Figures } from "../filters/Figures.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { lookingSlices } from "../work/Slices.ts"
import { makeTurns } from "../work/Turns.ts"
import { Activity } from "./Activity.ts"
import { matchesOf } from "./Filtered.ts"
import { beginningsOf, type From, fromOf } from "./From.ts"
import { KnownTopics, noSuchTopic } from "./KnownTopics.ts"
import { Logs, noLog } from "./Logs.ts"
import type { Place } from "./MessageId.ts"
import { type Event, emptyPage, type Page as Found, type PageBounds, takeInto } from "./Page.ts"
import { makePaying } from "./PaidFilter.ts"
import type { Bounds, Gap, Read } from "./Piece.ts"
import type { Topic } from "./Topic.ts"
import { permitted } from "./Topics.ts"

export interface ReadingOptions {
  /** Reads that may wait at the same time. TK2 */
  readonly waitingReads: number
}

export interface Asking {
  readonly topic: string
  /** `earliest`, `latest`, a message id, a time, or the `next` of a page. */
  readonly from: string
  /** Undefined: all. */
  readonly partition: number | undefined
  readonly limit: number
  /** Milliseconds to wait for the first event. */
  readonly wait: number
  /** In CEL; "", or left out: all events. */
  readonly filter?: string | undefined
}

/** Events that there are not any more. */
export interface PageGap extends Gap {
  readonly partition: number
  readonly epoch: number
}

export interface Page {
  readonly topic: Topic
  readonly events: ReadonlyArray<Event>
  readonly gaps: ReadonlyArray<PageGap>
  /** Where to go on, of every partition. */
  readonly next: ReadonlyMap<number, Place>
  /** Everything that there was has been read. */
  readonly live: boolean
  /** Of its filter; undefined: it has none. TK6 */
  readonly filtered: Figures | undefined
}

export class Reading extends Context.Service<
  Reading,
  {
    /** Fails `InvalidInput`, `InvalidFilter`, `NoSuchTopic`, `OffsetOutOfRange`, `ReadsBusy`, `RateLimited`, and as the log. */
    readonly read: (asking: Asking) => Effect.Effect<Page, HeraldError>
  }
>()("herald/topics/Reading") {
  static readonly layer = (options: ReadingOptions) => Layer.effect(Reading, make(options))
}

/** Bytes, as they are stored, of one read of a partition; and of a page. TK2 */
const BITE = 262_144
const PAGE = 2_000_000
export const MOST_EVENTS = 1_000
/** Bytes of events that one page looks at. TK6 */
const LOOKED = 1_048_576
/** Pages with a filter at the same time, and of one principal. TK6 */
export const LOOKING = [256, 64] as const
/** Of what they look at, at the same time, and of one principal. TK6 */
export const BITES = [4, 2] as const
/** Milliseconds. TK2 */
export const LONGEST_WAIT = 30_000
/** Between two looks of those who wait, whatever hints come. */
const LOOK = "500 millis"

const busy = failure("ReadsBusy", "too many reads wait for events on this node, or look for them", {
  details: { retryAfterMillis: 1_000 }
})

const make = Effect.fnUntraced(function* ({ waitingReads }: ReadingOptions) {
  const access = yield* Access
  const known = yield* KnownTopics
  const logs = yield* Logs
  const activity = yield* Activity
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const places = new Places([waitingReads, Math.max(1, Math.floor(waitingReads / 4))])
  const looks = new Places(LOOKING)
  const bites = makeTurns(...BITES)
  const paying = yield* makePaying
  /** Those who wait, by the topic's id. */
  const waiting = new Map<number, Set<() => void>>()

  const grown = (topic: number | undefined): void => {
    // Of a copy: whoever is woken may wait again before this ends.
    const woken = [...waiting].flatMap(([id, all]) => (topic === undefined || id === topic ? [...all] : []))
    for (const wake of woken) wake()
  }
  for (const [, log] of logs.all) yield* log.hints((partition) => grown(partition?.topic))
  // A hint is never the truth.
  yield* Effect.forkScoped(
    afterEvery(
      "reads that wait were not woken",
      LOOK,
      Effect.sync(() => grown(undefined))
    )
  )

  const logOf = (topic: Topic) => {
    const log = logs.of(topic.log)
    return log === undefined ? Effect.fail(noLog(topic.log)) : Effect.succeed(log)
  }

  const beginnings = Effect.fnUntraced(function* (
    topic: Topic,
    from: From,
    partition: number | undefined
  ): Effect.fn.Return<ReadonlyMap<number, Place>, HeraldError> {
    const log = yield* logOf(topic)
    const bounds: ReadonlyArray<Bounds> = yield* log.bounds([topic.id])
    if (bounds.length === 0) return yield* noSuchTopic(topic.name)
    const wanted = partition === undefined ? bounds : bounds.filter((one) => one.partition === partition)
    if (wanted.length === 0)
      return yield* failure("InvalidInput", `partition: ${topic.name} has the partitions 0 to ${bounds.length - 1}`)
    if (from.at !== "time") {
      const found = beginningsOf(from, wanted, topic)
      return found instanceof HeraldError ? yield* found : found
    }
    const found = yield* Effect.forEach(
      wanted,
      (one) => Effect.map(log.find(one, from.millis), (place) => [one.partition, place] as const),
      { concurrency: 8 }
    )
    return new Map(found.flatMap(([its, place]) => (place === undefined ? [] : [[its, place] as const])))
  })

  /** One bite of each partition, as long as there is room, and from each no more than its share. */
  const bite = Effect.fnUntraced(function* (
    topic: Topic,
    from: ReadonlyMap<number, Place>,
    page: Found,
    bounds: PageBounds,
    owner: string
  ) {
    const log = yield* logOf(topic)
    const options = { maxBytes: Math.max(16_384, Math.floor(BITE / from.size)), packed: false }
    const all = yield* Effect.forEach(
      from,
      ([partition, place]) =>
        Effect.map(log.read({ topic: topic.id, partition }, place, options), (read) => ({ partition, place, read })),
      { concurrency: 8 }
    )
    if (all.some(({ read }) => read === undefined)) return yield* noSuchTopic(topic.name)
    const reads = all as ReadonlyArray<{ readonly partition: number; readonly place: Place; readonly read: Read }>
    const taking = lookingSlices.through(() => takeInto(page, topic.name, reads, bounds))
    return yield* Effect.catchDefect(bounds.looking === undefined ? taking : bites.of(owner)(taking), (cause) =>
      Effect.fail(failure("Internal", "what is stored of a topic can't be read", { cause }))
    )
  })

  /** TK6 */
  const compiled = Effect.fnUntraced(function* (filter: string, topic: Topic) {
    yield* paying(filter, topic.schema)
    const matches = matchesOf(filter, topic)
    return matches instanceof HeraldError ? yield* matches : matches
  })

  /** Until there may be events, or the time is over. False: too many wait. */
  const awaited = (topic: Topic, millis: number) =>
    Effect.suspend(() => {
      const woken = Deferred.makeUnsafe<void>()
      const wake = () => void Deferred.doneUnsafe(woken, Effect.void)
      const all = waiting.get(topic.id) ?? new Set()
      waiting.set(topic.id, all)
      all.add(wake)
      return Deferred.await(woken).pipe(
        Effect.timeoutOption(millis),
        Effect.ensuring(
          Effect.sync(() => {
            all.delete(wake)
            if (all.size === 0 && waiting.get(topic.id) === all) waiting.delete(topic.id)
          })
        )
      )
    })

  const read = Effect.fn("Reading.read")(function* (asking: Asking) {
    const identity = yield* permitted("topics.read", asking.topic)
    const from = fromOf(asking.from)
    if (typeof from === "string") return yield* failure("InvalidInput", `from: ${from}`)
    const limit = Math.max(1, Math.min(MOST_EVENTS, asking.limit))
    const topic = yield* known.find(asking.topic)
    const { filter = "" } = asking
    const page = Effect.gen(function* () {
      const matches = filter === "" ? undefined : yield* compiled(filter, topic)
      const looking = matches && { matches, left: LOOKED }
      let next = yield* beginnings(topic, from, asking.partition)
      const until = now() + Math.min(LONGEST_WAIT, asking.wait)
      const found = emptyPage()
      while (true) {
        const { events, gaps } = found
        const taken = yield* bite(topic, next, found, { limit, most: PAGE, looking }, identity.name)
        next = taken.next
        const { live, full } = taken
        const left = until - now()
        const some = events.length > 0 || gaps.length > 0
        const more = looking !== undefined && !full && events.length < limit
        if (live ? some || left <= 0 : !more) {
          const filtered = matches?.filters.take()
          activity.sent(topic.id, events.length)
          if (filtered !== undefined) activity.filtered(topic.id, filtered)
          return { topic, events, gaps, next, live, filtered } satisfies Page
        }
        if (!live) continue
        yield* awaited(topic, left)
        if (!(yield* access.stillValid(identity))) return yield* keyRevoked(identity) // A3
      }
    })
    const held: Array<() => void> = []
    const takes = (of: Places): boolean => {
      const place = of.take("", identity.name)
      return typeof place !== "number" && held.push(place) > 0
    }
    return yield* Effect.ensuring(
      Effect.suspend((): typeof page => {
        const isTaken = (filter === "" || takes(looks)) && (asking.wait <= 0 || takes(places))
        if (!isTaken) return Effect.fail(busy)
        if (asking.wait > 0) held.push(activity.reading(topic.id))
        return page
      }),
      Effect.sync(() => {
        for (const give of held) give()
      })
    )
  })

  return Reading.of({ read })
})
