/**
 * Streams changes as they are committed, to readers that are no clients: monitoring, scripts, browsers, gateways. A feed follows the revision
 * log, and says nothing of what clients have.
 *
 *   FF1  A feed tells every change of its environment and patterns after its position, in the order of the log, at least once; or it says
 *        `Reset`: its position is of another history, or behind the horizon, and everything must be read again.
 *   FF6  Whoever may touch some keys and kinds hears of changes that are about these alone, of all that they are about.
 *   FF7  Who may touch nothing of what a feed is about is refused, as with any other read: silence would be taken for "nothing changed".
 *   FF2  A feed keeps no changes: it reads what all read, when its reader takes it. A slow reader costs what a fast one costs.
 *   FF3  Feeds are limited in number: in all, and of a principal, which leaves room for others.
 *   FF4  A feed whose key is no longer good ends within 5 s, and all end when the node leaves; both say so.
 *   FF5  Feeds that are behind the newest revisions read the log `READING` at a time, however many there are: the rest of the database is for
 *        those who publish, and for clients.
 */
import { Clock, Context, Deferred, Effect, Layer, type Scope, Semaphore, Stream } from "effect"
import { touchesAll } from "../access/About.ts"
import { requirePermission } from "../access/Access.ts"
import { type Identity, kinds as keyKinds } from "../access/Identity.ts"
import { ofEveryKey, ofKind, scopeOf, withinScope } from "../access/KeyScope.ts"
import { Places } from "../access/Places.ts"
import { makeWatching } from "../access/Watching.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { coveredBy, EVERY_KEY, MOST_PATTERNS, wrongPattern } from "../keys/Pattern.ts"
import { Kinds } from "../propagation/Kinds.ts"
import { isNewer, type Position, sameEpoch, samePosition } from "../propagation/Position.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Change, Revision } from "../propagation/Revision.ts"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import { Interest } from "../sessions/Interest.ts"
import { afterEvery, always } from "../telemetry/Every.ts"
import { excerpt } from "../text/Excerpt.ts"
import { type EndedBy, makeCounts } from "./Counts.ts"
import { Recent } from "./Recent.ts"

export interface FeedWish {
  readonly environment: string
  /** Empty: every key. */
  readonly patterns: ReadonlyArray<string>
  /** Undefined: from now on. */
  readonly after: Position | undefined
}

export type Told =
  /** `last`: it is the last change of its revision that the feed covers, so that its reader now has all of `at`. */
  | { readonly _tag: "Change"; readonly change: Change; readonly at: Position; readonly last: boolean }
  | { readonly _tag: "Reset"; readonly at: Position; readonly reason: "history" | "horizon" }
  /** Up to `at`, nothing more happened that the feed covers. */
  | { readonly _tag: "Alive"; readonly at: Position }
  | { readonly _tag: "Ended"; readonly error: HeraldError }

export class Feeds extends Context.Service<
  Feeds,
  {
    /**
     * Requires config.read. Lasts as long as the scope. Fails `Unauthenticated`, `Forbidden`, `InvalidInput`, `InvalidKey`, `ServerFull`,
     * `TooManySubscriptions`, `Draining`.
     */
    readonly open: (wish: FeedWish) => Effect.Effect<Stream.Stream<ReadonlyArray<Told>>, HeraldError, Scope.Scope>
    /** Ends all feeds and refuses new ones. FF4 */
    readonly drain: Effect.Effect<void>
    /** Feeds that are open. */
    readonly size: () => number
  }
>()("herald/feeds/Feeds") {
  static readonly layer = (options: { readonly max: number }) => Layer.effect(Feeds, make(options))
}

/** Revisions of one step. */
const STEP = 64
const ALIVE = "15 seconds"
/** Time between two looks at a feed's key: less than half of FF4's bound. */
const CHECK = "2 seconds"
const AGAIN = "1 second"
/** Pages of the log that are being read for feeds. FF5 */
const READING = 2

