/**
 * Routes events of all topics that rules route from, on the nodes whose turn it is.
 *
 *   ZK1  A partition's rules are at work on one node at a time, as placement says, in one of `SLICES` parts that all partitions are in; where two
 *        are at it nevertheless, each step is one's (ZE2).
 *   ZK2  Each kind of log is routed from for itself: one that fails or hangs holds up no events of others.
 *   ZK4  So is each partition: one that can't be read is tried again a second later, and those beside it go on meanwhile, also while one hangs.
 *
 * What came is looked for when the log says so, and every `LOOK` in case it didn't. Partitions take turns, a step each, `AT_ONCE` of them at the same
 * time, and one of those that hung when they were read last.
 */
import { Cause, Clock, Effect, FiberMap, FiberSet, Latch, Layer, Metric, Semaphore } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { Placement } from "../placement/Placement.ts"
import { always, every, saidOf } from "../telemetry/Every.ts"
import { counter, gauge } from "../telemetry/Metrics.ts"
import { Logs } from "../topics/Logs.ts"
import type { Place } from "../topics/MessageId.ts"
import { type Bounds, partitionKey } from "../topics/Piece.ts"
import type { LogKind } from "../topics/Topic.ts"
import type { Log } from "../topics/TopicLog.ts"
import { Due, REST } from "./Due.ts"
import { makeEnds, SLICES, sliceOf } from "./Ends.ts"
import { FRESH, makeKnown } from "./Known.ts"
import { type Position, RouteStore } from "./RouteStore.ts"
import { makeStepping, type Routed } from "./Stepping.ts"

/** Milliseconds. */
export const LOOK = 5_000
/** Of a node, from a kind of log. */
const AT_ONCE = 4

/** What one part is at, in one kind of log. */
interface Slice {
  readonly number: number
  readonly source: Source
  readonly due: Due
  readonly routed: Map<string, Routed>
  readonly some: Latch.Latch
  /** All of them are to be looked at. */
  anew: boolean
  /** Since when, in milliseconds of the monotonic clock. */
  woken: number
  behind: number
  /** When they were looked at last, by the monotonic clock, in milliseconds. */
  looked: number
}

/** A kind of log. ZK2 */
interface Source {
  readonly kind: LogKind
  readonly log: Log
  readonly ends: ReturnType<typeof makeEnds>
  readonly room: Semaphore.Semaphore
  /** For those that hung. ZK4 */
  readonly corner: Semaphore.Semaphore
}

/** It was deleted since it was read which topics rules route from: others go on. ZK2 */
const isGone = ({ refused }: HeraldError): boolean => refused

