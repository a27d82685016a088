/**
 * A consumer whose effects happen once, whatever breaks: each payment and the note that it was made are one transaction of its own PostgreSQL.
 *
 *   herald topic create payments
 *   herald subscription create payments ledger --type key_shared --from earliest
 *   herald topic publish payments '{"account":"ann","cents":100}' --key ann
 *   export HERALD_GRPC=127.0.0.1:50051 HERALD_TOKEN=$(cat .herald/admin-token)
 *   LEDGER_URL=postgresql://localhost/ledger node exactly-once.ts
 */
import process from "node:process"
// @ts-expect-error: yours has @types/pg
import pg from "pg"
import { Topics, withTransaction } from "../../src/client/HeraldClient.ts" // yours: @herald/client

if (!process.env["LEDGER_URL"]) throw new Error("LEDGER_URL is missing: the PostgreSQL in which balances are")
const pool = new pg.Pool({ connectionString: process.env["LEDGER_URL"], max: 4 })
await pool.query("create table if not exists balances (account text primary key, cents bigint not null)")

const topics = new Topics({
  address: process.env["HERALD_GRPC"] ?? "127.0.0.1:50051",
  token: process.env["HERALD_TOKEN"]
})
const work = topics.topic("payments").consume(
  "ledger",
  withTransaction(pool, async (event, client) => {
    const { account, cents } = event.json<{ readonly account: string; readonly cents: number }>()
    await client.query(
      "insert into balances as b values ($1, $2) on conflict (account) do update set cents = b.cents + excluded.cents",
      [account, cents]
    )
  }),
  { concurrency: 4, onReconnect: ({ message }) => console.error("not connected:", message) }
)
process.once("SIGTERM", () => void work.close().then(() => topics.close()))
await work.done
await pool.end()
