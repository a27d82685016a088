/** The pools on a real PostgreSQL: what hangs in one does not reach another. */

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll } from "vitest"
import * as PostgresCommits from "../../layers/Postgres/commits/Commits.ts"
import * as Store from "../../layers/Postgres/configuration/ConfigurationStore.ts"
import { guarded } from "../../layers/Postgres/connection/Failure.ts"
import { migrate, readMigrations } from "../../layers/Postgres/connection/Migrations.ts"
import { Pools } from "../../layers/Postgres/connection/Pools.ts"
import * as Revisions from "../../layers/Postgres/propagation/RevisionLog.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { clientOptions, connect, type Database, startDatabase } from "../support/Database.ts"
import { change, release } from "../support/Release.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
beforeAll(async () => {
  database = await startDatabase()
  await Effect.runPromise(
    Pools.pipe(
      Effect.flatMap(({ other }) => Effect.provideService(migrate(readMigrations()), SqlClient.SqlClient, other)),
      Effect.provide(Pools.layer(clientOptions(database.url)))
    )
  )
})
afterAll(() => database[Symbol.asyncDispose]())

const options = () =>
  clientOptions(database.url, { connections: { reads: 2, writes: 2, other: 2 }, acquireTimeout: 200 })
const stores = (client: ReturnType<typeof options>) =>
  Layer.mergeAll(PostgresCommits.layer({ origin: "test", notify: client.notify }), Store.layer(client)).pipe(
    Layer.provide(kinds)
  )
const on = <A, E>(body: Effect.Effect<A, E, Pools | Commits | ConfigurationStore>, client = options()) =>
  Effect.runPromise(body.pipe(Effect.provide(Layer.provideMerge(stores(client), Pools.layer(client)))))
const answers = (sql: SqlClient.SqlClient) => Effect.exit(guarded("ask")(sql`select 1`))
const locked = (sql: SqlClient.SqlClient) =>
  Effect.forever(Effect.ignore(guarded("hang")(sql`select pg_advisory_xact_lock_shared(42)`)))

