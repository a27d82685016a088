/**
 * Serves the consumers that are connected to this node. Shares are spread over the nodes that have consumers, so that none has to ask another for
 * events (decision 0035).
 *
 *   SO1  A consumer gets what of the subscription this node has; how much that is follows the consumers that each node has.
 *   SO2  Who leaves in order hands over what is done; whoever is lost, what it had is taken over within `LASTS` and comes again.
 *   SO3  Without the store nothing new goes out once what is kept is used up, and everything goes on when it is back. Nothing goes out when the time
 *        is over for which it held its shares.
 *   SO4  Leases are prolonged by one statement for all subscriptions, which waits for no log and for no claim.
 *   SO5  Times between which something happens here are by a clock that does not jump.
 *   SO6  A subscription that is stopped has no consumers: none is let in, and those that are there are sent away as soon as their node has said again
 *        what it serves. What they had and had not answered comes again once it is resumed, and counts as no attempt.
 */
import { Clock, Context, Effect, Fiber, FiberMap, Layer, Option, Queue, type Scope } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { always, every, saidOf } from "../telemetry/Every.ts"
import { lastWords } from "../telemetry/LastWords.ts"
import { KnownTopics } from "../topics/KnownTopics.ts"
import { Logs, noLog } from "../topics/Logs.ts"
import type { Topic } from "../topics/Topic.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import type { Answer } from "./Answer.ts"
import { makeCounts } from "./Counts.ts"
import { CursorStore } from "./CursorStore.ts"
import { Fates } from "./Fates.ts"
import { Fetching } from "./Fetching.ts"
import { makeFollowing } from "./Following.ts"
import { findSubscription } from "./Found.ts"
import { LASTS, makeLeasing } from "./Leasing.ts"
import { letterRoom } from "./Letters.ts"
import { AGAIN, makeLooking, type Source } from "./Looking.ts"
import { matchingOf } from "./Matching.ts"
import { type Matching, makeSchemas } from "./Schemas.ts"
import type { Output } from "./Seat.ts"
import { Serving } from "./Serving.ts"
import type { Subscription } from "./Subscription.ts"
import { SubscriptionStore } from "./SubscriptionStore.ts"
import { noTally } from "./Tally.ts"
import { makeWriting } from "./Writing.ts"

export interface ConsumingOptions {
  /** The life of this process, as in the list of nodes. */
  readonly run: string
  /** What a subscription's filter lets through, or why the filter is refused; left out: by the topic's schema. */
  readonly matching?: Matching
}

/** Who comes. */
export interface Wish {
  readonly topicName: string
  readonly subscriptionName: string
  /** "": given a name that nobody has. */
  readonly consumer: string
  /** Drawn when it began, and the same over all of its connections; 0: not said. AZ1 */
  readonly life: number
}

/** A consumer that takes part. */
export interface Joined {
  readonly name: string
  readonly subscription: Subscription
  /** Waits until there is something for it. */
  readonly take: Effect.Effect<ReadonlyArray<Output>>
  /** Events that may come, counted from the beginning. CY1 */
  readonly grant: (granted: number) => void
  /** With a receipt, an output says when they are durable. Those that are refused are told one by one. */
  readonly answer: (answers: ReadonlyArray<Answer>, receipt: number | undefined) => void
  /** It has begun nothing of what it has and not answered: that it ends counts as no attempt. */
  readonly handIn: () => void
}

export class Consuming extends Context.Service<
  Consuming,
  {
    /**
     * Until the scope closes; whoever calls has looked at rights. A name is one consumer's of each principal. Fails `NoSuchTopic`,
     * `NoSuchSubscription`, `SubscriptionTaken`, `SubscriptionStopped`, `NoKafka` for a topic whose log is not here, and as the stores.
     */
    readonly join: (wish: Wish, principal: string) => Effect.Effect<Joined, HeraldError, Scope.Scope>
  }
>()("herald/subscriptions/Consuming") {
  static readonly layer = (options: ConsumingOptions) => Layer.effect(Consuming, make(options))
}

/** Milliseconds between two times that a node says what it serves. */
const ATTEND = 1_000

