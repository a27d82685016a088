/** Fault 58: nodes are killed, frozen and thawed under consumers whose effects are in a PostgreSQL of their own. Each effect is there once. */
import { assert, describe, it } from "@effect/vitest"
import { withTransaction } from "../../src/client/HeraldClient.ts"
import { backlogOf, numbered, numberOf, subscribed, topicsOf } from "../support/Consumers.ts"
import { startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { deafPool, pgPool } from "../support/PgPools.ts"
import { waitUntil } from "../support/waitUntil.ts"

const COUNT = 1_200

describe("fault 58: nodes die under transactions", () => {
  for (const type of ["key_shared", "failover"])
    it(`QX1 QX4 SN1 ${type}: a node killed, another frozen and thawed, commits whose answer is lost: each effect is there once, in the order of its key`, async () => {
      await using nodes = await Nodes.start({ count: 2 })
      const [a, b] = [nodes.servers[0]!, nodes.servers[1]!]
      await using own = await startDatabase()
      await using pool = pgPool(own.url, 12)
      await pool.query("create table effects (id bigserial primary key, n integer not null, key text not null)")
      await subscribed(a, "orders", 2, { type, maxAttempts: 50, ackTimeoutMillis: 5_000 })
      let commits = 0
      const deaf = deafPool(pool, () => ++commits % 90 === 0)
      const programs = [nodes.addresses, [...nodes.addresses].reverse()].map((addresses) =>
        topicsOf(addresses, nodes.token)
      )
      const work = withTransaction(deaf, async (event, client) => {
        await client.query("insert into effects (n, key) values ($1, $2)", [numberOf(event), event.key])
        if (numberOf(event) % 50 === 7 && event.attempt === 1) throw new Error("not yet")
      })
      for (const topics of programs) topics.topic("orders").consume("s", work, { concurrency: 5, prefetch: 50 })
      const count = async () => Number((await pool.query("select count(*)::int as n from effects")).rows[0].n)
      const publish = (part: number) => programs[0]!.topic("orders").publish(numbered(COUNT / 4, (part * COUNT) / 4))
      const going = async (part: number) => {
        await publish(part)
        const before = await count()
        await waitUntil("some have their effect", async () => (await count()) > before + 20, 120_000)
      }
      await going(0)
      await a.end("SIGKILL")
      const killed = performance.now()
      await waitUntil("the other node has all", async () => (await count()) >= COUNT / 4, 120_000)
      const took = performance.now() - killed
      await a.start()
      // From here on through the node that is thawed later or the one that is back.
      await publish(1)
      b.process!.kill("SIGSTOP")
      await waitUntil("the node that is back has all", async () => (await count()) >= COUNT / 2, 180_000)
      b.process!.kill("SIGCONT")
      await going(2)
      await going(3)
      await waitUntil("all have their effect", async () => (await count()) >= COUNT, 180_000)
      await waitUntil("it is kept", async () => (await backlogOf(a, "orders")) === 0, 120_000)
      const { rows } = await pool.query("select n, key from effects order by id")
      const all = rows.map(({ n }: { readonly n: number }) => n)
      assert.deepStrictEqual(
        [...all].sort((x, y) => x - y),
        Array.from({ length: COUNT }, (_, n) => n)
      )
      for (let key = 0; key < 10; key++) {
        const its = rows
          .filter((row: { readonly key: string }) => row.key === `k${key}`)
          .map(({ n }: { readonly n: number }) => n)
        assert.deepStrictEqual(
          its,
          [...its].sort((x: number, y: number) => x - y),
          `k${key}`
        )
      }
      for (const topics of programs) await topics[Symbol.asyncDispose]()
      measured(58, `${type}: a node killed, one frozen and thawed`, {
        effects: COUNT,
        "twice or lost": 0,
        "everything done after the kill": seconds(took)
      })
    })
})
