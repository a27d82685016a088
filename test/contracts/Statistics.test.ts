/** Statistics of topics in memory and in a real PostgreSQL keep one contract. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { StatisticsStore } from "../../src/distribution/StatisticsStore.ts"
import { clientOptions, connect, type Database, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"
import { statisticsContract } from "./Statistics.ts"

describe("statistics in memory", () => {
  statisticsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(Memory.layer))))
})

describe("statistics in PostgreSQL", () => {
  let database: Database
  const stores = Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
  const runtime = ManagedRuntime.make(stores)
  beforeAll(async () => {
    database = await startDatabase()
  })
  afterAll(async () => {
    await runtime.dispose()
    await database[Symbol.asyncDispose]()
  })
  statisticsContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))

  it("GS7 who reads locks the ranges of the time that is asked for, however often and whatever is kept", async () => {
    await using session = await connect(database.url)
    const tables = ["distribution_metrics_ts", "message_delivery_log"]
    for (const table of tables)
      await session.query(
        `select herald_distribution_room('${table}', clock_timestamp() - n * interval '1 day') from generate_series(0, 90) n`
      )
    const held = async (days: number) => {
      await session.query("begin")
      const since = `clock_timestamp() - ${days} * interval '1 day'`
      await session.query(`prepare points as select * from herald_distribution_points($1, $2, '1 minute')`)
      await session.query(`prepare deliveries as select * from herald_distribution_deliveries($1, $2, 100)`)
      for (let n = 0; n < 12; n++)
        for (const name of ["points", "deliveries"]) await session.query(`execute ${name}(1, ${since})`)
      const [row] = await session.query(
        `select count(*)::integer as locks from pg_locks l join pg_class c on c.oid = l.relation
         where l.pid = pg_backend_pid() and c.relname ~ '^(distribution_metrics_ts|message_delivery_log)_[0-9]'`
      )
      await session.query("rollback")
      await session.query("deallocate all")
      return row!["locks"] as number
    }
    // Of each table a range or two, each with its index.
    assert.isAtMost(await held(0), 4)
    assert.isAtMost(await held(1), 8)
    assert.isAbove(await held(80), 300)
    // The store itself: whoever holds all other ranges does not hold it up.
    const parts = await session.query(
      `select format('%I', relname) as part from pg_class where relkind = 'r' and relname ~ '^(distribution_metrics_ts|message_delivery_log)_[0-9]'
       and relname not like '%' || to_char(clock_timestamp() at time zone 'UTC', '_YYYYMMDD')
       and relname not like '%' || to_char(clock_timestamp() at time zone 'UTC' - interval '1 day', '_YYYYMMDD')`
    )
    assert.isAtLeast(parts.length, 2 * 89)
    await session.query("begin")
    await session.query(`lock table ${parts.map(({ part }) => part).join(", ")} in access exclusive mode`)
    const asked = { topic: 1, since: Date.now() - 60_000, width: 60_000, limit: 10 }
    const read = Effect.flatMap(StatisticsStore, (store) => store.read(asked))
    const all = await runtime.runPromise(Effect.all(Array.from({ length: 30 }, () => read)))
    assert.lengthOf(all, 30)
    await session.query("rollback")
  }, 60_000)

  it("GS7 there are at most 400 ranges, whatever is not dropped", async () => {
    await using session = await connect(database.url)
    await session.query("begin")
    await session.query(
      "insert into distribution_ranges select 'message_delivery_log', '1990-01-01Z'::timestamptz + n * interval '1 day' from generate_series(1, 400) n"
    )
    const made = session.query(`select herald_distribution_room('message_delivery_log', '2001-01-01Z')`)
    const why = await made.then(
      () => "it is there",
      (cause) => inspect(cause, { depth: 9 })
    )
    assert.include(why, "message_delivery_log has 400 ranges")
    await session.query("rollback")
  })
})