const make = Effect.fnUntraced(function* ({ run, matching = matchingOf }: ConsumingOptions) {
  const store = yield* CursorStore
  const definitions = yield* SubscriptionStore
  const logs = yield* Logs
  const topics = yield* TopicStore
  const found = findSubscription(definitions, topics)
  const clock = yield* Clock.Clock
  const fetchings = new Map(logs.all.map(([kind, log]) => [kind, new Fetching(log)] as const))
  const servings = new Map<string, Serving>()
  const sources = new Map<string, Source>()
  /** Which are on a topic. */
  const byTopic = new Map<number, Set<string>>()
  const tally = { ...noTally(), told: (yield* Fates).note }
  const room = letterRoom()
  yield* makeCounts(() => servings.values(), tally)
  const dirty = yield* Queue.sliding<void>(1)
  const news = yield* Queue.sliding<void>(1)
  const loops = yield* FiberMap.make<string>()
  let sessions = 0
  /** Milliseconds. SO5 */
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const skew = () => clock.currentTimeMillisUnsafe() - now()
  const wake = (id: string) => {
    const its = sources.get(id)
    if (its !== undefined) Queue.offerUnsafe(its.woken, undefined)
  }
  const wakeTopic = (topic: number) => {
    for (const id of byTopic.get(topic) ?? []) wake(id)
  }

  const writing = yield* makeWriting({ run, store, now, wake })

  const schemas = makeSchemas({ known: yield* KnownTopics, topics, matching, sources, servings, wake })
  const serve = makeLooking({
    ...{ definitions, schemas, now, writing },
    changed: () => Queue.offerUnsafe(dirty, undefined),
    news: () => Queue.offerUnsafe(news, undefined)
  })

  const followings = yield* Effect.forEach(
    logs.all,
    Effect.fnUntraced(function* ([kind, log]) {
      const made = yield* makeFollowing({
        ...{ run, store, definitions, log, fetching: fetchings.get(kind)!, lasts: LASTS, now, wake: wakeTopic },
        servings: () => [...servings].flatMap(([id, serving]) => (sources.get(id)!.kind === kind ? [serving] : [])),
        isServed: (serving) => servings.get(serving.subscription.id) === serving,
        news: () => Queue.offerUnsafe(news, undefined)
      })
      return [kind, made] as const
    })
  )

  const forget = (id: string): void => {
    const [serving, source] = [servings.get(id), sources.get(id)]
    if (serving === undefined || source === undefined) return
    const { topicId } = serving.subscription
    const its = byTopic.get(topicId)
    its?.delete(id)
    if (its?.size === 0) {
      byTopic.delete(topicId)
      source.fetching.forget(topicId)
    }
    servings.delete(id)
    sources.delete(id)
    writing.dirty.delete(serving)
  }

  const leasing = yield* makeLeasing({
    ...{ run, store, now, servings, wake, followings: new Map(followings) },
    kindOf: (id) => sources.get(id)!.kind,
    again: () => Queue.offerUnsafe(news, undefined),
    close: (ids) =>
      Effect.suspend(() => {
        // Whoever comes meanwhile begins it anew.
        const ended = ids.flatMap((id) => Option.toArray(FiberMap.getUnsafe(loops, id)))
        for (const id of ids) forget(id)
        return Fiber.interruptAll(ended)
      })
  })

  const begin = Effect.fnUntraced(function* (subscription: Subscription, topic: Topic) {
    const { id } = subscription
    const known = servings.get(id)
    if (known !== undefined) return known
    const fetching = fetchings.get(topic.log)
    if (fetching === undefined) return yield* noLog(topic.log)
    const fitted = { matches: matching(subscription, topic), schemaVersion: topic.schemaVersion } // QI6
    const source: Source = { kind: topic.log, fetching, ...fitted, woken: yield* Queue.sliding<void>(1) }
    const serving = new Serving(subscription, now(), () => wake(id), { tally, room, skew })
    servings.set(id, serving)
    sources.set(id, source)
    byTopic.set(topic.id, (byTopic.get(topic.id) ?? new Set()).add(id))
    yield* FiberMap.run(loops, id, serve(serving, source))
    return serving
  })

  const join = Effect.fnUntraced(function* (
    wish: Wish,
    principal: string
  ): Effect.fn.Return<Joined, HeraldError, Scope.Scope> {
    const { topicName, subscriptionName, life } = wish
    const { subscription, topic } = yield* found(wish)
    if (subscription.status === "stopped")
      return yield* failure("SubscriptionStopped", `${subscriptionName} on ${topicName} is stopped, and lets nobody in`)
    const taken = failure("SubscriptionTaken", `${subscriptionName} on ${topicName} has a consumer already`)
    const serving = yield* begin(subscription, topic)
    const { id } = subscription
    const session = `${run}/${++sessions}`
    const consumer = wish.consumer === "" ? session : wish.consumer
    const name = `${principal}\u0000${consumer}`
    let counts = true
    // It may have ended since, as nobody was there.
    if (servings.get(id) !== serving) return yield* join(wish, principal)
    serving.heard(subscription)
    const seat = yield* Effect.acquireRelease(
      Effect.sync(() => serving.join(name, session, now(), life)),
      () =>
        Effect.sync(() => {
          serving.leave(session, now(), counts)
          wake(id)
          Queue.offerUnsafe(news, undefined)
        })
    )
    if (seat === undefined) return yield* taken
    if (subscription.type === "exclusive") {
      const { lives } = serving
      const [first] = (yield* leasing.enter({ id, consumers: 1, lives }))?.nodes ?? []
      if (first !== undefined && first.run !== run) return yield* taken
    }
    Queue.offerUnsafe(news, undefined)
    return {
      ...{ name: consumer, subscription, take: seat.take },
      grant: (granted: number) => {
        serving.machine.consumers.grant(session, granted)
        wake(id)
      },
      answer: (answers: ReadonlyArray<Answer>, receipt: number | undefined) => {
        serving.answer(session, answers, receipt, now())
        wake(id)
      },
      handIn: () => {
        counts = false
      }
    }
  })

  /** SO2 */
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      lastWords(
        "shares of subscriptions were not given up",
        Effect.suspend(() => {
          for (const serving of servings.values()) {
            for (const session of [...serving.seats.keys()]) serving.leave(session, now(), false)
            serving.absent.late(now(), true)
          }
          const all = [...servings.values()].map((serving) => [serving, [...serving.held.keys()]] as const)
          const said = Effect.logWarning("shares of subscriptions were not given up: something of them is locked")
          return Effect.flatMap(writing.giveUp(all), ({ isLocked }) => (isLocked ? said : Effect.void))
        })
      ),
      lastWords("the lease of its shares was not ended", store.attend(run, [], 1)) // whatever became of those
    )
  )
  for (const [kind, log] of logs.all)
    yield* log.hints((partition) => {
      fetchings.get(kind)?.grown(partition)
      if (partition !== undefined) wakeTopic(partition.topic)
      else for (const [id, source] of sources) if (source.kind === kind) wake(id)
    })
  const flush = Effect.gen(function* () {
    yield* Queue.take(dirty)
    const rest = yield* Effect.onError(writing.flush, () => Effect.sync(() => Queue.offerUnsafe(dirty, undefined)))
    if (writing.dirty.size > 0) Queue.offerUnsafe(dirty, undefined)
    yield* Effect.sleep(rest)
  })
  yield* Effect.forkScoped(
    always(
      "what is done of subscriptions was not written",
      Effect.catch(flush, (error) =>
        Effect.andThen(
          Effect.logDebug("what is done of subscriptions waits for the store", saidOf(error)),
          Effect.sleep(AGAIN)
        )
      )
    )
  )
  for (const [, { follow, soon }] of followings)
    yield* Effect.forkScoped(
      every("a log of topics was not followed", Effect.raceFirst(Effect.sleep(ATTEND), soon), follow)
    )
  yield* Effect.forkScoped(
    every("the schemas of topics with subscriptions were not looked at", Effect.sleep(ATTEND), schemas.look)
  )
  yield* Effect.forkScoped(
    every("subscriptions were not attended", Effect.raceFirst(Effect.sleep(ATTEND), Queue.take(news)), leasing.attend)
  )
  return Consuming.of({ join })
})
