/**
 * Serves the consumers that are connected to this node. Shares are spread over the nodes that have consumers, so that none has to ask another for
 * events (decision 0035).
 *
 *   SO1  A consumer gets what of the subscription this node has; how much that is follows the consumers that each node has.
 *   SO2  Who leaves in order hands over what is done; whoever is lost, what it had is taken over within `LASTS` and comes again.
 *   SO3  Without the store nothing new goes out once what is kept is used up, and everything goes on when it is back.
 */
import { Clock, Context, Effect, FiberMap, Layer, Queue, type Scope, Semaphore } from "effect"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import { always, every, saidOf } from "../telemetry/Every.ts"
import { Logs, noLog } from "../topics/Logs.ts"
import { partitionKey } from "../topics/Piece.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Log } from "../topics/TopicLog.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import type { Answer } from "./Answer.ts"
import { makeCounts } from "./Counts.ts"
import { CursorStore, type Standing } from "./CursorStore.ts"
import { AGAIN, Fetching } from "./Fetching.ts"
import { findSubscription } from "./Found.ts"
import { type Matches, matchingOf } from "./Matching.ts"
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
  readonly matching?: (subscription: Subscription, topic: Topic) => Matches | HeraldError
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
     * Until the scope closes; whoever calls has looked at rights. Fails `NoSuchTopic`, `NoSuchSubscription`, `SubscriptionTaken`, `InvalidFilter`,
     * `NoKafka` for a topic whose log is not here, and as the stores.
     */
    readonly join: (wish: Wish) => Effect.Effect<Joined, HeraldError, Scope.Scope>
  }
>()("herald/subscriptions/Consuming") {
  static readonly layer = (options: ConsumingOptions) => Layer.effect(Consuming, make(options))
}

/** Milliseconds between two times that a node says what it serves. */
const ATTEND = 1_000
/** Milliseconds for which it holds its shares then. SO2 */
const LASTS = 5_000
/** Milliseconds between two writes at least. */
const REST = 20

interface Source {
  readonly log: Log
  readonly fetching: Fetching
  readonly matches: Matches
  readonly woken: Queue.Queue<void>
}

