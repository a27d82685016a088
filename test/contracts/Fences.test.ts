/** Leases in a real PostgreSQL, where somebody waits, promotes a standby or has a clock that stands still. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { TestClock } from "effect/testing"
import { afterAll, beforeAll } from "vitest"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { clientOptions, connect, type Database, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"

let database: Database
const runtime = ManagedRuntime.make(
  Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
)
const run = runtime.runPromise

beforeAll(async () => {
  database = await startDatabase()
})
afterAll(async () => {
  await runtime.dispose()
  await database[Symbol.asyncDispose]()
})

const query = async (statement: string) => {
  await using session = await connect(database.url)
  return await session.query(statement)
}

describe("fences", () => {
  it("LE1 nobody takes a lease while an effect that asked the fence is under way", async () => {
    const lease = (await run(Effect.flatMap(Leases, (leases) => leases.claim("fenced", "a", 1))))!
    await using effect = await connect(database.url)
    const fence = JSON.stringify({ ...lease, token: String(lease.token) })
    await effect.query("begin")
    assert.deepStrictEqual(await effect.query(`select herald_fence('${fence}', '1 millisecond') as kept`), [
      { kept: true }
    ])
    let taken = false
    const next = run(Effect.flatMap(Leases, (leases) => leases.claim("fenced", "b", 60_000))).then((found) => {
      taken = true
      return found
    })
    await query("select pg_sleep(0.2)")
    assert.isFalse(taken)
    await effect.query("commit")
    assert.strictEqual((await next)?.run, "b")
    assert.deepStrictEqual(await effect.query(`select herald_fence('${fence}', '1 second') as kept`), [{ kept: false }])
  })

  it("LE2 a promotion that lost the newest lease does not give it again", async () => {
    const lost = (await run(Effect.flatMap(Leases, (leases) => leases.claim("promoted", "a", 60_000))))!
    await query("delete from leases where name = 'promoted'; ".trim().replace(/;$/, ""))
    await query("update herald_epoch set epoch = 'after the promotion'")
    const next = (await run(Effect.flatMap(Leases, (leases) => leases.claim("promoted", "a", 60_000))))!

    assert.strictEqual(next.epoch, "after the promotion")
    assert.isTrue(next.token > lost.token)
    assert.isFalse(await run(Effect.flatMap(Leases, (leases) => leases.keep(lost, 1_000))))
    assert.isTrue(await run(Effect.flatMap(Leases, (leases) => leases.keep(next, 1_000))))
  })

  it("LE3 a node whose clock stands still loses its lease in time", async () => {
    const claim = (who: string, millis: number) =>
      run(
        Effect.flatMap(Leases, (leases) => leases.claim("clock", who, millis)).pipe(Effect.provide(TestClock.layer()))
      )
    assert.isDefined(await claim("a", 50))
    await query("select pg_sleep(0.1)")
    assert.isDefined(await claim("b", 60_000))
  })
})
