/** Subscriptions on a real server: by REST, gRPC at both doors and the command line, over kill -9, and with wrong input. */
import { spawn } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import {
  type ListSubscriptionsResponse,
  type Subscription,
  SubscriptionManagerClient,
  type SubscriptionStats
} from "#proto/herald/topics/v1/managers.ts"
import { SubscriptionType } from "#proto/herald/topics/v1/topics.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { type Server, startServer } from "../support/Server.ts"
import { kinds } from "../support/Twins.ts"

let database: Database
let server: Server
beforeAll(async () => {
  database = await startDatabase()
  server = await startServer({ DATABASE_URL: database.url })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const run = (...args: ReadonlyArray<string>): Promise<{ code: number | null; out: string; err: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args, "--output", "json"], {
      env: { PATH: process.env["PATH"], HERALD_DATA: server.data },
      stdio: ["ignore", "pipe", "pipe"]
    })
    const said = { out: "", err: "" }
    child.stdout.on("data", (chunk) => (said.out += String(chunk)))
    child.stderr.on("data", (chunk) => (said.err += String(chunk)))
    child.once("close", (code) => resolve({ code, ...said }))
  })
const json = async (...args: ReadonlyArray<string>) => {
  const done = await run(...args)
  assert.strictEqual(done.code, 0, done.err)
  return JSON.parse(done.out)
}

const metadata = () => {
  const all = new Metadata()
  all.set("authorization", `Bearer ${server.token}`)
  return all
}
const called = <A>(call: (done: (error: ServiceError | null, answer: A) => void) => unknown): Promise<A> =>
  new Promise((resolve, reject) => call((error, answer) => (error === null ? resolve(answer) : reject(error))))
const refused = async (call: Promise<unknown>): Promise<string> => {
  const error = await call.then(
    () => undefined,
    (error: ServiceError) => error
  )
  return String(error?.metadata.get("herald-code")[0])
}

const publish = async (topic: string, ...events: ReadonlyArray<unknown>) => {
  const answer = await server.call("POST", `/v1/topics/${encodeURIComponent(topic)}/events`, { events })
  assert.strictEqual(answer.status, 200, JSON.stringify(answer.body))
}
const codeOf = async (method: string, path: string, body?: unknown) => (await server.call(method, path, body)).body.code

const usual = {
  ...{ filter: "", maxAttempts: 0, deadLetterTopic: "", ackTimeoutMs: 0n, backoffMs: [], maxInFlight: 0 },
  ...{ consumerGroup: "", message: "", idempotencyKey: "", start: undefined }
}

