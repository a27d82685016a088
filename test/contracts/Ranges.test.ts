/** Ranges of revisions in a real PostgreSQL: how they are made, filled, converted and dropped while others work. */

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll } from "vitest"
import { analyze, fillDeliveries, fillInstances, fillKeys, fillRevisions } from "../../bench/support/Fill.ts"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { RetentionStore } from "../../src/retention/RetentionStore.ts"
import { clientOptions, connect, type Database, startDatabase } from "../support/Database.ts"
import { instance } from "../support/Instance.ts"
import { change, release } from "../support/Release.ts"
import { sweep } from "../support/sweep.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
const runtime = ManagedRuntime.make(
  Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
)
const run = runtime.runPromise

const LEGACY = 8
const migrateTo = (last: number) =>
  Effect.runPromise(
    Pools.pipe(
      Effect.flatMap(({ other }) =>
        Effect.provideService(migrate(readMigrations().filter(({ id }) => id <= last)), SqlClient.SqlClient, other)
      ),
      Effect.provide(Pools.layer(clientOptions(database.url)))
    )
  )

/** As it was before there were ranges, with data. */
beforeAll(async () => {
  database = await startDatabase()
  await migrateTo(LEGACY)
  await using session = await connect(database.url)
  await fillKeys(session, { keys: 1_000 })
  await fillRevisions(session, { revisions: 3_000 })
  await fillInstances(session, { instances: 50, connected: 20, run: "r1" })
  await fillDeliveries(session, { deliveries: 10_000, clients: 10 })
  await session.query(
    "insert into health_reports select id, 5, 'healthy', '', '{}', clock_timestamp() - interval '9 days' from instances limit 5"
  )
  await analyze(session)
})
afterAll(async () => {
  await runtime.dispose()
  await database[Symbol.asyncDispose]()
})

const commit = (value: string) =>
  Effect.flatMap(Commits, (commits) => commits.commit(release([change("ranges.key", value)])))
const query = async (statement: string) => {
  await using session = await connect(database.url)
  return await session.query(statement)
}
const partsOf = async (parent: string) =>
  (
    await query(`select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = '${parent}'::regclass order by length(c.relname), c.relname`)
  ).map(({ relname }) => String(relname))
const newestOnly = { keepMillis: 0, keepAtLeast: 1 }
const PARENTS = ["revisions", "deliveries", "health_reports"]

