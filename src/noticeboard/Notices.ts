/**
 * Puts up what other programs may read of topics, their subscriptions, routing rules and what waits: in rounds, where there is a board.
 *
 *   NJ4  Topics, subscriptions and rules are put up by one node for all, page by page: what a round asks and writes is bounded, whatever there is.
 *   NJ5  While the board is away, nothing is asked of the stores for it. Nobody waits for the board, and what goes wrong with it harms nothing else.
 */
import { Clock, Effect, Layer } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { takeTurns } from "../leases/Turns.ts"
import { RouteStore } from "../routes/RouteStore.ts"
import type { Subscription } from "../subscriptions/Subscription.ts"
import { SubscriptionStore } from "../subscriptions/SubscriptionStore.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { Activity } from "../topics/Activity.ts"
import { Logs } from "../topics/Logs.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import { fitting, pressureNotice, routingNotices, subscriptionNotice, topicNotice } from "./Notice.ts"
import { Noticeboard } from "./Noticeboard.ts"

/** Between two rounds: twice in the time for which a notice of a topic stands, and more often than what waits does. */
const [PAUSE, LOOK] = ["12 seconds", "3 seconds"] as const
/** Of each so many rounds one is of subscriptions and rules, too. */
const SELDOM = 5
/** Rows of a page, and of a round: topics are no more than that. NJ4 */
const [PAGE, ROUND] = [500, 10_000] as const
/** Partitions of which something waits on this node: the most pressed. NJ4 */
const PRESSED = 1_000

export interface NoticesOptions {
  /** The life of this process, as in the list of nodes. */
  readonly run: string
  readonly node: string
}

const make = Effect.fnUntraced(function* ({ run, node }: NoticesOptions) {
  const board = yield* Noticeboard
  if (board === undefined) return
  const topics = yield* TopicStore
  const subscriptions = yield* SubscriptionStore
  const routes = yield* RouteStore
  const logs = yield* Logs
  const { pressure } = yield* Activity
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  let rounds = 0

  const ofTopics = Effect.gen(function* () {
    let after = ""
    for (let seen = 0; seen < ROUND && !board.away(); seen += PAGE) {
      const page = yield* topics.list("", after, PAGE)
      for (const [kind, log] of logs.all) {
        const its = page.topics.filter((topic) => topic.log === kind)
        if (its.length === 0) continue
        // One log that is away holds up no other.
        const unknown = new Set<number>()
        const asked = log.bounds(
          its.map(({ id }) => id),
          (topic) => unknown.add(topic)
        )
        const bounds = yield* Effect.catch(asked, () => Effect.undefined)
        if (bounds === undefined) continue
        const byTopic = Map.groupBy(bounds, ({ topic }) => topic)
        const told = its.filter(({ id }) => !unknown.has(id)) // TL7
        yield* board.put(fitting(told.map((topic) => topicNotice(topic, byTopic.get(topic.id) ?? [], now()))))
      }
      const last = page.topics.at(-1)
      if (!page.more || last === undefined) return
      after = last.name
    }
  })

  const ofSubscriptions = Effect.gen(function* () {
    let after: Subscription | undefined
    for (let seen = 0; seen < ROUND && !board.away(); seen += PAGE) {
      const page: ReadonlyArray<Subscription> = yield* subscriptions.list("", { limit: PAGE, after })
      yield* board.put(fitting(page.map((one) => subscriptionNotice(one, now()))))
      if (page.length < PAGE) return
      after = page.at(-1)
    }
  })

  const ofRoutes = Effect.gen(function* () {
    const { revision, routes: all } = yield* routes.all
    yield* board.put(fitting(routingNotices(all, revision, now())))
  })

  /** NJ4, NJ5 */
  const round: Effect.Effect<void, HeraldError> = Effect.suspend(() => {
    if (board.away()) return Effect.void
    const seldom = rounds++ % SELDOM === 0 ? Effect.andThen(ofSubscriptions, ofRoutes) : Effect.void
    return Effect.andThen(ofTopics, seldom)
  })

  const look = Effect.suspend(() => {
    const all = board.away() ? [] : pressure.all
    const most = all.length <= PRESSED ? all : all.toSorted((a, b) => b.bytes - a.bytes).slice(0, PRESSED)
    return most.length === 0 ? Effect.void : board.put(fitting(most.map((one) => pressureNotice(one, node, now()))))
  })

  yield* takeTurns({ name: "noticeboard", run, pause: PAUSE }, () => round)
  yield* Effect.forkScoped(afterEvery("what waits was not put up for other programs", LOOK, look))
})

export const layer = (options: NoticesOptions) => Layer.effectDiscard(make(options))