describe("pools", () => {
  it("PG1 with every connection for reads and bookkeeping hung, commits go on; PG2 who waits for one is told in time", async () => {
    await using holder = await connect(database.url)
    await holder.query("select pg_advisory_lock(42)")
    await on(
      Effect.gen(function* () {
        const { reads, other } = yield* Pools
        const store = yield* ConfigurationStore
        const commits = yield* Commits
        const hung = yield* Effect.forEach([reads, reads, other, other], (sql) => Effect.forkChild(locked(sql)))
        yield* Effect.promise(() =>
          waitUntil("four statements to hang", async () => {
            const [row] = await holder.query(
              "select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted"
            )
            return row!["n"] === 4
          })
        )
        for (const value of ["1", "2", "3"]) yield* commits.commit(release([change("pools", value)]))
        const refused = yield* Effect.flip(guarded("ask")(reads`select 1`))

        assert.strictEqual(refused.name, "DatabaseUnavailable")
        assert.include(refused.message, "no connection was free within 200 ms (pool reads)")
        yield* Effect.forEach(hung, Fiber.interrupt, { concurrency: "unbounded" })
        yield* Effect.promise(() => holder.query("select pg_advisory_unlock(42)"))
        yield* Effect.promise(() =>
          waitUntil("reads", async () => (await Effect.runPromise(answers(reads)))._tag === "Success")
        )
        assert.strictEqual((yield* store.current("production", "pools"))?.value, "3")
      })
    )
  })

  it("PG1 with every commit hung behind another session's lock, reads and bookkeeping go on", async () => {
    await using holder = await connect(database.url)
    await holder.query("begin")
    await holder.query("select herald_lock()")
    await on(
      Effect.gen(function* () {
        const { reads, other } = yield* Pools
        const commits = yield* Commits
        const waiting = yield* Effect.forEach(["a", "b", "c"], (key) =>
          Effect.forkChild(commits.commit(release([change(key, "1")])))
        )
        yield* Effect.promise(() =>
          waitUntil("commits to hang", async () => {
            const rows = await holder.query("select 1 from pg_locks where locktype = 'advisory' and not granted")
            return rows.length > 0
          })
        )
        for (const sql of [reads, other]) assert.strictEqual((yield* answers(sql))._tag, "Success")
        assert.isTrue(waiting.every((fiber) => fiber.pollUnsafe() === undefined))
        yield* Effect.promise(() => holder.query("rollback"))
        const done = yield* Effect.forEach(waiting, Fiber.await)
        assert.isTrue(done.every(({ _tag }) => _tag === "Success"))
      })
    )
  })

  it("PG2 statements that wait for a connection are bounded, and all get one when it is free again", async () => {
    await on(
      Effect.gen(function* () {
        const { reads } = yield* Pools
        const many = Array.from({ length: 2_000 }, () => answers(reads))
        const ends = yield* Effect.all(many, { concurrency: "unbounded" })
        const refused = ends.filter(({ _tag }) => _tag === "Failure")
        const after = yield* answers(reads)

        assert.isAbove(refused.length, 900)
        assert.match(JSON.stringify(refused.map(String)), /wait already for a connection|no connection was free/)
        assert.strictEqual(after._tag, "Success")
      })
    )
  })

  it("PG5 no session compiles what it plans, whatever the server does by itself", async () => {
    await using session = await connect(database.url)
    await session.query("alter system set jit = on")
    await session.query("select pg_reload_conf()")
    await waitUntil("the server to compile", async () => (await session.query("show jit"))[0]!["jit"] === "on")
    const said = await on(
      Effect.gen(function* () {
        const { reads, writes, other } = yield* Pools
        return yield* Effect.forEach([reads, writes, other], (sql) => sql<{ jit: string }>`show jit`)
      })
    )
    assert.deepStrictEqual(said.flat(), [{ jit: "off" }, { jit: "off" }, { jit: "off" }])
  })

  it("PG3 a server that is not there is passed over, and one that fails is come back to", async () => {
    await using proxy = new TcpProxy(database.port)
    const port = await proxy.listen()
    const url = database.url.replace(`:${database.port}/`, `:1,127.0.0.1:${port}/`)
    await on(
      Effect.gen(function* () {
        const { reads } = yield* Pools
        assert.strictEqual((yield* answers(reads))._tag, "Success")
        proxy.fault = "refuse"
        proxy.cut()
        const problem = yield* Effect.flip(guarded("ask")(reads`select 1`))
        assert.strictEqual(problem.name, "DatabaseUnavailable")
        proxy.fault = "none"
        yield* Effect.promise(() =>
          waitUntil("it answers again", async () => (await Effect.runPromise(answers(reads)))._tag === "Success")
        )
      }),
      clientOptions(url)
    )
  })

  it("LP3 a listener for hints whose connection is lost listens again, each time", async () => {
    await using session = await connect(database.url)
    const listener = "pid from pg_stat_activity where query ilike 'listen%'"
    const log = Revisions.layer({ origin: "test", notify: true }).pipe(
      Layer.provide(kinds),
      Layer.provide(Pools.layer(options()))
    )
    await Effect.runPromise(
      Effect.gen(function* () {
        let hints = 0
        yield* (yield* RevisionLog).hints(() => hints++)
        yield* Effect.promise(() => waitUntil("the first hint, of what came before it listened", () => hints === 1))
        for (const times of [1, 2]) {
          const before = hints
          const ended = yield* Effect.promise(() => session.query(`select pg_terminate_backend(pid), ${listener}`))
          yield* Effect.promise(() => waitUntil("a hint of what was missed", () => hints > before))
          const now = yield* Effect.promise(() => session.query(`select ${listener}`))

          assert.lengthOf(now, 1, `lost ${times} times`)
          assert.notDeepEqual(now[0]!["pid"], ended[0]!["pid"])
        }
      }).pipe(Effect.scoped, Effect.provide(log))
    )
  })
})
