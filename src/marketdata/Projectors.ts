/**
 * Makes bars of all topics with market data: each partition on the node whose turn it is.
 *
 *   MP1  Each partition of a topic that is covered is registered on every node, and is put together where its turn is (PC1). Two nodes that both believe it
 *        is theirs do no harm: MX1.
 *   MP2  A node asks its logs for all of its partitions at once, however many it has; what no hint told of is found by that.
 *   MP3  At most `PARTITIONS` are put together, in the order of their topics' names, those of the first patterns first; it is measured how many are left out.
 *   MJ5 in Projecting.ts
 */
import { Clock, Duration, Effect, FiberMap, Latch, Layer, Metric } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { Placement } from "../placement/Placement.ts"
import { every } from "../telemetry/Every.ts"
import { gauge } from "../telemetry/Metrics.ts"
import { Logs } from "../topics/Logs.ts"
import { samePlace } from "../topics/MessageId.ts"
import { type Bounds, endPlace, type PartitionId, partitionKey } from "../topics/Piece.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Log } from "../topics/TopicLog.ts"
import { MOST_TOPICS, TopicStore } from "../topics/TopicStore.ts"
import { AllAmendments } from "./Amendments.ts"
import { coveredBy } from "./Covered.ts"
import { MarketStore } from "./MarketStore.ts"
import { makeProjecting } from "./Projecting.ts"

/** MP3 */
export const PARTITIONS = 512
/** Between two looks at which topics there are. */
const LIST = "2 seconds"
/** Milliseconds. MP2 */
const POLL = 500
/** Milliseconds of silence until it is written how late it is, and from then on while the silence is `SHORT`; later, and from then on. MJ5 */
const QUIET = 15_000
const SHORT = 300_000
const QUIET_LONG = 60_000

export interface ProjectorsOptions {
  /** Topics' names, or with /* for all below them. */
  readonly topics: ReadonlyArray<string>
  /** Milliseconds that bars are kept. */
  readonly keepMillis: number
}

/** A partition whose turn is here. */
interface Owned {
  readonly partition: PartitionId
  readonly log: Log
  readonly projecting: ReturnType<typeof makeProjecting>
  readonly latch: Latch.Latch
  /** When it was written last, and when it was said that nothing came; milliseconds since 1970. */
  wroteAt: number
  saidAt: number
  /** Events that are not in bars yet, when it was looked at last. */
  behind: number
  isQuiet: boolean
}

