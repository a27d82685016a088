/** The programs of docs/examples, each as it stands, beside a real server: what their first lines promise is so. */
import { spawn } from "node:child_process"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Database, startDatabase } from "../support/Database.ts"
import { pgPool } from "../support/PgPools.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
let server: Server
const all: Array<Program> = []

class Program {
  said = ""
  readonly #child
  readonly ended: Promise<number | null>

  constructor(file: string, ...args: ReadonlyArray<string>) {
    const path = new URL(`../../docs/examples/${file}`, import.meta.url).pathname
    const env = { HERALD_GRPC: server.grpc, HERALD_TOKEN: server.token, LEDGER_URL: database.url }
    this.#child = spawn(process.execPath, [path, ...args], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.on("data", (chunk) => (this.said += String(chunk)))
    this.ended = new Promise((resolve) => this.#child.on("close", resolve))
    all.push(this)
  }

  kill(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal)
    return this.ended
  }

  until(text: string): Promise<void> {
    return waitUntil(`${text} of ${this.said}`, () => (this.said.includes(text) ? true : undefined)).then(() => {})
  }
}

const post = async (path: string, body: unknown) => {
  const { status, body: said } = await server.call("POST", path, body)
  assert.include([200, 201], status, JSON.stringify(said))
}
const publish = (topic: string, ...values: ReadonlyArray<unknown>) =>
  post(`/v1/topics/${encodeURIComponent(topic)}/events`, {
    events: values.map((value, n) => ({ key: `k${n}`, value }))
  })

beforeAll(async () => {
  database = await startDatabase()
  server = await startServer({ DATABASE_URL: database.url })
})
afterAll(async () => {
  for (const one of all) await one.kill("SIGKILL")
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

describe("docs/examples", () => {
  it("work-queue.ts: workers share the jobs, and what can't be done is among the dead letters with its reason", async () => {
    for (const name of ["jobs", "jobs/dead"]) await post("/v1/topics", { name })
    const subscription = { topic: "jobs", name: "mail", type: "shared", from: "earliest", maxAttempts: 3 }
    await post("/v1/subscriptions", { ...subscription, backoffMillis: [100], deadLetterTopic: "jobs/dead" })
    const workers = [new Program("work-queue.ts"), new Program("work-queue.ts")]
    const jobs = Array.from({ length: 20 }, (_, n) => ({ to: `a${n}@example.com`, subject: `s${n}` }))
    await publish("jobs", ...jobs, { to: "nobody", subject: "x" }, { to: "busy@example.com", subject: "y" })
    const letters = await waitUntil("both dead letters", async () => {
      const { body } = await server.call("GET", "/v1/subscriptions/jobs/mail/dead-letters")
      return body.deadLetters.length === 2 ? body.deadLetters : undefined
    })
    const causes = letters.map(({ cause, attempts }: { cause: string; attempts: number }) => [cause, attempts])
    assert.sameDeepMembers(causes, [
      ["nobody is no address", 1],
      ["the mail server is busy", 3]
    ])
    const sent = () =>
      workers.flatMap(({ said }) => [...said.matchAll(/^sent (\S+) to/gm)].map(([, subject]) => subject!))
    await waitUntil("all jobs", () => sent().length >= 20)
    assert.sameMembers(
      sent(),
      jobs.map(({ subject }) => subject)
    )
    assert.deepStrictEqual(await Promise.all(workers.map((one) => one.kill("SIGTERM"))), [0, 0])
  })

  it("exactly-once.ts: killed in between, and with events that come again, each payment counts once", async () => {
    await post("/v1/topics", { name: "payments" })
    await post("/v1/subscriptions", { topic: "payments", name: "ledger", type: "key_shared", from: "earliest" })
    await using pool = pgPool(database.url, 1)
    const balance = async () => {
      const { rows } = await pool.query("select coalesce(sum(cents), 0)::int as n from balances")
      return rows[0].n as number
    }
    const first = new Program("exactly-once.ts")
    await publish("payments", ...Array.from({ length: 200 }, (_, n) => ({ account: `a${n % 5}`, cents: 1 })))
    await waitUntil("some payments", async () => (await balance().catch(() => 0)) > 0)
    await first.kill("SIGKILL")
    const second = new Program("exactly-once.ts")
    await waitUntil("all payments", async () => (await balance()) === 200)
    await post("/v1/subscriptions/payments/ledger/seek", { to: "earliest" })
    await publish("payments", { account: "last", cents: 1 })
    await waitUntil("the last one", async () => {
      const { body } = await server.call("GET", "/v1/subscriptions/payments/ledger/stats")
      return body.backlog === 0 && (await balance()) >= 201
    })
    assert.strictEqual(await balance(), 201)
    assert.strictEqual(await second.kill("SIGTERM"), 0)
  })

  it("replay-then-live.ts: everything, then that it is live, then what is new, by both doors", async () => {
    await post("/v1/topics", { name: "shop/news" })
    await publish("shop/news", "one", "two")
    const programs = [server.grpc, server.http].map(
      (address) => new Program("replay-then-live.ts", address, "shop/news")
    )
    for (const one of programs) await one.until("live")
    await publish("shop/news", "three")
    for (const one of programs) {
      await one.until("three")
      const said = one.said
        .trim()
        .split("\n")
        .map((line) => line.split(" ").at(-1))
      assert.deepStrictEqual(said, ["one", "two", "live", "three"])
      assert.match(one.said, /^shop\/news:0:\d+:0 one\n/)
      assert.strictEqual(await one.kill("SIGTERM"), 0)
    }
  })

  it("ticker.ts: tells trades of its symbols as they come, and no others", async () => {
    const topic = "market-data/normalized/demo"
    await post("/v1/topics", { name: topic })
    const ticker = new Program("ticker.ts", server.http, "AAPL")
    let id = 0
    const trade = (symbol: string, price: string) => ({
      ...{ type: "trade", symbol, exchange: "XNAS", id: String(++id), sequence: id, price, size: "100" },
      ts_event: new Date().toISOString()
    })
    await waitUntil("a trade", async () => {
      await publish(topic, trade("MSFT", "400.5"), trade("AAPL", "226.41"))
      return ticker.said.includes("AAPL 226.41 100") ? true : undefined
    })
    assert.notInclude(ticker.said, "MSFT")
    await ticker.kill("SIGTERM")
  })
})