const make = Effect.fnUntraced(function* ({ run, matching = matchingOf }: ConsumingOptions) {
  const store = yield* CursorStore
  const definitions = yield* SubscriptionStore
  const logs = yield* Logs
  const found = findSubscription(definitions, yield* TopicStore)
  const clock = yield* Clock.Clock
  const fetchings = new Map(logs.all.map(([kind, log]) => [kind, new Fetching(log)] as const))
  const servings = new Map<string, Serving>()
  const sources = new Map<string, Source>()
  const tally = noTally()
  yield* makeCounts(() => servings.values(), tally)
  const dirty = yield* Queue.sliding<void>(1)
  const news = yield* Queue.sliding<void>(1)
  const attendance = yield* Semaphore.make(1)
  const loops = yield* FiberMap.make<string>()
  let sessions = 0
  const now = () => clock.currentTimeMillisUnsafe()
  const wake = (id: string) => {
    const its = sources.get(id)
    if (its !== undefined) Queue.offerUnsafe(its.woken, undefined)
  }

  const { flush, giveUp } = yield* makeWriting({ run, store, wake, servings: () => servings.values() })

  const giveUpLeaving = Effect.fnUntraced(function* (serving: Serving) {
    for (const [share, { leaving }] of [...serving.held])
      if (leaving !== undefined && (serving.isIdle(share) || leaving <= now())) {
        yield* giveUp(serving, share)
        Queue.offerUnsafe(news, undefined)
      }
  })

  const told = (serving: Serving) =>
    Effect.suspend(() => {
      const { machine, subscription } = serving
      if (machine.status !== "error" || subscription.status === "error") return Effect.void
      const change = { status: "error" as const, reason: machine.reason, pausedMillis: null }
      return Effect.map(definitions.change(subscription, change), (changed) => {
        if (changed !== undefined) serving.subscription = changed
      })
    })

  /** One look. Returns in how many milliseconds there is to be another at the latest. */
  const look = Effect.fnUntraced(function* (serving: Serving, { fetching, matches }: Source) {
    const at = now()
    const { wants, deliveries, wake: next } = serving.poll(at)
    for (const seat of [...serving.seats.values()]) if (seat.isEnded) serving.leave(seat.session, at, true)
    yield* told(serving)
    yield* fetching.bury(serving)
    const found = yield* fetching.fetch(serving, wants, matches, at)
    if (serving.isDirty) Queue.offerUnsafe(dirty, undefined)
    yield* giveUpLeaving(serving)
    return found || deliveries.length > 0 ? 0 : Math.min(AGAIN, Math.max(1, (next ?? at + AGAIN) - at))
  })

  const serve = (serving: Serving, source: Source) =>
    always(
      "a subscription met a defect",
      look(serving, source).pipe(
        Effect.catch((error) => Effect.as(Effect.logDebug("a subscription waits for the store", saidOf(error)), AGAIN)), // SO3
        Effect.flatMap((millis) =>
          millis === 0 ? Effect.yieldNow : Effect.raceFirst(Effect.sleep(millis), Queue.take(source.woken))
        )
      )
    )

  /** Follows the topic's partitions, and takes what is free of its shares. */
  const claim = Effect.fnUntraced(function* (serving: Serving, { shares }: Standing, wanted: ReadonlyArray<number>) {
    const { subscription } = serving
    const bounds = yield* sources.get(subscription.id)?.log.bounds([subscription.topicId]) ?? Effect.succeed([])
    for (const bound of bounds) serving.trimmed(bound)
    const grown = bounds.length > serving.partitions
    if (grown) {
      const begins = bounds.map(({ partition, epoch, first }) => ({ partition, logEpoch: epoch, offset: first }))
      yield* definitions.extend(subscription, begins)
      serving.partitions = bounds.length
    }
    const again = grown ? [...serving.held.keys()] : []
    const claimed = yield* store.claim(
      run,
      [...new Set([...again, ...wanted])].map((share) => ({ id: subscription.id, share })),
      LASTS
    )
    const ends = new Map(bounds.map(({ partition, next }) => [partition, next]))
    serving.ends = ends
    for (const one of claimed) serving.claimed(one, ends, shares.length)
    wake(subscription.id)
  })

  const close = Effect.fnUntraced(function* (id: string) {
    servings.delete(id)
    sources.delete(id)
    yield* FiberMap.remove(loops, id)
  })

  const attend = attendance.withPermits(1)(
    Effect.gen(function* () {
      const attending = [...servings].map(([id, { seats, lives }]) => ({ id, consumers: seats.size, lives }))
      const standings = new Map(
        (yield* store.attend(run, attending, LASTS)).map((one) => [one.subscription.id, one] as const)
      )
      for (const { id } of attending) {
        const serving = servings.get(id)
        const standing = standings.get(id)
        if (serving === undefined) continue
        if (standing === undefined) {
          for (const seat of serving.seats.values()) seat.end("deleted")
          yield* close(id)
          continue
        }
        const wanted = serving.stand(standing, run, now())
        if (serving.seats.size > 0) yield* claim(serving, standing, wanted)
        else if (serving.held.size === 0) yield* close(id)
        wake(id)
      }
      return standings
    })
  )

  const begin = Effect.fnUntraced(function* (subscription: Subscription, topic: Topic) {
    const { id } = subscription
    const known = servings.get(id)
    if (known !== undefined) return known
    const log = logs.of(topic.log)
    const fetching = fetchings.get(topic.log)
    if (log === undefined || fetching === undefined) return yield* noLog(topic.log)
    const matches = matching(subscription, topic)
    if (matches instanceof HeraldError) return yield* matches
    const source: Source = { log, fetching, matches, woken: yield* Queue.sliding<void>(1) }
    const serving = new Serving(subscription, now(), () => wake(id), tally)
    servings.set(id, serving)
    sources.set(id, source)
    yield* FiberMap.run(loops, id, serve(serving, source))
    return serving
  })

  const join = Effect.fnUntraced(function* (wish: Wish): Effect.fn.Return<Joined, HeraldError, Scope.Scope> {
    const { topicName, subscriptionName, life } = wish
    const { subscription, topic } = yield* found(wish)
    const taken = failure("SubscriptionTaken", `${subscriptionName} on ${topicName} has a consumer already`)
    const serving = yield* begin(subscription, topic)
    const { id } = subscription
    const session = `${run}/${++sessions}`
    const consumer = wish.consumer === "" ? session : wish.consumer
    let counts = true
    // It may have ended since, as nobody was there.
    if (servings.get(id) !== serving) return yield* join(wish)
    const seat = yield* Effect.acquireRelease(
      Effect.sync(() => serving.join(consumer, session, now(), life)),
      () =>
        Effect.sync(() => {
          serving.leave(session, now(), counts)
          wake(id)
          Queue.offerUnsafe(news, undefined)
        })
    )
    if (seat === undefined) return yield* taken
    if (subscription.type === "exclusive") {
      const nodes = (yield* attend).get(id)?.nodes ?? []
      if (nodes.length > 0 && nodes[0]!.run !== run) return yield* taken
    } else Queue.offerUnsafe(news, undefined)
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
    Effect.gen(function* () {
      for (const serving of servings.values()) {
        for (const session of [...serving.seats.keys()]) serving.leave(session, now(), false)
        serving.absent.late(now(), true)
        for (const share of [...serving.held.keys()]) yield* giveUp(serving, share)
      }
      yield* store.attend(run, [], 1)
    }).pipe(Effect.timeout("2 seconds"), Effect.ignore)
  )
  for (const [kind, log] of logs.all)
    yield* log.hints((partition) => {
      fetchings.get(kind)?.grown(partition && partitionKey(partition))
      for (const [id, { subscription }] of servings)
        if (partition === undefined || partition.topic === subscription.topicId) wake(id)
    })
  yield* Effect.forkScoped(
    every("what is done of subscriptions was not written", Effect.sleep(REST), Effect.andThen(Queue.take(dirty), flush))
  )
  yield* Effect.forkScoped(
    every("subscriptions were not attended", Effect.raceFirst(Effect.sleep(ATTEND), Queue.take(news)), attend)
  )
  return Consuming.of({ join })
})