describe("ranges", () => {
  it("RT3 what there was before becomes the first range, whole", async () => {
    const before = await query(
      "select (select count(*) from revisions)::int as r, (select count(*) from deliveries)::int as d"
    )
    await run(RevisionLog)
    const after = await query(
      "select (select count(*) from revisions)::int as r, (select count(*) from deliveries)::int as d"
    )

    assert.deepStrictEqual(after, before)
    assert.deepStrictEqual(await query("select count(*)::int as n from revisions_0"), [{ n: 3_002 }])
    assert.deepStrictEqual(await query("select count(*)::int as n from instance_health"), [{ n: 5 }])
    for (const parent of PARENTS) {
      const parts = await partsOf(parent)
      assert.strictEqual(parts[0], `${parent}_0`)
      assert.isAtLeast(parts.length, 3)
    }
    const page = await run(Effect.flatMap(RevisionLog, (log) => log.after(2_999n, 10)))
    assert.deepStrictEqual(
      page?.map(({ revision }) => revision),
      [3_000n, 3_001n, 3_002n]
    )
    const { revision } = await run(commit("1"))
    assert.strictEqual(revision.revision, 3_003n)
  })

  it("RT2 a publish that finds no range makes one, however many come at once", async () => {
    // As if the retention had not run for long: the next revision is the last that has a range.
    await query(`do $$ declare part text; begin
      for part in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent in ('revisions'::regclass, 'deliveries'::regclass, 'health_reports'::regclass) and c.relname !~ '_(0|3003)$'
      loop execute 'drop table ' || part; end loop;
      update herald_log set made_to = 4003; end $$`)
    await query("select setval(pg_get_serial_sequence('instances', 'id'), 1000)")
    await using session = await connect(database.url)
    await fillRevisions(session, { revisions: 990, key: "ranges.filled", days: 0.001 })
    await Promise.all(Array.from({ length: 60 }, (_, i) => run(commit(`many ${i}`))))

    const [row] = await query(
      "select count(*)::int as n, count(distinct revision)::int as d, max(revision)::int as head from revisions where revision > 3003"
    )
    assert.deepStrictEqual(row, { n: 1_050, d: 1_050, head: 4_053 })
    assert.isAtLeast((await partsOf("deliveries")).length, 3)
  })

  it("RT2 ranges are made ahead, wider the more is kept", async () => {
    const ahead = () =>
      run(Effect.flatMap(RetentionStore, (store) => store.makeAhead({ keepMillis: 0, keepAtLeast: 10 })))
    assert.isAtLeast(await ahead(), 2)
    const parts = await partsOf("revisions")
    await ahead()
    assert.deepStrictEqual(await partsOf("revisions"), parts)
    await run(Effect.flatMap(RetentionStore, (store) => store.makeAhead({ keepMillis: 0, keepAtLeast: 1_600_000 })))
    const [{ width }] = (await query(
      "select made_to - substr(relname, 11)::bigint as width from herald_log, pg_class where relname ~ '^revisions_[0-9]+$' and relkind = 'r' order by substr(relname, 11)::bigint desc limit 1"
    )) as [{ width: bigint | string }]
    assert.isAtLeast(Number(width), 100_000)
  })

  it("RP1 behind a reader's open transaction a range waits alone: writers go on, and it is dropped the next time", async () => {
    await using reader = await connect(database.url)
    await reader.query("begin isolation level repeatable read")
    await reader.query("select count(*) from revisions")
    const swept = run(sweep(newestOnly))
    for (let i = 0; i < 20; i++) await run(commit(`beside ${i}`))
    assert.isAbove(await swept, 3_000)
    assert.include(await partsOf("revisions"), "revisions_0") // held
    const pending = await query(
      "select inhdetachpending as pending from pg_inherits where inhrelid = 'revisions_0'::regclass"
    )
    assert.deepStrictEqual(pending, [{ pending: true }]) // begun in a way that holds up nobody
    await reader.query("commit")
    const { dropped, left } = await run(Effect.flatMap(RetentionStore, (store) => store.drop))

    assert.isAtLeast(dropped, 1)
    assert.strictEqual(left, 0)
    for (const parent of PARENTS) assert.notInclude(await partsOf(parent), `${parent}_0`)
    assert.deepStrictEqual(await query("select to_regclass('revisions_0') as t, to_regclass('deliveries_0') as d"), [
      { t: null, d: null }
    ])
  })

  it("RP2 a range that was detached and not dropped, by a node that died, is dropped the next time", async () => {
    await run(commit("a"))
    const [part] = await partsOf("health_reports")
    await query(`alter table health_reports detach partition ${part} concurrently`)
    await query("update herald_log set horizon = horizon")
    await run(sweep(newestOnly))
    assert.deepStrictEqual(await query(`select to_regclass('${part}') as t`), [{ t: null }])
  })

  it("RT3 a range stays while an idempotency key answers with a revision in it", async () => {
    const { revision } = await run(
      Effect.flatMap(Commits, (commits) =>
        commits.commit(release([change("ranges.key", "kept")], { idempotency: { key: "ranges", digest: "d" } }))
      )
    )
    await query(`select herald_make_room(${revision.revision + 1n})`)
    await query("update herald_log set horizon = made_to")
    const expired = await query("select * from herald_expired()")
    assert.deepStrictEqual(
      expired.filter(({ attached }) => attached),
      []
    )
    await query(`delete from idempotency_keys`)
    assert.isAbove((await query("select * from herald_expired()")).length, 0)
    await query(`update herald_log set horizon = ${revision.revision} - 1`)
  })

  it("RT1 an instance's keys go after it, in steps; those of others stay", async () => {
    const store = await run(InstanceStore)
    const gone = instance("ends", { state: "disconnected", ending: "Closed", lastSeen: 1_000 })
    const keyOf = (key: string, of: string) =>
      ({
        environment: "production",
        service: "ends",
        instance: of,
        session: "r1/1",
        key,
        epoch: "e",
        lacks: false,
        revision: 1n,
        version: 1,
        state: "applied",
        reason: "",
        sentAt: 1,
        answeredAt: 2
      }) as const
    await run(
      store.write({
        instances: [gone, instance("ends", { instance: "stays" })],
        deliveries: Array.from({ length: 7_000 }, (_, i) => keyOf(`k${i}`, "i1")).concat(keyOf("k", "stays") as never),
        held: [],
        health: []
      })
    )
    await query("update instances set gone_at = gone_at - interval '2 days' where service = 'ends' and instance = 'i1'")
    await run(sweep({ keepMillis: 86_400_000, keepAtLeast: 1_000_000 }))
    const count = async () =>
      Number(
        (await query("select count(*)::int as n from instance_keys where key like 'k%' and applied_revision = 1"))[0]![
          "n"
        ]
      )
    assert.strictEqual(await count(), 7_001) // a minute later nothing can add to them
    await query("update instances_ended set ended_at = ended_at - interval '2 minutes'")
    const steps = await run(
      Effect.gen(function* () {
        const [leases, retention] = [yield* Leases, yield* RetentionStore]
        const lease = (yield* leases.claim("retention", "test", 60_000))!
        const keep = { keepMillis: 86_400_000, keepAtLeast: 1_000_000 }
        return [yield* retention.step(lease, 60_000, keep), yield* retention.step(lease, 60_000, keep)]
      })
    )
    assert.deepStrictEqual(
      steps.map((step) => [step!.instanceKeys, step!.more]),
      [
        [5_000, true],
        [2_000, false]
      ]
    )
    assert.strictEqual(await count(), 1)
    assert.deepStrictEqual(await query("select count(*)::int as n from instances_ended"), [{ n: 0 }])
  })

  it("RT1 NO2 what nothing is to be done about is not looked at: steps, signs of life and looks for dead nodes", async () => {
    await using session = await connect(database.url)
    await fillInstances(session, { instances: 5_000, connected: 100, run: "work" })
    await session.query("vacuum analyze instances")
    const claimed = `herald_claim('work', 'work', '1 minute')`
    const looked = async (statement: string) => {
      const read = async () => {
        await session.query("select pg_stat_force_next_flush()")
        const [row] =
          await session.query(`select (select seq_tup_read from pg_stat_all_tables where relname = 'instances')::float8 +
          (select sum(idx_tup_read) from pg_stat_all_indexes where relname = 'instances')::float8 as n`)
        return Number(row!["n"])
      }
      const before = await read()
      await session.query(statement)
      return (await read()) - before
    }
    await session.query("select herald_node_seen('work', 'work', '1 minute', 10)")
    await session.query("update nodes set since = since - interval '1 hour'")

    assert.isBelow(await looked(`select herald_sweep(${claimed}, '1 minute', '1 day', 1000000, 100)`), 20)
    assert.isBelow(await looked("select herald_node_seen('work', 'work', '1 minute', 10)"), 20)
    assert.isBelow(await looked(`select herald_lose(${claimed}, '1 minute', '1 minute', 5)`), 100)
  })

  it("W4 a page of heads looks for the newest revision once", async () => {
    await query("alter role current_user set track_functions = 'all'")
    const calls = async () =>
      Number(
        (
          await query(
            "select coalesce(sum(calls), 0)::int as n from pg_stat_user_functions where funcname = 'herald_head'"
          )
        )[0]!["n"]
      )
    const layer = Layer.fresh(Postgres.layer(clientOptions(database.url, { notify: false })).pipe(Layer.provide(kinds)))
    const before = await calls()
    const heads = Effect.flatMap(ConfigurationStore, (store) => store.heads(undefined, 1_000))
    const page = await Effect.runPromise(heads.pipe(Effect.provide(layer)))
    assert.strictEqual(page.heads.length, 1_000)
    const after = await waitUntil("the connections to tell, as they close, what they did", async () => {
      const now = await calls()
      return now > before && now
    })
    assert.isAtMost(after - before, 4)
  })
})