interface Feed {
  readonly identity: Identity
  readonly environment: string
  readonly patterns: ReadonlyArray<string>
  /** It may touch every key of every kind. */
  readonly everything: boolean
  readonly ended: Deferred.Deferred<HeraldError>
  at: Position
  /** Something that it covers was committed since it looked. */
  news: boolean
  wake: Deferred.Deferred<void>
  /** FO1 */
  handed: number | undefined
  endedBy: EndedBy
}

const make = Effect.fnUntraced(function* ({ max }: { readonly max: number }) {
  const propagation = yield* Propagation
  const log = yield* RevisionLog
  const kinds = yield* Kinds
  const places = new Places([max, Math.max(1, Math.floor(max * 0.8))]) // FF3
  const clock = yield* Clock.Clock
  const feeds = new Set<Feed>()
  const counts = yield* makeCounts(feeds)
  const interest = new Interest<Feed>()
  const recent = new Recent()
  const reading = yield* Semaphore.make(READING)
  let draining = false

  const wake = (feed: Feed): void => {
    feed.news = true
    Deferred.doneUnsafe(feed.wake, Effect.void)
  }

  const end = (feed: Feed, by: EndedBy, error: HeraldError): void => {
    feed.endedBy = by
    Deferred.doneUnsafe(feed.ended, Effect.succeed(error))
  }

  const heard = Effect.fnUntraced(function* (revision: Revision) {
    recent.push(revision)
    for (const { environment, key } of revision.changes)
      for (const feed of interest.wanting(environment, key)) wake(feed)
    yield* Effect.yieldNow
  })

  const events = yield* propagation.events
  yield* Effect.forkScoped(
    always(
      "feeds were not told of a revision",
      Effect.flatMap(events, (event) => {
        if (event._tag === "Committed") return heard(event.revision)
        if (event._tag === "Reset") {
          recent.clear()
          for (const feed of feeds) wake(feed)
        }
        return Effect.void
      })
    )
  )

  const check = (yield* makeWatching)(feeds, (feed, error) => end(feed, "key", error)) // FF4
  yield* Effect.forkScoped(afterEvery("the keys of feeds were not checked", CHECK, check))

  const reset = (feed: Feed, reason: "history" | "horizon"): ReadonlyArray<Told> => {
    counts.reset(reason)
    feed.at = propagation.position()
    return [{ _tag: "Reset", at: feed.at, reason }] // FF1
  }

  const tell = (feed: Feed, revisions: ReadonlyArray<Revision>): ReadonlyArray<Told> => {
    const told: Array<Told> = []
    for (const revision of revisions) {
      const its = revision.changes.filter(
        (change) =>
          change.environment === feed.environment &&
          coveredBy(feed.patterns, change.key) &&
          (feed.everything || touchesAll(feed.identity, kinds.touches(change))) // FF6
      )
      const at = { epoch: revision.epoch, revision: revision.revision }
      for (const [index, change] of its.entries())
        told.push({ _tag: "Change", change, at, last: index === its.length - 1 })
      feed.at = at
    }
    counts.told(told.length)
    return told
  }

  /** The next step of a feed that is behind the newest revisions. */
  const fromLog = Effect.fnUntraced(function* (feed: Feed) {
    const page = yield* reading.withPermits(1)(log.after(feed.at.revision, STEP)) // FF5
    if (page === undefined) return reset(feed, "horizon")
    if (page.some((revision) => !sameEpoch(revision, feed.at))) return reset(feed, "history")
    return page.length === 0 ? yield* waited(feed) : tell(feed, page)
  })

  const waited = Effect.fnUntraced(function* (feed: Feed) {
    const woken = yield* Effect.timeoutOption(Deferred.await(feed.wake), ALIVE)
    if (feed.news || woken._tag === "Some") {
      feed.news = false
      feed.wake = yield* Deferred.make<void>()
      return []
    }
    const { newest } = recent
    if (newest !== undefined && isNewer(newest, feed.at)) feed.at = { epoch: newest.epoch, revision: newest.revision }
    return [{ _tag: "Alive", at: feed.at }] satisfies ReadonlyArray<Told>
  })

  /** For a feed whose position is ahead of this node's: the node may be behind, or there is no such position. */
  const ahead = Effect.fnUntraced(function* (feed: Feed) {
    return isNewer(feed.at, yield* log.head) ? reset(feed, "history") : yield* waited(feed)
  })

  const later = (asked: Effect.Effect<ReadonlyArray<Told>, HeraldError>) =>
    Effect.catch(asked, () => Effect.as(Effect.sleep(AGAIN), []))

  /** FF2 */
  const step = (feed: Feed): Effect.Effect<ReadonlyArray<Told>> =>
    Effect.suspend(() => {
      const view = propagation.position()
      if (!sameEpoch(feed.at, view)) return Effect.succeed(reset(feed, "history"))
      if (isNewer(feed.at, view)) return later(ahead(feed))
      const found = recent.after(feed.at, STEP)
      if (found !== undefined && found.length > 0) return Effect.succeed(tell(feed, found))
      if (found !== undefined || samePosition(feed.at, view)) return waited(feed)
      return later(fromLog(feed))
    })

  /** FO1 */
  const taking = (feed: Feed) =>
    Effect.suspend(() => {
      feed.handed = undefined
      return Effect.map(step(feed), (told) => {
        if (told.length > 0) feed.handed = clock.currentTimeMillisUnsafe()
        return told
      })
    })

  const open = Effect.fnUntraced(function* ({ environment, patterns, after }: FeedWish) {
    const identity = yield* requirePermission("config.read", environment, "some")
    const wanted = patterns.length === 0 ? [EVERY_KEY] : [...new Set(patterns)]
    if (wanted.length > MOST_PATTERNS)
      return yield* failure(
        "InvalidInput",
        `a feed has ${wanted.length} patterns, at most ${MOST_PATTERNS} are allowed`
      )
    for (const pattern of wanted) {
      const wrong = pattern === EVERY_KEY ? undefined : wrongPattern(pattern)
      if (wrong !== undefined) return yield* failure("InvalidKey", `${excerpt(pattern)} ${wrong}`)
    }
    const seen = keyKinds.some(
      (kind) => ofKind(identity, kind) && withinScope(scopeOf(identity, kind), wanted).length > 0
    )
    if (!seen) yield* requirePermission("config.read", environment, { kind: "config", key: wanted[0]! }) // FF7
    if (draining) {
      counts.refused("draining")
      return yield* failure("Draining", "the server is leaving and opens no feeds")
    }
    const place = places.take("", identity.name)
    if (typeof place === "number") {
      counts.refused(place === 0 ? "full" : "principal")
      return yield* place === 0
        ? failure("ServerFull", `all ${max} feeds of this server are taken (FEEDS_MAX)`)
        : failure("TooManySubscriptions", `${identity.name} has all the feeds that one principal may have`)
    }
    const feed: Feed = {
      identity,
      environment,
      patterns: wanted,
      everything: ofEveryKey(identity),
      ended: yield* Deferred.make<HeraldError>(),
      at: after ?? propagation.position(),
      news: false,
      wake: yield* Deferred.make<void>(),
      handed: undefined,
      endedBy: "reader"
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        feeds.add(feed)
        for (const pattern of wanted) interest.add(environment, pattern, feed)
      }),
      () =>
        Effect.sync(() => {
          place()
          feeds.delete(feed)
          counts.ended(feed, feed.endedBy, clock.currentTimeMillisUnsafe())
          for (const pattern of wanted) interest.remove(environment, pattern, feed)
        })
    )
    const begun: ReadonlyArray<Told> = after === undefined ? [{ _tag: "Alive", at: feed.at }] : []
    return Stream.succeed(begun).pipe(
      Stream.concat(Stream.fromEffectRepeat(taking(feed))),
      Stream.filter((told) => told.length > 0),
      Stream.interruptWhen(Deferred.await(feed.ended)),
      Stream.concat(
        Stream.fromEffect(Effect.map(Deferred.await(feed.ended), (error) => [{ _tag: "Ended", error } as const]))
      )
    )
  })

  const drain = Effect.sync(() => {
    draining = true
    for (const feed of feeds) end(feed, "draining", failure("Draining", "the server is leaving: go on with another"))
  })

  return Feeds.of({ open, drain, size: () => feeds.size })
})
