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
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { TopicTables } from "../topics/TopicTables.ts"

type Row = Point & { readonly topic: number; readonly run: string }

class StatisticsTables {
  readonly totals = new Map<number, Totals>()
  points: Array<Row> = []
  deliveries: Array<Delivery & { readonly at: number }> = []
}

const MINUTE = 60_000
const DAY = 86_400_000

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
const largest = (rows: ReadonlyArray<Point>) => ({
  throughput: sum(rows.map(({ throughput }) => throughput)) / rows.length,
  backlog: Math.max(...rows.map(({ backlog }) => backlog)),
  consumers: Math.max(...rows.map(({ consumers }) => consumers))
})

const pointsOf = (rows: ReadonlyArray<Row>, width: number): ReadonlyArray<Point> => {
  const floor = (at: number, to: number) => Math.floor(at / to) * to
  const minutes = by(rows, ({ start }) => floor(start, MINUTE)).map(([minute, all]) => {
    const nodes = by(all, ({ run }) => run).map(([, its]) => joined(minute, its, largest(its)))
    return joined(minute, nodes, {
      throughput: sum(nodes.map(({ throughput }) => throughput)),
      backlog: sum(nodes.map(({ backlog }) => backlog)),
      consumers: sum(nodes.map(({ consumers }) => consumers))
    })
  })
  return by(minutes, ({ start }) => floor(start, width))
    .map(([start, its]) => joined(start, its, largest(its)))
    .sort((a, b) => a.start - b.start)
}

const added = (before: Totals | undefined, sample: Sample, now: number): Totals => ({
  since: before?.since ?? now,
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
    const isThere = (id: number) => [...topics.topics.values()].some((topic) => topic.id === id)

    const write = ({ run, samples, deliveries }: Written, now: number): void => {
      for (const sample of samples) {
        const { topic, seconds, published, refused, delivered, failed, p50, p99, backlog, consumers } = sample
        if (!isThere(topic)) continue
        tables.totals.set(topic, added(tables.totals.get(topic), sample, now))
        const all = published + refused + delivered + failed
        tables.points.push({
          ...{ topic, run, start: now, throughput: published / Math.max(seconds, 0.001), p50, p99, backlog, consumers },
          errors: all === 0 ? 0 : (refused + failed) / all,
          producers: topics.producers.get(topic)?.size ?? 0
        })
      }
      tables.deliveries.push(...deliveries.filter(({ topic }) => isThere(topic)).map((one) => ({ ...one, at: now })))
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
          const gone = [...tables.totals.keys()].filter((id) => !isThere(id))
          for (const id of gone) tables.totals.delete(id)
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
