/**
 * Follows the log of topics that subscriptions of a node are on: how far its partitions go, and which shares are to be taken. Part of Consuming.
 *
 *   LQ1  A log is asked once for all of them, and what is free is claimed at once for all; nothing is claimed before it is known where its log ends.
 *   LQ2  Each kind of log is followed for itself: one that fails or hangs holds up nothing of the others, and no lease.
 */
import { Effect, Queue } from "effect"
import { failure } from "../errors/HeraldError.ts"
import type { Bounds } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import type { CursorStore } from "./CursorStore.ts"
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
  readonly isServed: (serving: Serving) => boolean
  /** By topic. */
  readonly wake: (topic: number) => void
  /** There are more shares than before. */
  readonly news: () => void
}

/** For one question; a lease lasts longer. LQ2 */
const PATIENCE = "2 seconds"
const noAnswer = failure("Timeout", "the log of topics did not say in time how far it goes")

export const makeFollowing = Effect.fnUntraced(function* (options: FollowingOptions) {
  const { run, store, definitions, log, fetching, servings, lasts, isServed, wake, news } = options
  const soon = yield* Queue.sliding<void>(1)
  let wanted: Wanted = new Map()
  /** Of what is served, where it ended. */
  let ends = new Map<string, string>()

  /** What was not heard of may be missed by a reader. FJ3 */
  const compare = (bounds: ReadonlyArray<Bounds>) => {
    const now = new Map<string, string>()
    const grown = new Set<number>()
    for (const { topic, partition, epoch, first, next } of bounds) {
      const name = `${topic}/${partition}`
      const end = `${epoch}/${first}/${next}`
      now.set(name, end)
      if (ends.get(name) === end) continue
      fetching.grown({ topic, partition })
      grown.add(topic)
    }
    ends = now
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

  const follow = Effect.gen(function* () {
    const [those, its] = [servings(), wanted] // Before its log is asked: what was free then has been with nobody since.
    if (those.length === 0) return
    const topics = [...new Set(those.map(({ subscription }) => subscription.topicId))]
    const bounds = yield* Effect.timeoutOrElse(log.bounds(topics), {
      duration: PATIENCE,
      orElse: () => noAnswer
    })
    const byTopic = Map.groupBy(bounds, ({ topic }) => topic)
    const shares: Array<{ readonly id: string; readonly share: number }> = []
    for (const serving of those) {
      const { id, topicId } = serving.subscription
      const known = byTopic.get(topicId) ?? []
      serving.bounded(known)
      if (serving.seats.size === 0) continue
      const again = yield* extended(serving, known)
      const free = (its.get(id) ?? []).filter((share) => !serving.held.has(share))
      for (const share of [...again, ...free]) shares.push({ id, share })
    }
    compare(bounds)
    if (shares.length === 0) return
    const byId = new Map(those.map((serving) => [serving.subscription.id, serving]))
    for (const claimed of yield* store.claim(run, shares, lasts)) {
      const serving = byId.get(claimed.id)
      if (serving !== undefined && isServed(serving)) serving.claimed(claimed, serving.ends)
    }
  })

  return {
    /** These are to be claimed. */
    want: (those: Wanted) => {
      wanted = those
      if (those.size > 0) Queue.offerUnsafe(soon, undefined)
    },
    soon: Queue.take(soon),
    follow
  }
})
