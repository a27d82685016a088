/**
 * Routes events of all topics that rules route from, on the nodes whose turn it is.
 *
 *   ZK1  A partition's rules are at work on one node at a time, as placement says, in one of `SLICES` parts that all partitions are in; where two
 *        are at it nevertheless, each step is one's (ZE2).
 *
 * What came is looked for when the log says so, and every `LOOK` in case it didn't. Partitions take turns, a step each, `AT_ONCE` of them at the same
 * time.
 */
import { Clock, Effect, FiberMap, Latch, Layer, Metric, Semaphore } from "effect"
import { Placement } from "../placement/Placement.ts"
import { always, every, saidOf } from "../telemetry/Every.ts"
import { counter, gauge } from "../telemetry/Metrics.ts"
import { Logs } from "../topics/Logs.ts"
import type { Place } from "../topics/MessageId.ts"
import { type Bounds, type PartitionId, partitionKey } from "../topics/Piece.ts"
import { FRESH, makeKnown } from "./Known.ts"
import { type Position, RouteStore } from "./RouteStore.ts"
import { makeStepping, type Routed } from "./Stepping.ts"

/** ZK1 */
export const SLICES = 16
/** Milliseconds. */
export const LOOK = 5_000
/** Of a node. */
const AT_ONCE = 4
const REST = "1 second"

export const sliceOf = ({ topic, partition }: PartitionId): number => (topic * 31 + partition) % SLICES

/** What one part is at. */
interface Slice {
  /** Partitions in which there may be something. */
  readonly due: Set<string>
  readonly routed: Map<string, Routed>
  readonly some: Latch.Latch
  /** All of them are to be looked at. */
  anew: boolean
  behind: number
  /** When they were looked at last, by the monotonic clock, in milliseconds. */
  looked: number
}

const make = Effect.fnUntraced(function* (options: { readonly eventBytes: number }) {
  const placement = yield* Placement
  const store = yield* RouteStore
  const logs = yield* Logs
  const known = yield* makeKnown
  const { step, fail } = yield* makeStepping(options)
  const room = yield* Semaphore.make(AT_ONCE)
  const slices = new Map<number, Slice>()
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

  const wake = (slice: Slice, key?: string) => {
    if (key === undefined) slice.anew = true
    else slice.due.add(key)
    slice.some.openUnsafe()
  }

  const measure = Effect.suspend(() =>
    Metric.update(
      behindGauge,
      [...slices.values()].reduce((sum, one) => sum + one.behind, 0)
    )
  )

  /** Where rules are in a partition, with where those begin that were not there yet. Undefined: no rule is. */
  const placed = Effect.fnUntraced(function* (of: Bounds, those: ReadonlyArray<Position>) {
    const topic = known.covered.get(of.topic)
    if (topic === undefined) return undefined
    const { revision } = known
    const deciding = yield* known.of(topic)
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
  const look = Effect.fnUntraced(function* (slice: Slice, number: number) {
    slice.anew = false
    const bounds = yield* Effect.forEach(
      [...Map.groupBy(known.covered.values(), ({ log }) => log)],
      ([kind, those]) => logs.of(kind)?.bounds(those.map(({ id }) => id)) ?? Effect.succeed([])
    )
    const its = new Map(
      bounds
        .flat()
        .filter((one) => sliceOf(one) === number)
        .map((one) => [partitionKey(one), one])
    )
    const unknown = new Set<number>()
    for (const [key, { topic }] of its) if (slice.routed.get(key)?.revision !== known.revision) unknown.add(topic)
    const those = unknown.size === 0 ? [] : yield* store.positions([...unknown])
    let behind = 0
    for (const [key, one] of its) {
      let routed = slice.routed.get(key)
      if (routed === undefined || routed.revision !== known.revision) {
        routed = yield* placed(one, those)
        if (routed === undefined) continue
        slice.routed.set(key, routed)
      }
      for (const { epoch, offset } of routed.positions.values()) {
        behind += Math.max(0, one.next - (epoch === one.epoch ? offset : one.first))
        if (epoch !== one.epoch || offset < one.next) slice.due.add(key)
      }
    }
    for (const key of slice.routed.keys()) if (!its.has(key)) slice.routed.delete(key)
    for (const key of slice.due) if (!its.has(key)) slice.due.delete(key)
    slice.behind = behind
    slice.looked = now()
    yield* measure
  })

  const one = Effect.fnUntraced(function* (slice: Slice, key: string) {
    slice.due.delete(key)
    const routed = slice.routed.get(key)
    if (routed === undefined || routed.revision !== known.revision) {
      slice.routed.delete(key)
      slice.anew = true
      return
    }
    const stepped = yield* step(routed)
    if (stepped === "more") slice.due.add(key)
    else if (stepped === "anew" || stepped === "gone") {
      slice.routed.delete(key)
      yield* known.refresh
      slice.anew = true
    }
  })

  const work = (number: number) =>
    Effect.suspend(() => {
      const slice: Slice = {
        due: new Set(),
        routed: new Map(),
        some: Latch.makeUnsafe(true),
        anew: true,
        behind: 0,
        looked: Number.NEGATIVE_INFINITY
      }
      slices.set(number, slice)
      const round = Effect.gen(function* () {
        yield* Effect.timeoutOption(slice.some.await, LOOK)
        slice.some.closeUnsafe()
        if (slice.anew || now() - slice.looked >= LOOK) yield* look(slice, number)
        while (slice.due.size > 0 && !slice.anew)
          yield* Effect.forEach([...slice.due], (key) => room.withPermits(1)(one(slice, key)), {
            concurrency: AT_ONCE,
            discard: true
          })
        if (slice.anew) slice.some.openUnsafe()
      })
      const told = Effect.catch(round, (error) =>
        Effect.logDebug("events were not routed", saidOf(error)).pipe(
          Effect.andThen(Metric.update(failuresTotal, 1)),
          Effect.andThen(Effect.sleep(REST)),
          Effect.andThen(Effect.sync(() => wake(slice)))
        )
      )
      return Effect.ensuring(
        always("events were not routed", told),
        Effect.suspend(() => {
          if (slices.get(number) === slice) slices.delete(number)
          return measure
        })
      )
    })

  const parts = yield* FiberMap.make<string>()
  const listen = Effect.forEach(
    logs.all.filter(([kind]) => kind !== "ephemeral"),
    ([, log]) =>
      log.hints((grown) => {
        if (grown === undefined) for (const slice of slices.values()) wake(slice)
        else if (known.covered.has(grown.topic)) {
          const slice = slices.get(sliceOf(grown))
          if (slice !== undefined) wake(slice, partitionKey(grown))
        }
      }),
    { discard: true }
  )

  const follow = Effect.gen(function* () {
    const others = yield* known.refresh
    if (!known.any) return yield* FiberMap.clear(parts)
    if (others) for (const slice of slices.values()) wake(slice)
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
      Effect.suspend(() => (slices.has(0) ? store.sweep : Effect.void))
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
