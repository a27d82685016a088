/**
 * Fault 23: a replica lags, hangs, dies. Reads are never below what is needed, wait a bounded time, and go to the primary meanwhile.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { makeReplica } from "../../layers/Postgres/connection/Replica.ts"
import type { Position } from "../../src/propagation/Position.ts"
import { clientOptions } from "../support/Database.ts"
import { measured } from "../support/measured.ts"
import { type Server, startServer } from "../support/Server.ts"
import { startPair } from "../support/Standby.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const KEYS = Array.from({ length: 24 }, (_, i) => `svc.${i}`)
/** So large that the smallest cache keeps a few keys only. */
const large = (text: string) => `${text} ${"x".repeat(200_000)}`

const publishAll = async (server: Server, text: string) => {
  for (const key of KEYS) assert.isBelow((await server.publish(key, large(text))).status, 300)
}
const readAll = async (server: Server, text: string) => {
  for (const key of KEYS)
    for (const consistency of ["cached", "strong"]) {
      const { status, body } = await server.read(key, consistency)
      assert.deepStrictEqual([status, String(body.value).slice(0, text.length + 1)], [200, `${text} `], key)
    }
}
/** How many reads the replica and the primary have answered. */
const readsOf = async (server: Server) => {
  const text = await (await fetch(`${server.http}/metrics`)).text()
  const count = (from: string) =>
    Number(new RegExp(`^herald_db_replica_reads_total\\{[^}]*from="${from}"[^}]*\\} (\\S+)`, "m").exec(text)?.[1] ?? 0)
  return { replica: count("replica"), primary: count("primary") }
}

describe("fault 23: the replica lags", () => {
  it("RR1 no read is below the token while it lags, and it is used again when it has caught up; RR2 nor when it is dead", async () => {
    await using pair = await startPair({ synchronous: false })
    await using server = await startServer({
      DATABASE_URL: pair.primary.url,
      DATABASE_REPLICA_URL: pair.standby.url,
      CACHE_MAX_BYTES: "1048576"
    })
    await publishAll(server, "one")
    await waitUntil("the replica to answer", async () => {
      await readAll(server, "one")
      return (await readsOf(server)).replica > 0
    })

    await pair.standby.query("select pg_wal_replay_pause()")
    await publishAll(server, "two")
    const before = await readsOf(server)
    const from = performance.now()
    await readAll(server, "two")
    const each = (performance.now() - from) / (2 * KEYS.length)
    const lagging = await readsOf(server)
    assert.strictEqual(lagging.replica, before.replica)
    assert.isAbove(lagging.primary, before.primary)
    assert.strictEqual((await server.call("GET", "/v1/config/svc.0/versions/2?environment=production")).status, 200)

    await pair.standby.query("select pg_wal_replay_resume()")
    await waitUntil("the replica to answer again", async () => {
      await readAll(server, "two")
      return (await readsOf(server)).replica > lagging.replica
    })

    await pair.standby.kill()
    await publishAll(server, "three")
    const dead = performance.now()
    await readAll(server, "three")
    measured(23, "replay paused, then the replica killed; reads of 200 kB", {
      "a read while it lags, mean": `${each.toFixed(1)} ms`,
      "a read while it is dead, mean": `${((performance.now() - dead) / (2 * KEYS.length)).toFixed(1)} ms`
    })
  })

  it("RR1 RR2 rows count from the position that is asked for; one that hangs costs the wait, then nothing", async () => {
    await using pair = await startPair({ synchronous: false })
    await using proxy = new TcpProxy(pair.standby.port)
    const url = pair.standby.url.replace(`:${pair.standby.port}/`, `:${await proxy.listen()}/`)
    await using server = await startServer({ DATABASE_URL: pair.primary.url })
    await server.publish("svc", "one")
    const [row] = await pair.primary.query(
      "select epoch, max(revision)::text as revision from revisions group by epoch"
    )
    const here: Position = { epoch: String(row!["epoch"]), revision: BigInt(String(row!["revision"])) }
    const WAIT = 1_500
    const options = clientOptions(url)
    await Effect.runPromise(
      Effect.gen(function* () {
        const replica = yield* makeReplica({ ...options, replica: { url: options.url, wait: WAIT } })
        const ask = (at: Position | undefined) =>
          replica.ask<{ value: string }>(at, (sql) => sql`select value from configurations where key = 'svc'`)
        const none = (at: Position) =>
          replica.ask(at, (sql) => sql`select value from configurations where key = 'never'`)
        yield* Effect.promise(() =>
          waitUntil("the replica has it", async () => (await Effect.runPromise(ask(here))) !== undefined)
        )
        const found = yield* ask(here)
        const missing = yield* none(here)
        const ahead = yield* ask({ ...here, revision: here.revision + 1n })
        const elsewhere = yield* ask({ ...here, epoch: "another" })
        const unknown = yield* ask(undefined)
        assert.deepStrictEqual(
          [found, missing, ahead, elsewhere, unknown],
          [[{ value: "one" }], [], undefined, undefined, undefined]
        )
        assert.deepStrictEqual(yield* ask(here), [{ value: "one" }])

        proxy.fault = "hold"
        const times: Array<number> = []
        for (let i = 0; i < 4; i++) {
          const from = performance.now()
          assert.isUndefined(yield* ask(here))
          times.push(performance.now() - from)
        }
        // The first three waited, and no longer than they should; the fourth did not: the replica was not even asked.
        for (const time of times.slice(0, 3)) {
          assert.isAtLeast(time, WAIT - 50)
          assert.isBelow(time, WAIT + 4_000)
        }
        assert.isBelow(times[3]!, WAIT)

        proxy.fault = "none"
        proxy.cut()
        yield* Effect.promise(() =>
          waitUntil("the replica answers again", async () => (await Effect.runPromise(ask(here))) !== undefined)
        )
      }).pipe(Effect.scoped, Effect.provide(Reactivity.layer))
    )
  })
})
