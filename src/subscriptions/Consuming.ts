/**
 * Serves the consumers that are connected to this node. Shares are spread over the nodes that have consumers, so that none has to ask another for
 * events (decision 0035).
 *
 *   SO1  A consumer gets what of the subscription this node has; how much that is follows the consumers that each node has.
 *   SO2  Who leaves in order hands over what is done; whoever is lost, what it had is taken over within `LASTS` and comes again.
 *   SO3  Without the store nothing new goes out once what is kept is used up, and everything goes on when it is back.
 */
import { Clock, Context, Effect, FiberMap, Layer, Queue, type Scope, Semaphore } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { always, every, saidOf } from "../telemetry/Every.ts"
import { partitionKey } from "../topics/Piece.ts"
import { TopicLog } from "../topics/TopicLog.ts"
import type { Answer } from "./Answer.ts"
import { CursorStore, type Standing } from "./CursorStore.ts"
import { AGAIN, Fetching, type Matches } from "./Fetching.ts"
import type { Output } from "./Seat.ts"
import { type Gathered, Serving } from "./Serving.ts"
import type { Subscription } from "./Subscription.ts"
import { SubscriptionStore } from "./SubscriptionStore.ts"

export interface ConsumingOptions {
  /** The life of this process, as in the list of nodes. */
  readonly run: string
  /** What a subscription's filter lets through. Fails as the filter is refused. */
  readonly matching: (subscription: Subscription) => Effect.Effect<Matches, HeraldError>
}

/** A consumer that takes part. */
export interface Joined {
  readonly name: string
  readonly subscription: Subscription
  /** Waits until there is something for it. */
  readonly take: Effect.Effect<ReadonlyArray<Output>>
  /** Deliveries that may come, counted from the beginning. CY1 */
  readonly grant: (granted: number) => Effect.Effect<void>
  /** With a receipt, an output says when they are durable. Those that are refused are told one by one. */
  readonly answer: (answers: ReadonlyArray<Answer>, receipt: number | undefined) => Effect.Effect<void>
  /** It has begun nothing of what it has and not answered: that it ends counts as no attempt. */
  readonly handIn: Effect.Effect<void>
}

export class Consuming extends Context.Service<
  Consuming,
  {
    /** Until the scope closes. Fails `NotFound`, `SubscriptionTaken`, and as the store. */
    readonly join: (
      topicName: string,
      subscriptionName: string,
      consumer: string
    ) => Effect.Effect<Joined, HeraldError, Scope.Scope>
  }
>()("herald/subscriptions/Consuming") {
  static readonly layer = (options: ConsumingOptions) => Layer.effect(Consuming, make(options))
}

/** Milliseconds between two times that a node says what it serves. */
const ATTEND = 1_000
/** Milliseconds for which it holds its shares then. SO2 */
const LASTS = 5_000
/** Milliseconds between two writes at least. */
const REST = 5

