/** StatisticsStore over a `State`, by the rules of migration 0042. */
import { Clock, Effect, Layer } from "effect"
import {
  type Delivery,
  type Point,
  type Sample,
  StatisticsStore,
  type Totals,
  type Written
} from "../../../src/distribution/StatisticsStore.ts"
import { partitionKey } from "../../../src/topics/Piece.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { SubscriptionTables } from "../subscriptions/SubscriptionTables.ts"
import { TopicTables } from "../topics/TopicTables.ts"

type Row = Point & { readonly topic: number; readonly run: string }

class StatisticsTables {
  readonly totals = new Map<number, Totals>()
  /** When each was written last. */
  readonly changed = new Map<number, number>()
  points: Array<Row> = []
  deliveries: Array<Delivery & { readonly at: number }> = []
}

const MINUTE = 60_000
const DAY = 86_400_000

/** A sample or delivery is of no more than so many milliseconds ago. */
const LATEST = 3_600_000

const most = (values: ReadonlyArray<number | null>): number | null =>
  values.reduce((a, b) => (a === null ? b : b === null ? a : Math.max(a, b)), null)
const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0)
const by = <A, K>(rows: ReadonlyArray<A>, keyOf: (row: A) => K): ReadonlyArray<readonly [K, ReadonlyArray<A>]> => [
  ...Map.groupBy(rows, keyOf)
]

/** One of several rows: what is the most or slowest of them, and `of` their throughput, backlog and consumers. */
const joined = (
  start: number,
  rows: ReadonlyArray<Point>,
  of: Pick<Point, "throughput" | "backlog" | "consumers">
): Point => ({
  ...{ start, ...of },
  ...{ p50: most(rows.map(({ p50 }) => p50)), p99: most(rows.map(({ p99 }) => p99)) },
  errors: Math.max(...rows.map(({ errors }) => errors)),
  producers: Math.max(...rows.map(({ producers }) => producers))
})
const within = (millis: number): number => Math.min(LATEST, Math.max(0, millis))
const floor = (at: number, to: number): number => Math.floor(at / to) * to
const largest = (rows: ReadonlyArray<Point>) => ({
  throughput: sum(rows.map(({ throughput }) => throughput)) / rows.length,
  backlog: most(rows.map(({ backlog }) => backlog)),
  consumers: Math.max(...rows.map(({ consumers }) => consumers))
})

const pointsOf = (rows: ReadonlyArray<Row>, width: number): ReadonlyArray<Point> => {
  const minutes = by(rows, ({ start }) => floor(start, MINUTE)).map(([minute, all]) => {
    const nodes = by(all, ({ run }) => run).map(([, its]) => joined(minute, its, largest(its)))
    return joined(minute, nodes, {
      throughput: sum(nodes.map(({ throughput }) => throughput)),
      backlog: most(nodes.map(({ backlog }) => backlog)),
      consumers: sum(nodes.map(({ consumers }) => consumers))
    })
  })
  return by(minutes, ({ start }) => floor(start, width))
    .map(([start, its]) => joined(start, its, largest(its)))
    .sort((a, b) => a.start - b.start)
}

const added = (before: Totals | undefined, sample: Sample, since: number): Totals => ({
  since: before?.since ?? since,
  published: (before?.published ?? 0) + sample.published,
  refused: (before?.refused ?? 0) + sample.refused,
  sent: (before?.sent ?? 0) + sample.sent,
  delivered: (before?.delivered ?? 0) + sample.delivered,
  failed: (before?.failed ?? 0) + sample.failed
})