const make = Effect.fnUntraced(function* (options: { readonly eventBytes: number }) {
  const placement = yield* Placement
  const store = yield* RouteStore
  const logs = yield* Logs
  const known = yield* makeKnown
  const { step, fail } = yield* makeStepping(options)
  const slices = new Set<Slice>()
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const sources = logs.all
    .filter(([kind]) => kind !== "ephemeral")
    .map(([kind, log]): Source => {
      const topics = () => known.in(kind)
      return {
        kind,
        log,
        ends: makeEnds({ log, topics, now }),
        room: Semaphore.makeUnsafe(AT_ONCE),
        corner: Semaphore.makeUnsafe(1)
      }
    })

  const wake = (slice: Slice, key?: string) => {
    if (key !== undefined) slice.due.add(key)
    else {
      slice.anew = true
      slice.woken = now()
    }
    slice.some.openUnsafe()
  }

  const measure = Effect.suspend(() =>
    Metric.update(
      behindGauge,
      [...slices].reduce((sum, one) => sum + one.behind, 0)
    )
  )

  /** Where rules are in a partition, with where those begin that were not there yet. Undefined: no rule is. */
  const placed = Effect.fnUntraced(function* (of: Bounds, those: ReadonlyArray<Position>) {
    const topic = known.covered.get(of.topic)
    if (topic === undefined) return undefined
    const { revision } = known
    const deciding = yield* Effect.catchIf(known.of(topic), isGone, () => Effect.undefined)
    if (deciding === undefined) return undefined
    for (const [id, why] of deciding.unfit) {
      const route = (yield* store.all).routes.find((one) => one.id === id)
      if (route !== undefined) yield* fail(route, `it doesn't fit ${topic.name}: ${why}`)
    }
    const its = (all: ReadonlyArray<Position>) =>
      new Map(
        all
          .filter((one) => one.topic === of.topic && one.partition === of.partition)
          .map(({ route, at }) => [route, at] as const)
      )
    let there = its(those)
    const missing = deciding.routes.filter(({ id }) => !there.has(id))
    if (missing.length > 0) {
      const at: Place = { epoch: of.epoch, offset: of.first }
      const begins = missing.map((route) => ({ route: route.id, topic: of.topic, partition: of.partition, at }))
      if (!(yield* store.begin(begins)))
        for (const route of missing) yield* fail(route, `there is no room for its position in ${topic.name}`)
      there = its(yield* store.positions([of.topic]))
    }
    const positions = new Map(
      deciding.routes.flatMap(({ id }) => (there.has(id) ? [[id, there.get(id)!] as const] : []))
    )
    const partition = { topic: of.topic, partition: of.partition }
    return { topic, partition, deciding, revision, positions, turn: 0 } satisfies Routed
  })

  /** Everything of a part that has more than its rules have seen is due. */
  const look = Effect.fnUntraced(function* (slice: Slice) {
    const since = slice.anew ? slice.woken : now() - LOOK / 2
    slice.anew = false
    const bounds = yield* slice.source.ends(slice.number, since)
    const its = new Map(bounds.map((one) => [partitionKey(one), one]))
    const unknown = new Set<number>()
    const isToPlace = (key: string) => slice.routed.get(key)?.revision !== known.revision && !slice.due.isAtWork(key)
    for (const [key, { topic }] of its) if (isToPlace(key)) unknown.add(topic)
    const those = unknown.size === 0 ? [] : yield* store.positions([...unknown])
    let behind = 0
    for (const [key, one] of its) {
      let routed = slice.routed.get(key)
      // Where those are that are at work is known when they are done; and some begin or end while others are placed.
      if (unknown.has(one.topic) && isToPlace(key)) {
        const its = yield* placed(one, those)
        if (its !== undefined && isToPlace(key)) slice.routed.set(key, its)
      }
      routed = slice.routed.get(key)
      if (routed === undefined) continue
      for (const { epoch, offset } of routed.positions.values()) {
        behind += Math.max(0, one.next - (epoch === one.epoch ? offset : one.first))
        if (epoch !== one.epoch || offset < one.next) slice.due.add(key)
      }
    }
    for (const key of slice.routed.keys()) if (!its.has(key)) slice.routed.delete(key)
    slice.due.keep(its)
    slice.behind = behind
    slice.looked = now()
    yield* measure
  })

  const failed = (error: HeraldError) =>
    Effect.andThen(Effect.logDebug("events were not routed", saidOf(error)), Metric.update(failuresTotal, 1))

  /** A step of what its partition has. */
  const stepped = Effect.fnUntraced(function* (slice: Slice, key: string) {
    const routed = slice.routed.get(key)
    if (routed === undefined || routed.revision !== known.revision) {
      slice.routed.delete(key)
      return wake(slice)
    }
    const came = yield* step(routed)
    if (came === "more") slice.due.add(key)
    else if (came === "anew" || came === "gone") {
      slice.routed.delete(key)
      yield* known.refresh
      wake(slice)
    }
    if (routed.revision !== known.revision) slice.due.add(key) // no look placed it meanwhile
  })

  /** Never fails. ZK4 */
  const one = (slice: Slice, key: string) => {
    const { room, corner } = slice.source
    const once = Effect.suspend(() => {
      const since = now()
      return Effect.matchCauseEffect(stepped(slice, key), {
        onSuccess: () => Effect.sync(() => slice.due.well(key)),
        onFailure: (cause) =>
          Effect.suspend(() => {
            slice.due.failed(key, now(), now() - since)
            const why = cause.reasons.find(Cause.isFailReason)
            return why === undefined ? Effect.logError("events were not routed", cause) : failed(why.error)
          })
      })
    })
    return Effect.ensuring(
      (slice.due.isSlow(key) ? corner : room).withPermits(1)(once),
      Effect.sync(() => {
        slice.due.ended(key)
        slice.some.openUnsafe()
      })
    )
  }

  const workIn = Effect.fnUntraced(function* (number: number, source: Source) {
    const slice: Slice = {
      ...{ number, source, due: new Due(AT_ONCE), routed: new Map<string, Routed>(), some: Latch.makeUnsafe(true) },
      ...{ anew: true, woken: now(), behind: 0, looked: Number.NEGATIVE_INFINITY }
    }
    slices.add(slice)
    yield* Effect.addFinalizer(() => {
      slices.delete(slice)
      return measure
    })
    const begin = yield* FiberSet.makeRuntime<never>()
    const round = Effect.gen(function* () {
      yield* Effect.timeoutOption(slice.some.await, slice.due.anyResting ? REST : LOOK)
      slice.some.closeUnsafe()
      if (slice.anew || now() - slice.looked >= LOOK) yield* look(slice)
      slice.due.rested(now())
      for (let key = slice.due.take(); key !== undefined; key = slice.due.take()) begin(one(slice, key))
    })
    const told = Effect.catch(round, (error) =>
      failed(error).pipe(Effect.andThen(Effect.sleep(REST)), Effect.andThen(Effect.sync(() => wake(slice))))
    )
    return yield* always("events were not routed", told)
  }, Effect.scoped)

  /** ZK2 */
  const work = (number: number) =>
    Effect.forEach(sources, (source) => workIn(number, source), { concurrency: "unbounded", discard: true })

  const parts = yield* FiberMap.make<string>()
  const listen = Effect.forEach(
    sources,
    ({ kind, log }) =>
      log.hints((grown) => {
        if (grown !== undefined && !known.covered.has(grown.topic)) return
        for (const slice of slices)
          if (slice.source.kind === kind && (grown === undefined || sliceOf(grown) === slice.number))
            wake(slice, grown && partitionKey(grown))
      }),
    { discard: true }
  )

  const follow = Effect.gen(function* () {
    const others = yield* known.refresh
    if (!known.any) return yield* FiberMap.clear(parts)
    if (others) for (const slice of slices) wake(slice)
    yield* FiberMap.run(parts, "hints", Effect.scoped(Effect.andThen(listen, Effect.never)), { onlyIfMissing: true })
    for (let number = 0; number < SLICES; number++) {
      const turn = Effect.andThen(placement.single(`routes/${number}`, work(number)), Effect.never)
      yield* FiberMap.run(parts, `part ${number}`, Effect.scoped(turn), { onlyIfMissing: true })
    }
  })
  yield* Effect.forkScoped(every("routing rules were not read", FRESH, follow))
  yield* Effect.forkScoped(
    every(
      "positions of routing rules were not swept",
      "5 minutes",
      Effect.suspend(() => ([...slices].some(({ number }) => number === 0) ? store.sweep : Effect.void))
    )
  )
})

/** Routes as long as the layer lives. */
export const layer = (options: { readonly eventBytes: number }) => Layer.effectDiscard(make(options))

const behindGauge = gauge(
  "herald_routes_behind_events",
  "events that wait for routing rules, of the partitions that this node routes"
)
const failuresTotal = counter(
  "herald_routes_failures_total",
  "times that routing met a failure and was begun again a second later"
)
