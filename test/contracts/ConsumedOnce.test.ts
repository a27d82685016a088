import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Consumed, type SqlClient, Topics, withTransaction } from "../../src/client/HeraldClient.ts"
import type { SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { chance } from "../support/Chance.ts"
import { type Database, startDatabase } from "../support/Database.ts"
import { FakeSubscription } from "../support/FakeSubscription.ts"
import { FakeTopic } from "../support/FakeTopic.ts"
import { deafPool, pgPool } from "../support/PgPools.ts"
import { quickClock } from "../support/QuickClock.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
beforeAll(async () => {
  database = await startDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

const topicsOf = (server: FakeTopic, random: () => number) =>
  new Topics(
    { address: "herald:50051", reconnect: { baseMillis: 1, capMillis: 5 } },
    { transport: server, clock: quickClock(random) }
  )

const effect = async (
  { partition, offset }: Pick<Consumed, "partition" | "offset">,
  client: SqlClient,
  table: string
) => client.query(`insert into ${table} values ($1, $2)`, [partition, offset])

/** How often each event had its effect. */
const effects = async (pool: SqlClient, table: string): Promise<ReadonlyArray<number>> => {
  const { rows } = await pool.query(`select count(*)::int as n from ${table} group by part, at order by part, at`)
  return rows.map(({ n }) => n)
}

describe("effects in the consumer's own database", () => {
  for (const type of ["exclusive", "shared", "key_shared"] satisfies ReadonlyArray<SubscriptionType>)
    it(`QX1 ${type}: whatever breaks, each event has its effect once: lost streams, failures, commits that were not heard of`, async () => {
      await using pool = pgPool(database.url, 6)
      for (let seed = 1; seed <= 6; seed++) {
        const table = `effects_${type}_${seed}`
        await pool.query(`create table ${table} (part integer, at bigint)`)
        const random = chance(seed)
        const server = new FakeTopic(2, random)
        server.trouble = { before: 0.02, after: 0.02 }
        const subscription = new FakeSubscription(server, `s${seed}`, type)
        for (let n = 0; n < 60; n++) server.append(n % 2, { key: `k${n % 5}`, payload: Buffer.from(`${n}`) })
        await using topics = topicsOf(server, random)
        const handler = withTransaction(
          deafPool(pool, () => random() < 0.1),
          async (event, client) => {
            await effect(event, client, table)
            if (random() < 0.1) throw new Error("not now")
          },
          { prefix: `once_${type}` }
        )
        for (const consumer of type === "exclusive" ? ["a"] : ["a", "b"])
          topics.topic("t").consume(`s${seed}`, handler, { consumer, concurrency: 3, prefetch: 8 })
        await waitUntil("all to be done", () => subscription.done)
        assert.deepStrictEqual(await effects(pool, table), Array(60).fill(1), `seed ${seed}`)
      }
    })

  const about = { topic: "t", subscription: "direct", subscriptionId: "7" }
  const eventOf = (offset: number, epoch = 1) => ({ partition: 0, epoch, offset }) as Consumed

  it("QX2 what is below the floor is forgotten, and who comes late with it finds that it is done", async () => {
    await using pool = pgPool(database.url, 2)
    await pool.query("create table pruned_effects (part integer, at bigint)")
    let floor = 0
    const consumer = { ...about, floor: () => ({ epoch: 1, floor }) }
    const handler = withTransaction(pool, (event, client) => effect(event, client, "pruned_effects"), {
      prefix: "pruned"
    })
    for (let offset = 0; offset < 500; offset++) {
      floor = offset
      await handler(eventOf(offset), consumer)
    }
    const { rows } = await pool.query('select min("offset")::int as least, count(*)::int as n from pruned_done')
    assert.deepStrictEqual(rows, [{ least: 499, n: 1 }])
    await handler(eventOf(3), consumer)
    await handler(eventOf(499), consumer)
    assert.deepStrictEqual(await effects(pool, "pruned_effects"), Array(500).fill(1))
  })

  it("QX3 an event of a history that is over has no effect", async () => {
    await using pool = pgPool(database.url, 2)
    await pool.query("create table epoch_effects (part integer, at bigint)")
    const consumer = { ...about, floor: () => undefined }
    const make = () =>
      withTransaction(pool, (event, client) => effect(event, client, "epoch_effects"), { prefix: "epochs" })
    await make()(eventOf(7, 1), consumer)
    await make()(eventOf(7, 2), consumer)
    const error = await Promise.resolve(make()(eventOf(8, 1), consumer)).catch((e) => e)
    assert.match(String(error), /epoch that is over/)
    const { rows } = await pool.query("select count(*)::int as n from epoch_effects")
    assert.deepStrictEqual(rows, [{ n: 2 }])
  })

  it("QX5 a subscription that is made anew under a name has its own notes, also for a handler that goes on", async () => {
    await using pool = pgPool(database.url, 2)
    await pool.query("create table anew_effects (part integer, at bigint)")
    const consumer = { ...about, floor: () => undefined }
    const handler = withTransaction(pool, (event, client) => effect(event, client, "anew_effects"), { prefix: "anew" })
    for (const subscriptionId of ["7", "8", "7"])
      for (const offset of [1, 2]) await handler(eventOf(offset), { ...consumer, subscriptionId })
    assert.deepStrictEqual(await effects(pool, "anew_effects"), [2, 2])
  })

  it("QX5 rows by names alone, and a server that does not say which subscription it is, are told and nothing is done", async () => {
    await using pool = pgPool(database.url, 2)
    await pool.query("create table old_effects (part integer, at bigint)")
    const consumer = { ...about, floor: () => undefined }
    const handler = withTransaction(pool, (event, client) => effect(event, client, "old_effects"), { prefix: "old" })
    const said = (of: typeof consumer) =>
      Promise.resolve(handler(eventOf(1), of)).then(
        () => "",
        (error: Error) => error.message
      )
    assert.match(await said({ ...consumer, subscriptionId: "" }), /was not said/)
    assert.strictEqual(await said({ ...consumer, subscription: "another" }), "")
    await pool.query("insert into old_floor values ('t direct', 0, 1, 0)")
    await pool.query(`insert into old_done values ('t direct', 0, 1, 1)`)
    const why = await said(consumer)
    assert.match(why, /without the subscription's id/)
    for (const table of ["old_done", "old_floor"])
      await pool.query(`update ${table} set subscription = 't direct 7' where subscription = 't direct'`)
    assert.include(why, "set subscription = 't direct 7' where subscription = 't direct'")
    assert.strictEqual(await said(consumer), "")
    assert.deepStrictEqual(await effects(pool, "old_effects"), [1]) // that of the other one
  })

  it("QX4 a transaction that failed inside is none, even if the handler did not mind", async () => {
    await using pool = pgPool(database.url, 2)
    await pool.query("create table aborted_effects (part integer, at bigint)")
    const consumer = { ...about, floor: () => undefined }
    let broken = true
    const handler = withTransaction(
      pool,
      async (event, client) => {
        await effect(event, client, "aborted_effects")
        if (broken) await client.query("select 1/0").catch(() => {})
      },
      { prefix: "aborted" }
    )
    const error = await Promise.resolve(handler(eventOf(1), consumer)).catch((e) => e)
    assert.match(String(error), /rolled the transaction back/)
    broken = false
    await handler(eventOf(1), consumer)
    assert.deepStrictEqual(await effects(pool, "aborted_effects"), [1])
    assert.throws(() => withTransaction(pool, () => {}, { prefix: "a; drop table b" }), /prefix/)
  })
})
