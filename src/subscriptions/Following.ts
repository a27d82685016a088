/**
 * Follows the log of topics that subscriptions of a node are on: how far its partitions go, and which shares are to be taken. Part of Consuming.
 *
 *   LQ1  A log is asked once for all of them, and what is free is claimed for all, some at a time; nothing is claimed before it is known where its log
 *        ends. Of whom little is wanted comes first, and a log is asked again before there is very much more: nobody waits until all of others is claimed.
 *   LQ3  Behind is who has no answer of the log, not who takes long to claim. What is wanted and can't be had was known wrong: it is told again.
 *   LQ4  One topic of which that can't be known, or one subscription that can't be given its partitions, holds up nothing of the others: behind is who
 *        has no answer of a topic.
 *   LQ2  Each kind of log is followed for itself: one that fails or hangs holds up nothing of the others, and no lease.
 */
import { Effect, Queue } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Bounds } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import type { Claimed, CursorStore } from "./CursorStore.ts"
import type { Fetching } from "./Fetching.ts"
import type { Serving } from "./Serving.ts"
import { isSingle } from "./Subscription.ts"
import type { SubscriptionStore } from "./SubscriptionStore.ts"

/** What is to be claimed, as it was found when it was looked up last. */
export type Wanted = ReadonlyMap<string, ReadonlyArray<number>>

export interface FollowingOptions {
  readonly run: string
  readonly store: CursorStore["Service"]
  readonly definitions: SubscriptionStore["Service"]
  readonly log: Log
  readonly fetching: Fetching
  /** Those of this log. */
  readonly servings: () => ReadonlyArray<Serving>
  /** Milliseconds for which shares are held. */
  readonly lasts: number
  /** Milliseconds. SO5 */
  readonly now: () => number
  readonly isServed: (serving: Serving) => boolean
  /** By topic. */
  readonly wake: (topic: number) => void
  /** There are more shares than before. */
  readonly news: () => void
}

/** For one question; a lease lasts longer. LQ2 */
const PATIENCE = "2 seconds"
/** Shares of one claim: as many as a database is done with long before a lease is over. LQ1 */
const PAGE = 512
/** And claims between two questions. LQ1 */
const PAGES = 8
const noAnswer = failure("Timeout", "the log of topics did not say in time how far it goes")

export const makeFollowing = Effect.fnUntraced(function* (options: FollowingOptions) {
  const { run, store, definitions, log, fetching, servings, lasts, now, isServed, wake, news } = options
  const soon = yield* Queue.sliding<void>(1)
  let wanted: Wanted = new Map()
  /** By topic, milliseconds: when the first of the questions was asked that had no answer since. LQ3, LQ4 */
  let unanswered = new Map<number, number>()
  /** Begun so far, and whether one is under way. */
  let [claims, isClaiming] = [0, false]
  /** Of what is served, where it ended. */
  let ends = new Map<string, string>()

  /** What was not heard of may be missed by a reader. FJ3 */
  const compare = (bounds: ReadonlyArray<Bounds>) => {
    const known = new Map<string, string>()
    const grown = new Set<number>()
    for (const { topic, partition, epoch, first, next } of bounds) {
      const name = `${topic}/${partition}`
      const end = `${epoch}/${first}/${next}`
      known.set(name, end)
      if (ends.get(name) === end) continue
      fetching.grown({ topic, partition })
      grown.add(topic)
    }
    ends = known
    for (const topic of grown) wake(topic)
  }

  /** Its partitions that it has no cursors of yet. Returns shares of its own that have more than before. */
  const extended = Effect.fnUntraced(function* (serving: Serving, bounds: ReadonlyArray<Bounds>) {
    const { subscription, partitions } = serving
    if (bounds.length <= partitions) return []
    const begins = bounds.map(({ partition, epoch, first }) => ({ partition, logEpoch: epoch, offset: first }))
    yield* definitions.extend(subscription, begins)
    news()
    return isSingle(subscription.type) ? [0] : []
  })

  const claim = (
    shares: ReadonlyArray<{ readonly id: string; readonly share: number }>,
    take: (claimed: Claimed) => void
  ) =>
    Effect.suspend(() => {
      claims++
      isClaiming = true
      return Effect.ensuring(
        Effect.map(store.claim(run, shares, lasts), (all) => all.forEach(take)),
        Effect.sync(() => {
          isClaiming = false
        })
      )
    })

  const follow = Effect.gen(function* () {
    const [those, its] = [servings(), wanted] // Before its log is asked: what was free then has been with nobody since.
    if (those.length === 0) {
      unanswered = new Map()
      return
    }
    const topics = [...new Set(those.map(({ subscription }) => subscription.topicId))]
    const asked = now()
    unanswered = new Map(topics.map((topic) => [topic, unanswered.get(topic) ?? asked]))
    const unknown = new Map<number, HeraldError>()
    let failed: HeraldError | undefined
    const bounds = yield* Effect.timeoutOrElse(
      log.bounds(topics, (topic, why) => unknown.set(topic, (failed = why))),
      {
        duration: PATIENCE,
        orElse: () => noAnswer
      }
    )
    for (const topic of topics) if (!unknown.has(topic)) unanswered.delete(topic)
    const byTopic = Map.groupBy(bounds, ({ topic }) => topic)
    const all = new Map<string, ReadonlyArray<number>>()
    for (const serving of those) {
      const { id, topicId } = serving.subscription
      if (unknown.has(topicId)) continue
      const known = byTopic.get(topicId) ?? []
      serving.bounded(known)
      if (serving.seats.size === 0) continue
      const again = yield* Effect.catch(extended(serving, known), (why) => {
        failed = why
        return Effect.succeed([])
      })
      const free = (its.get(id) ?? []).filter((share) => !serving.held.has(share))
      if (again.length + free.length > 0) all.set(id, [...again, ...free])
    }
    compare(bounds)
    const byId = new Map(those.map((serving) => [serving.subscription.id, serving]))
    const take = (claimed: Claimed) => {
      const serving = byId.get(claimed.id)
      if (serving !== undefined && isServed(serving)) serving.claimed(claimed, serving.ends)
    }
    const shares = [...all]
      .sort(([, a], [, b]) => a.length - b.length)
      .flatMap(([id, its]) => its.map((share) => ({ id, share })))
    if (shares.length > PAGES * PAGE) Queue.offerUnsafe(soon, undefined)
    for (let at = 0; at < Math.min(shares.length, PAGES * PAGE); at += PAGE) {
      const page = shares.slice(at, at + PAGE)
      yield* claim(page, take)
      for (const { id, share } of page) if (!byId.get(id)!.held.has(share)) byId.get(id)!.hands.stamp = "" // LQ3
    }
    if (failed !== undefined) return yield* failed // It is told, and the others have theirs.
  })

  return {
    /** These are to be claimed. */
    want: (those: Wanted) => {
      wanted = those
      if (those.size > 0) Queue.offerUnsafe(soon, undefined)
    },
    soon: Queue.take(soon),
    /** The log has said nothing of that topic for longer than shares are held. */
    isBehind: (topic: number) => now() - (unanswered.get(topic) ?? now()) > lasts,
    /** As long as that stays the same, no claim was under way. */
    claiming: () => (isClaiming ? undefined : claims),
    follow
  }
})

export type Following = Effect.Success<ReturnType<typeof makeFollowing>>