export const layer = Layer.effect(
  StatisticsStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(StatisticsTables)
    const topics = state.tables(TopicTables)
    const subscriptions = state.tables(SubscriptionTables)
    const topicOf = (id: number) => [...topics.topics.values()].find((topic) => topic.id === id)
    const isThere = (id: number) => topicOf(id) !== undefined
    const producersOf = (id: number) => topics.producers.get(id)?.size ?? 0

    const write = ({ run, samples, deliveries }: Written, now: number): void => {
      for (const sample of samples) {
        const { topic, seconds, published, refused, delivered, failed, p50, p99, consumers } = sample
        const its = topicOf(topic)
        if (its === undefined) continue
        const lasted = within(seconds * 1_000)
        tables.totals.set(topic, added(tables.totals.get(topic), sample, Math.max(its.createdAt, now - lasted)))
        tables.changed.set(topic, now)
        const all = published + refused + delivered + failed
        tables.points.push({
          ...{
            topic,
            run,
            start: now - lasted / 2,
            throughput: published / Math.max(seconds, 0.001),
            p50,
            p99,
            consumers
          },
          backlog: null,
          errors: all === 0 ? 0 : (refused + failed) / all,
          producers: producersOf(topic)
        })
      }
      for (const { ago, ...one } of deliveries)
        if (isThere(one.topic)) tables.deliveries.push({ ...one, at: now - within(ago) })
    }

    const backlogOf = (id: number): number => {
      let sum = 0
      for (const { subscription, cursors } of subscriptions.all.values()) {
        if (subscription.topicId !== id) continue
        for (const { slice, saved } of cursors.values()) {
          const part = topics.partitions.get(partitionKey({ topic: id, partition: slice.partition }))
          if (part === undefined) continue
          const from = saved.logEpoch === part.epoch ? Math.max(part.first, saved.floor) : part.first
          sum += Math.max(0, part.next - from) / subscription.slices
        }
      }
      return Math.ceil(sum)
    }

    const backlogs = (now: number): void => {
      const start = floor(now, MINUTE) - MINUTE
      if (tables.points.some((row) => row.run === "" && row.start === start)) return
      for (const { id, log } of topics.topics.values()) {
        const backlog = log === "postgres" ? backlogOf(id) : 0
        if (log !== "postgres" || (backlog === 0 && !((tables.changed.get(id) ?? 0) > start))) continue
        tables.points.push({
          ...{ topic: id, run: "", start, throughput: 0, p50: null, p99: null, errors: 0, backlog, consumers: 0 },
          producers: producersOf(id)
        })
      }
    }

    return StatisticsStore.of({
      write: (written) => Effect.sync(() => write(written, clock.currentTimeMillisUnsafe())),
      read: ({ topic, since, width, limit }) =>
        Effect.sync(() => ({
          totals: tables.totals.get(topic),
          points: pointsOf(
            tables.points.filter((row) => row.topic === topic && row.start >= since),
            width
          ),
          deliveries: tables.deliveries
            .filter((row) => row.topic === topic && row.at >= since)
            .toSorted((a, b) => b.at - a.at || b.offset - a.offset)
            .slice(0, limit)
        })),
      sweep: (lease, leaseMillis, _keepMillis) =>
        Effect.sync(() => {
          if (!fenced(state, lease, leaseMillis, clock.currentTimeMillisUnsafe())) return undefined
          backlogs(clock.currentTimeMillisUnsafe())
          const gone = [...tables.totals.keys()].filter((id) => !isThere(id))
          for (const id of gone) for (const table of [tables.totals, tables.changed]) table.delete(id)
          return gone.length
        }),
      drop: (before) =>
        Effect.sync(() => {
          const ends = (at: number) => (Math.floor(at / DAY) + 1) * DAY <= before
          const days = (all: ReadonlyArray<number>) => new Set(all.filter(ends).map((at) => Math.floor(at / DAY))).size
          const dropped = days(tables.points.map(({ start }) => start)) + days(tables.deliveries.map(({ at }) => at))
          tables.points = tables.points.filter(({ start }) => !ends(start))
          tables.deliveries = tables.deliveries.filter(({ at }) => !ends(at))
          return { dropped, left: 0 }
        })
    })
  })
)
