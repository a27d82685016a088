/** What is decided about shards at one moment, statement by statement. What every store must do: ShardStores.ts. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll } from "vitest"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import { clientOptions, connect, type Database, type Session, startDatabase } from "../support/Database.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
beforeAll(async () => {
  database = await startDatabase()
  await Effect.runPromise(
    Effect.flatMap(Pools, ({ other }) =>
      Effect.provideService(migrate(readMigrations()), SqlClient.SqlClient, other)
    ).pipe(Effect.provide(Pools.layer(clientOptions(database.url))))
  )
})
afterAll(() => database[Symbol.asyncDispose]())

const LIFE = "interval '60 seconds'"
const place = ({ query }: Session, ...runs: ReadonlyArray<string>) =>
  Promise.all(runs.map((run) => query(`select herald_place('${run}', 'n', ${LIFE})`)))
const namesOf = (rows: ReadonlyArray<Record<string, unknown>>) =>
  (rows[0]!["leases"] as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)
const claim = async ({ query }: Session, run: string, shard: string) =>
  namesOf(await query(`select herald_shards_claim('${run}', array['${shard}'], ${LIFE}) as leases`))
const keep = async ({ query }: Session, run: string) =>
  namesOf(await query(`select herald_shards_keep('${run}', ${LIFE}) as leases`))
const die = ({ query }: Session, run: string) =>
  query(`update nodes set placed_until = clock_timestamp() where run = '${run}'`)
/** Until so many sessions wait for a lock. */
const waiting = (session: Session) =>
  waitUntil("another session to wait", async () => {
    const [row] = await session.query("select count(*)::int as n from pg_locks where not granted")
    return Number(row!["n"]) > 0
  })

describe("shards on PostgreSQL", () => {
  it("OS1 a sign of life waits for the claim that takes its run for dead, and finds what that took", async () => {
    await using one = await connect(database.url)
    await using other = await connect(database.url)
    await using third = await connect(database.url)
    await place(one, "frozen", "taker")
    assert.deepStrictEqual(await claim(one, "frozen", "s1"), ["s1"])
    await die(one, "frozen")
    await one.query("begin")
    assert.deepStrictEqual(await claim(one, "taker", "s1"), ["s1"])
    const kept = keep(other, "frozen")
    await waiting(third)
    await one.query("commit")
    assert.deepStrictEqual(await kept, [])
    assert.deepStrictEqual(await keep(other, "taker"), ["s1"])
  })

  it("OS1 a claim waits for the sign of life that came first, and takes nothing", async () => {
    await using one = await connect(database.url)
    await using other = await connect(database.url)
    await using third = await connect(database.url)
    await place(one, "late", "hasty")
    assert.deepStrictEqual(await claim(one, "late", "s2"), ["s2"])
    await die(one, "late")
    await one.query("begin")
    assert.deepStrictEqual(await keep(one, "late"), ["s2"])
    const taken = claim(other, "hasty", "s2")
    await waiting(third)
    await one.query("commit")
    assert.deepStrictEqual(await taken, [])
    assert.deepStrictEqual(await keep(one, "late"), ["s2"])
  })

  it("OS1 of two that take what a dead node had, the second finds the first", async () => {
    await using one = await connect(database.url)
    await using other = await connect(database.url)
    await using third = await connect(database.url)
    await place(one, "dead", "first", "second")
    assert.deepStrictEqual(await claim(one, "dead", "s3"), ["s3"])
    await die(one, "dead")
    await die(one, "first") // so that only its claim says that it lives
    await one.query("begin")
    assert.deepStrictEqual(await claim(one, "first", "s3"), ["s3"])
    const taken = claim(other, "second", "s3")
    await waiting(third)
    await one.query("commit")
    assert.deepStrictEqual(await taken, [])
  })

  it("OS4 whoever has a life of a clock that was set back since is dead until its next sign", async () => {
    await using one = await connect(database.url)
    await place(one, "future", "present")
    assert.deepStrictEqual(await claim(one, "future", "s4"), ["s4"])
    await one.query("update nodes set placed_until = clock_timestamp() + interval '1 hour' where run = 'future'")
    const members = async () =>
      (await one.query(`select run from herald_members(${LIFE}) as run`)).map(({ run }) => run)
    assert.notInclude(await members(), "future")
    await keep(one, "future")
    assert.include(await members(), "future")
    await one.query("update nodes set placed_until = clock_timestamp() + interval '1 hour' where run = 'future'")
    assert.deepStrictEqual(await claim(one, "present", "s4"), ["s4"])
  })
})
