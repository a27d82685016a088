/**
 * What the results of an experiment cost: its exposures and events summed up in the database, metric by metric. On a database of its own; no server.
 *
 *   node bench/experiments.ts        a minute or two a run; --short: a tenth of the people
 */
import { performance } from "node:perf_hooks"
import { Effect, Layer, ManagedRuntime } from "effect"
import { Pools } from "../layers/Postgres/connection/Pools.ts"
import * as Postgres from "../layers/Postgres/Postgres.ts"
import { ExperimentStore } from "../src/experiments/ExperimentStore.ts"
import { clientOptions, startDatabase } from "../test/support/Database.ts"
import { kinds } from "../test/support/Twins.ts"
import { main, type Options, type Report, type Row } from "./support/Report.ts"

const DAY = 86_400_000
const CHUNK = 20_000
const METRIC = { event: "buy", kind: "mean", windowMillis: 7 * DAY, cap: null } as const

/** People from `first` on, over seven days, each with one exposure and one event. */
const fill = (from: number, first: number, people: number) =>
  Effect.gen(function* () {
    const { other: sql } = yield* Pools
    for (let at = first; at < people; at += CHUNK) {
      const last = Math.min(at + CHUNK, people) - 1
      yield* sql`insert into flag_exposures select 'production', 'flag', herald_day(${from}::float8 + n % 7 * ${DAY}::float8), decode(md5(n::text), 'hex'),
        case when n % 2 = 0 then 'on' else 'off' end, 1, herald_at(${from}::float8 + n % 7 * ${DAY}::float8 + 1000),
        herald_at(${from}::float8 + n % 7 * ${DAY}::float8 + 1000) from generate_series(${at}::int, ${last}::int) n`
      yield* sql`insert into track_events select 'production', 'buy', decode(md5(n::text), 'hex'),
        herald_at(${from}::float8 + n % 7 * ${DAY}::float8 + 5000), n % 100, null from generate_series(${at}::int, ${last}::int) n`
    }
    yield* sql`analyze flag_exposures, track_events`
  })

const sum = (from: number, metrics: number) =>
  Effect.gen(function* () {
    const store = yield* ExperimentStore
    const since = performance.now()
    const found = yield* store.sum("production", {
      ...{ flag: "flag", flagVersion: 1, variants: ["off", "on"], from, until: from + 8 * DAY },
      metrics: Array.from({ length: metrics }, () => METRIC)
    })
    return { millis: performance.now() - since, found }
  })

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const sizes = short ? [20_000, 100_000] : [200_000, 1_000_000]
  const rows: Array<Row> = []
  await using database = await startDatabase()
  const options = clientOptions(database.url)
  const runtime = ManagedRuntime.make(
    Layer.merge(Postgres.layer(options).pipe(Layer.provide(kinds)), Pools.layer(options))
  )
  const wrong: Array<string> = []
  try {
    const from = Math.floor(Date.now() / DAY - 8) * DAY
    let filled = 0
    for (const people of sizes) {
      await runtime.runPromise(fill(from, filled, people))
      filled = people
      for (const metrics of [1, 2]) {
        const values: Array<number> = []
        for (let run = 0; run < runs; run++) {
          const { millis, found } = await runtime.runPromise(sum(from, metrics))
          values.push(millis / 1_000)
          const units = found.units.reduce((all, one) => all + one, 0)
          if (units !== people) wrong.push(`${units} of ${people} people were counted`)
        }
        const of = metrics === 1 ? "one metric" : "two metrics"
        rows.push({
          what: `${people.toLocaleString("en-US")} people, as many events, ${of}`,
          reach: "stated",
          unit: "s",
          values
        })
      }
    }
    return { rows, notes: ["PostgreSQL and the asking process share the machine"], wrong }
  } finally {
    await runtime.dispose()
  }
}

await main("experiments", measure)