const make = Effect.fnUntraced(function* ({ topics, keepMillis }: ProjectorsOptions) {
  const store = yield* TopicStore
  const market = yield* MarketStore
  const logs = yield* Logs
  const placement = yield* Placement
  const registered = yield* FiberMap.make<string>()
  const owned = new Map<string, Owned>()
  const amendments = new AllAmendments()
  const { prefix, covers, rankOf } = coveredBy(topics)

  const wake = (one: Owned | undefined) => one?.latch.openUnsafe()
  for (const [, log] of logs.all)
    yield* log.hints((grown) => {
      if (grown !== undefined) wake(owned.get(partitionKey(grown)))
      else for (const one of owned.values()) if (one.log === log) wake(one)
    })

  /** Puts a partition together until it is interrupted. */
  const work = (topic: Topic, log: Log, partition: PartitionId) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const latch = Latch.makeUnsafe(true)
      const projecting = makeProjecting(log, market, {
        ...{ partition, name: topic.name, keepMillis },
        amendments: amendments.of(topic)
      })
      const one: Owned = {
        ...{ partition, log, projecting, latch },
        ...{ wroteAt: now, saidAt: now, behind: 0, isQuiet: false }
      }
      const id = partitionKey(partition)
      owned.set(id, one)
      const turn = Effect.gen(function* () {
        yield* latch.await
        latch.closeUnsafe()
        while ((yield* projecting.step()) === true) one.wroteAt = yield* Clock.currentTimeMillis
        if (!one.isQuiet) return
        one.isQuiet = false
        yield* projecting.rest()
        one.saidAt = yield* Clock.currentTimeMillis
      })
      yield* every(`market data of ${topic.name} was not put together`, Effect.void, turn).pipe(
        Effect.ensuring(Effect.sync(() => owned.get(id) === one && owned.delete(id)))
      )
    })

  /** All topics that are covered. */
  const covered = Effect.gen(function* () {
    const found: Array<Topic> = []
    for (let after = "", more = true; more; ) {
      const page = yield* store.list(prefix, after, MOST_TOPICS)
      found.push(...page.topics.filter(({ name }) => covers(name)))
      after = page.topics.at(-1)?.name ?? after
      more = page.more
    }
    return found
  })

  /** MP1, MP3 */
  const register = Effect.gen(function* () {
    const wanted = new Map<string, readonly [Topic, Log, PartitionId]>()
    let left = 0
    const all = [...(yield* covered)].sort((a, b) => rankOf(a.name) - rankOf(b.name))
    for (const topic of all) {
      const log = topic.log === "ephemeral" ? undefined : logs.of(topic.log)
      if (log === undefined) continue
      for (let partition = 0; partition < topic.partitions; partition++) {
        if (wanted.size === PARTITIONS) left++
        else wanted.set(partitionKey({ topic: topic.id, partition }), [topic, log, { topic: topic.id, partition }])
      }
    }
    amendments.keep(new Set([...wanted.values()].map(([{ name }]) => name)), yield* Clock.currentTimeMillis)
    for (const [id] of registered) if (!wanted.has(id)) yield* FiberMap.remove(registered, id)
    for (const [id, [topic, log, partition]] of wanted) {
      const turn = Effect.andThen(placement.single(`market-data/${id}`, work(topic, log, partition)), Effect.never)
      yield* FiberMap.run(registered, id, Effect.scoped(turn), { onlyIfMissing: true })
    }
    yield* Metric.update(leftOutGauge, left)
  })

  const look = (one: Owned, bounds: Bounds, now: number): void => {
    const at = one.projecting.at()
    const end = endPlace(bounds)
    one.behind = Math.max(0, bounds.next - (at?.epoch === bounds.epoch ? at.offset : bounds.first))
    if (at === undefined || !samePlace(at, end)) wake(one)
    else if (now - one.wroteAt >= QUIET && now - one.saidAt >= (now - one.wroteAt < SHORT ? QUIET : QUIET_LONG)) {
      one.isQuiet = true
      wake(one)
    }
  }

  /** MP2 */
  const poll = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    let failed: HeraldError | undefined
    const note = (why: HeraldError) => (failed = why)
    for (const [, log] of logs.all) {
      const its = new Set([...owned.values()].filter((one) => one.log === log).map(({ partition }) => partition.topic))
      if (its.size === 0) continue
      const all = Effect.catch(
        log.bounds([...its], (_, why) => note(why)),
        (why) =>
          Effect.as(
            Effect.sync(() => note(why)),
            []
          )
      )
      for (const bounds of yield* all) {
        const one = owned.get(partitionKey(bounds))
        if (one !== undefined) look(one, bounds, now)
      }
    }
    let behind = 0
    for (const one of owned.values()) behind += one.behind
    yield* Effect.andThen(Metric.update(ownedGauge, owned.size), Metric.update(behindGauge, behind))
    if (failed !== undefined) return yield* failed // It is told, and the others have theirs. TL7
  })

  yield* Effect.forkScoped(every("topics with market data were not listed", LIST, register))
  yield* Effect.forkScoped(every("logs of market data were not asked", Duration.millis(POLL), poll))
})

/** Goes on as long as the layer lives. */
export const layer = (options: ProjectorsOptions) => Layer.effectDiscard(make(options))

const ownedGauge = gauge("herald_market_partitions", "partitions with market data that this node makes bars of")
const behindGauge = gauge("herald_market_behind_events", "events of those partitions that are not in bars yet")
const leftOutGauge = gauge(
  "herald_market_partitions_left_out",
  "partitions with market data that nobody makes bars of, as there are too many (at most 512 are)"
)