describe("subscriptions", () => {
  it("SI1 one is made, looked at, moved, paused, resumed and deleted by the command line, and is there over kill -9", async () => {
    await json("topic", "create", "shop/orders", "--partitions", "2")
    await json("topic", "create", "shop/dead")
    await publish("shop/orders", { key: "a", value: { total: 1 } }, { key: "b", value: { total: 2 } })
    const made = await json(
      ...["subscription", "create", "shop/orders", "billing", "--type", "key_shared", "--from", "earliest"],
      ...["--filter", "total > 1", "--dead-letter-topic", "shop/dead", "--backoff", "500ms,1m", "--ack-timeout", "5s"],
      ...["--max-attempts", "3", "--group", "finance"]
    )
    assert.deepInclude(made, { topic: "shop/orders", name: "billing", type: "key_shared", from: "earliest", epoch: 1 })
    assert.deepInclude(made, {
      status: "active",
      maxAttempts: 3,
      backoffMillis: [500, 60_000],
      ackTimeoutMillis: 5_000
    })
    assert.deepInclude(made, { consumerGroup: "finance", deadLetterTopic: "shop/dead", filter: "total > 1" })

    await server.end("SIGKILL")
    await server.start()

    assert.deepStrictEqual(await json("subscription", "show", "shop/orders", "billing"), made)
    assert.deepStrictEqual(await json("subscription", "list", "shop/orders"), [made])
    assert.deepInclude(await json("subscription", "stats", "shop/orders", "billing"), { backlog: 2, deadLetters: 0 })
    const moved = await json("subscription", "seek", "shop/orders", "billing", "latest", "--message", "skip them")
    assert.strictEqual(moved.epoch, 2)
    assert.deepInclude(await json("subscription", "stats", "shop/orders", "billing"), { backlog: 0 })
    const paused = await json("subscription", "pause", "shop/orders", "billing", "--for", "10m")
    assert.strictEqual(paused.status, "paused")
    assert.isAbove(paused.pausedUntil, Date.now())
    assert.strictEqual((await json("subscription", "resume", "shop/orders", "billing")).status, "active")
    assert.strictEqual((await json("subscription", "stop", "shop/orders", "billing")).status, "stopped")
    const again = await run("subscription", "pause", "shop/orders", "billing")
    assert.deepStrictEqual([again.code, again.err.includes("HRLD-2085")], [5, true])
    assert.strictEqual((await json("topic", "stats", "shop/orders")).subscriptions, 1)
    assert.strictEqual((await run("topic", "delete", "shop/orders", "--yes")).code, 5)
    assert.isTrue((await json("subscription", "delete", "shop/orders", "billing")).deleted)
    assert.strictEqual((await run("subscription", "show", "shop/orders", "billing")).code, 4)
    const { body } = await server.call("GET", "/v1/audit?limit=10")
    const actions = body.entries.map(({ action }: { action: string }) => action)
    assert.deepStrictEqual(
      actions.filter((one: string) => one.startsWith("subscription.")),
      ["delete", "stopped", "active", "paused", "seek", "create"].map((one) => `subscription.${one}`)
    )
  })

  it("OB2 the same by gRPC, with the codes that REST has", async () => {
    await json("topic", "create", "rpc", "--schema", '{"properties":{"price":{"type":"number"}}}')
    const manager = new SubscriptionManagerClient(server.grpc, credentials.createInsecure())
    const create = (request: object) =>
      called<Subscription>((done) =>
        manager.createSubscription(
          { ...usual, topic: "rpc", name: "s", type: SubscriptionType.SUBSCRIPTION_TYPE_FAILOVER, ...request },
          metadata(),
          done
        )
      )
    const named = { topic: "rpc", name: "s" }
    const made = await create({ filter: "price > 1.0", idempotencyKey: "k" })
    assert.deepInclude(made, { ...named, status: "active", maxAttempts: 16, epoch: 1n, filter: "price > 1.0" })
    assert.deepStrictEqual(await create({ filter: "price > 1.0", idempotencyKey: "k" }), made)
    assert.strictEqual(await refused(create({})), "HRLD-2080")
    assert.strictEqual(await refused(create({ name: "t", filter: "prise > 1" })), "HRLD-1075")
    assert.strictEqual(await refused(create({ name: "t", topic: "none" })), "HRLD-2077")
    assert.strictEqual(await refused(create({ name: "t", type: 17 as never })), "HRLD-1001")
    const at = (offset: bigint, epoch = 1) => ({
      at: { $case: "offsets", value: { offsets: [{ partition: 0, epoch, offset }], othersEarliest: false } }
    })
    assert.strictEqual(await refused(create({ name: "t", start: at(0n, 0) })), "HRLD-1001")
    assert.strictEqual(await refused(create({ name: "t", start: at(2n ** 60n) })), "HRLD-1001")
    const sought = await called<Subscription>((done) =>
      manager.seek({ ...named, to: { at: { $case: "earliest", value: true } }, message: "" }, metadata(), done)
    )
    assert.strictEqual(sought.epoch, 2n)
    const paused = await called<Subscription>((done) =>
      manager.pause({ ...named, forMs: 0n, message: "" }, metadata(), done)
    )
    assert.deepInclude(paused, { status: "paused", pausedUntilMs: 0n })
    const stopped = await called<Subscription>((done) =>
      manager.stopSubscription({ ...named, message: "" }, metadata(), done)
    )
    assert.deepInclude(stopped, { status: "stopped", pausedUntilMs: 0n })
    const resumed = await called<Subscription>((done) => manager.resume({ ...named, message: "" }, metadata(), done))
    assert.strictEqual(resumed.status, "active")
    const stats = await called<SubscriptionStats>((done) => manager.getSubscriptionStats(named, metadata(), done))
    assert.deepInclude(stats, { backlog: 0n, deadLetters: 0n, consumers: 0 })
    await create({ name: "t" })
    const page = (cursor: string) =>
      called<ListSubscriptionsResponse>((done) =>
        manager.listSubscriptions({ topic: "rpc", limit: 1, cursor }, metadata(), done)
      )
    const first = await page("")
    assert.deepStrictEqual([first.subscriptions[0]!.name, first.cursor], ["s", "rpc:s"])
    const second = await page(first.cursor)
    assert.deepStrictEqual([second.subscriptions[0]!.name, second.cursor], ["t", ""])
    await called((done) => manager.deleteSubscription({ ...named, message: "" }, metadata(), done))
    assert.strictEqual(await refused(called((done) => manager.getSubscription(named, metadata(), done))), "HRLD-2084")
    manager.close()
  })

  it("OB1 what can't be is refused by REST and the command line, with what to do", async () => {
    await json("topic", "create", "wrong")
    const create = (body: object) => codeOf("POST", "/v1/subscriptions", { topic: "wrong", name: "s", ...body })
    assert.strictEqual(await create({ name: "../s" }), "HRLD-1001")
    assert.strictEqual(await create({ topic: "../wrong" }), "HRLD-1001")
    const { epoch } = (await server.call("GET", "/v1/topics/wrong/stats")).body.partitions[0]
    assert.strictEqual(await create({ from: `wrong:0:${epoch}:99999` }), "HRLD-1080")
    assert.strictEqual(await create({ from: `wrong:0:${epoch + 1}:0` }), "HRLD-1080")
    assert.strictEqual(await create({ from: `other:0:${epoch}:0` }), "HRLD-1001")
    assert.strictEqual(await create({ from: "-1" }), "HRLD-1001")
    assert.strictEqual(await create({ maxAttempts: 0 }), "HRLD-1001")
    assert.strictEqual(await create({ backoffMillis: [-1] }), "HRLD-1001")
    assert.strictEqual(await create({ filter: "a".repeat(5_000) }), "HRLD-1001")
    assert.strictEqual(await create({ filter: "(".repeat(3_000) }), "HRLD-1075")
    assert.strictEqual(await create({ deadLetterTopic: "none" }), "HRLD-2077")
    assert.strictEqual(await create({ maxAtempts: 3 }), "HRLD-1001")
    assert.strictEqual(await codeOf("GET", "/v1/subscriptions/wrong/s"), "HRLD-2084")
    assert.strictEqual(await codeOf("GET", "/v1/subscriptions?after=nonsense"), "HRLD-1001")
    assert.strictEqual(await codeOf("POST", "/v1/subscriptions/wrong/s/dead-letters/drop", {}), "HRLD-1001")
    const bad = await run("subscription", "pause", "wrong", "s", "--for", "soon")
    assert.strictEqual(bad.code, 2)
    assert.include(bad.err, "500ms")
    assert.strictEqual((await run("dead-letters", "replay", "wrong", "s")).code, 2)
    assert.strictEqual((await run("dead-letters", "list", "wrong", "s")).code, 4)
  })

  it("OB6 a dead letter is listed, shown, replayed and dropped by the command line", async () => {
    await json("topic", "create", "letters")
    await publish("letters", { key: "a", value: { n: 1 } })
    const { id } = await json("subscription", "create", "letters", "s", "--type", "exclusive", "--from", "earliest")
    const stores = Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
    const runtime = ManagedRuntime.make(stores)
    // {"n":1} under the key a.
    const event = Buffer.from([10, 1, 97, 18, 7, ...Buffer.from('{"n":1}')])
    await runtime.runPromise(
      Effect.gen(function* () {
        const cursors = yield* CursorStore
        yield* cursors.attend("test", [], 60_000)
        const [claimed] = yield* cursors.claim("test", [{ id, share: 0 }], 60_000)
        const { slice, saved } = claimed!.cursors[0]!
        const letter = (offset: number) => ({
          ...{ epoch: 1, logEpoch: saved.logEpoch, offset, event, publishedAt: 5, attempts: 3 },
          ...{ reason: "rejected" as const, cause: "no such customer", topic: "dead" }
        })
        const token = claimed!.token
        yield* cursors.flush([{ id, slice, token, version: 1, saved, letters: [letter(0), letter(1)] }])
      })
    )
    await runtime.dispose()
    const [first, second] = await json("dead-letters", "list", "letters", "s")
    assert.deepInclude(first, { key: "a", value: { n: 1 }, reason: "rejected", cause: "no such customer", offset: 0 })
    assert.deepStrictEqual(await json("dead-letters", "show", "letters", "s", String(first.id)), first)
    const done = await json("dead-letters", "replay", "letters", "s", String(first.id))
    assert.deepStrictEqual(done, { replayed: [first.id], failed: [] })
    const { body } = await server.call("GET", "/v1/topics/letters/events")
    assert.deepStrictEqual(
      body.events.map(({ key, value }: { key: string; value: unknown }) => [key, value]),
      [
        ["a", { n: 1 }],
        ["a", { n: 1 }]
      ]
    )
    assert.deepStrictEqual(await json("dead-letters", "drop", "letters", "s", String(second.id)), { dropped: 1 })
    assert.deepStrictEqual(await json("dead-letters", "list", "letters", "s"), [])
  })
})