const make = Effect.fnUntraced(function* ({ run, matching }: ConsumingOptions) {
  const store = yield* CursorStore
  const definitions = yield* SubscriptionStore
  const log = yield* TopicLog
  const clock = yield* Clock.Clock
  const fetching = new Fetching(log)
  const servings = new Map<string, Serving>()
  const wakes = new Map<string, Queue.Queue<void>>()
  const dirty = yield* Queue.sliding<void>(1)
  const news = yield* Queue.sliding<void>(1)
  const writing = yield* Semaphore.make(1)
  const attendance = yield* Semaphore.make(1)
  const loops = yield* FiberMap.make<string>()
  let sessions = 0
  const now = () => clock.currentTimeMillisUnsafe()
  const wake = (id: string) => {
    const its = wakes.get(id)
    if (its !== undefined) Queue.offerUnsafe(its, undefined)
  }

  /** One write at a time, so that what is told to machines is in the order of what was written. */
  const write = (gathered: ReadonlyArray<readonly [Serving, Gathered]>) =>
    Effect.gen(function* () {
      const flushes = gathered.flatMap(([, one]) => one.flushes)
      const { lost, full } = flushes.length === 0 ? { lost: [], full: [] } : yield* store.flush(flushes)
      let before = 0
      for (const [serving, one] of gathered) {
        const { subscription, machine } = serving
        if (full.includes(subscription.id)) {
          machine.status = "error"
          machine.reason = "it has as many dead letters as may be"
        } else {
          serving.kept(one, new Set(lost.map((place) => place - before)))
          wake(subscription.id)
        }
        before += one.flushes.length
      }
    })

  const flush = writing.withPermits(1)(
    Effect.suspend(() =>
      write([...servings.values()].filter(({ isDirty }) => isDirty).map((one) => [one, one.gather()]))
    )
  )

  /** SO2 */
  const giveUp = (serving: Serving, share: number) =>
    writing.withPermits(1)(
      Effect.gen(function* () {
        const held = serving.held.get(share)
        if (held === undefined) return
        yield* write([[serving, serving.gather(serving.isIdle(share) ? share : undefined)]])
        yield* store.give(run, [{ id: serving.subscription.id, share, token: held.token }])
        if (serving.held.get(share) === held) serving.lose(share)
      })
    )

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
  const look = Effect.fnUntraced(function* (serving: Serving, matches: Matches) {
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

  const serve = (serving: Serving, matches: Matches, woken: Queue.Queue<void>) =>
    always(
      "a subscription met a defect",
      look(serving, matches).pipe(
        Effect.catch((error) => Effect.as(Effect.logDebug("a subscription waits for the store", saidOf(error)), AGAIN)), // SO3
        Effect.flatMap((millis) =>
          millis === 0 ? Effect.yieldNow : Effect.raceFirst(Effect.sleep(millis), Queue.take(woken))
        )
      )
    )

  /** Follows the topic's partitions, and takes what is free of its shares. */
  const claim = Effect.fnUntraced(function* (serving: Serving, { shares }: Standing, wanted: ReadonlyArray<number>) {
    const { subscription } = serving
    const bounds = yield* log.bounds([subscription.topicId])
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
    for (const one of claimed) serving.claimed(one, ends, shares.length)
    wake(subscription.id)
  })

  const close = Effect.fnUntraced(function* (id: string) {
    servings.delete(id)
    wakes.delete(id)
    yield* FiberMap.remove(loops, id)
  })

  const attend = attendance.withPermits(1)(
    Effect.gen(function* () {
      const attending = [...servings].map(([id, { seats }]) => ({ id, consumers: seats.size }))
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

  const begin = Effect.fnUntraced(function* (subscription: Subscription) {
    const known = servings.get(subscription.id)
    if (known !== undefined) return known
    const matches = yield* matching(subscription)
    const there = servings.get(subscription.id)
    if (there !== undefined) return there
    const serving = new Serving(subscription, now(), () => wake(subscription.id))
    const woken = yield* Queue.sliding<void>(1)
    servings.set(subscription.id, serving)
    wakes.set(subscription.id, woken)
    yield* FiberMap.run(loops, subscription.id, serve(serving, matches, woken))
    return serving
  })

  const join = Effect.fnUntraced(function* (
    topicName: string,
    subscriptionName: string,
    consumer: string
  ): Effect.fn.Return<Joined, HeraldError, Scope.Scope> {
    const subscription = yield* definitions.get(topicName, subscriptionName)
    if (subscription === undefined)
      return yield* failure("NotFound", `${topicName} has no subscription ${subscriptionName}`)
    const taken = failure("SubscriptionTaken", `${subscriptionName} on ${topicName} has a consumer already`)
    const serving = yield* begin(subscription)
    const { id } = subscription
    const session = `${run}/${++sessions}`
    let counts = true
    // It may have ended since, as nobody was there.
    if (servings.get(id) !== serving) return yield* join(topicName, subscriptionName, consumer)
    const seat = yield* Effect.acquireRelease(
      Effect.sync(() => serving.join(consumer, session, now())),
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
    const act = (what: () => void) =>
      Effect.sync(() => {
        what()
        wake(id)
      })
    return {
      ...{ name: consumer, subscription, take: seat.take },
      grant: (granted: number) => act(() => serving.machine.consumers.grant(session, granted)),
      answer: (answers: ReadonlyArray<Answer>, receipt: number | undefined) =>
        act(() => serving.answer(session, answers, receipt, now())),
      handIn: Effect.sync(() => {
        counts = false
      })
    }
  })

  /** SO2 */
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      for (const serving of servings.values()) {
        for (const session of [...serving.seats.keys()]) serving.leave(session, now(), false)
        for (const share of [...serving.held.keys()]) yield* giveUp(serving, share)
      }
      yield* store.attend(run, [], 1)
    }).pipe(Effect.timeout("2 seconds"), Effect.ignore)
  )
  yield* log.hints((partition) => {
    fetching.grown(partition && partitionKey(partition))
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
