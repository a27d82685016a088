/** Fault 13: Redis is killed, hangs, is emptied, while clients read and publish. No user meets an error, and it is used again afterwards. */
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { startRedis } from "../support/Redis.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const KEYS = 40
/** In each, every key is published on one node and read on the other. */
const ROUNDS = 5
/** All values are more than the reading node's own cache holds, so that it has to ask Redis or PostgreSQL. */
const PADDING = "x".repeat(20_000)
const valueOf = (round: number) => `value ${round} ${PADDING}`

describe("fault 13: Redis dead, hung, flushed", () => {
  it("RC1 RC2 RC6 reads and publishes go on without an error, and Redis is used again", async () => {
    await using database = await startDatabase()
    await using redis = await startRedis()
    const [node] = redis.nodes as [(typeof redis.nodes)[number]]
    const env = { DATABASE_URL: database.url, HERALD_PEPPER: "shared", REDIS_URL: redis.url }
    await using writing = await startServer({ ...env, HERALD_NODE: "writing" })
    await using reading = await startServer({ ...env, HERALD_NODE: "reading", CACHE_MAX_BYTES: "1048576" })
    // The first node keeps the token of the database's only admin.
    const bearer = { authorization: `Bearer ${writing.token}` }
    const read = (key: string) => fetch(`${reading.http}/v1/config/${key}?environment=production`, { headers: bearer })
    const subscriber = new Subscriber(reading.grpc, { token: writing.token })
    let round = 0
    /** Milliseconds: the 95th percentile of the reads. */
    const work = async () => {
      const took: Array<number> = []
      for (const until = round + ROUNDS; round < until; round++) {
        for (let i = 0; i < KEYS; i++) {
          const { status, body } = await writing.published(`svc.${i}`, valueOf(round))
          assert.strictEqual(status, 200, JSON.stringify(body))
          const began = performance.now()
          const answer = await read(`svc.${(i + 1) % KEYS}`) // published longest ago: not in the node's own cache
          assert.strictEqual(answer.status, 200)
          took.push(performance.now() - began)
        }
      }
      await waitUntil("the newest of every key", () =>
        Array.from({ length: KEYS }).every((_, i) => subscriber.content(`svc.${i}`) === valueOf(round - 1))
      )
      return took.sort((a, b) => a - b)[Math.floor(took.length * 0.95)]!
    }
    const inRedis = (i: number) => node.ask((one) => one.get(`config:version:svc.${i}:production`))
    const used = () =>
      waitUntil("Redis to hold the newest", async () => {
        const { body } = await writing.publish("svc.0", valueOf(round - 1))
        return (await inRedis(0)) === String(body.version)
      })
    const p95: Record<string, number> = {}

    // A key that is new on one node may be unknown to the other for a moment.
    for (let i = 0; i < KEYS; i++) await writing.publish(`svc.${i}`, "first")
    await waitUntil("every key", () => subscriber.held.size === KEYS)

    p95["well"] = await work()
    await used()
    await node.signal("SIGSTOP")
    try {
      p95["hung"] = await work()
    } finally {
      await node.signal("SIGCONT")
    }
    await used()
    await node.kill()
    p95["dead"] = await work()
    await node.start()
    await used()
    await node.ask((one) => one.flushall())
    p95["flushed"] = await work()
    await used()

    // Steady state: nothing changes, all is read again and again. What the node's own cache lacks, Redis has.
    const counts = async () => {
      const text = await (await fetch(`${reading.http}/metrics`, { headers: bearer })).text()
      const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((all, [, n]) => all + Number(n), 0)
      return {
        shared: sum(/^herald_cache_hits_total\{[^}]*cache="shared"[^}]*\} (\d+)/gm),
        misses: sum(/^herald_cache_misses_total(?:\{[^}]*\})? (\d+)/gm)
      }
    }
    // What Redis does not answer in time, on a machine that is starved, is read from the database: then once more.
    const hits = await waitUntil("Redis to have 95 % of it", async () => {
      const before = await counts()
      for (let i = 0; i < 400; i++) assert.strictEqual((await read(`svc.${i % KEYS}`)).status, 200)
      const found = await waitUntil("the counts", async () => {
        const now = await counts()
        const [shared, misses] = [now.shared - before.shared, now.misses - before.misses]
        return shared + misses >= 380 && { shared, misses }
      })
      return found.shared / (found.shared + found.misses) > 0.95 && found
    })
    console.log("steady state", hits)

    console.log("p95 of reads in ms", p95)
    // A Redis that is away costs nothing: 100 ms, or what the same reads take on this machine when all is well.
    for (const state of ["hung", "dead"]) assert.isAtMost(p95[state]!, Math.max(100, 3 * p95["well"]!))
    assert.deepStrictEqual(subscriber.backwards, [])
    measured(13, "a publish and a read of 20 kB in turn, 40 keys", {
      ...Object.fromEntries(
        Object.entries(p95).map(([state, millis]) => [`read p95, ${state}`, `${millis.toFixed(1)} ms`])
      ),
      "hit rate of Redis in steady state": `${((100 * hits.shared) / (hits.shared + hits.misses)).toFixed(1)} %`
    })
    for (const { output } of [writing, reading])
      assert.isAtMost(output.split("Redis is away").length - 1, 4, "a line for each change of state")
    subscriber.close()

    await node.signal("SIGSTOP")
    try {
      const began = performance.now()
      assert.strictEqual(await reading.end("SIGTERM"), 0)
      assert.isBelow(performance.now() - began, 5_000)
    } finally {
      await node.signal("SIGCONT")
    }
  })

  it("RC6 a node dies before Redis has its change: another takes the older entry away", async () => {
    await using redis = await startRedis()
    const [node] = redis.nodes as [(typeof redis.nodes)[number]]
    await using nodes = await Nodes.start({ count: 2, env: { REDIS_URL: redis.url } })
    const [dies, stays] = [nodes.servers[0]!, nodes.servers[1]!]
    const inRedis = () => node.ask((one) => one.get("config:version:svc.a:production"))
    assert.strictEqual((await dies.publish("svc.a", "old")).body.version, 1)
    await waitUntil("the first version in Redis", async () => (await inRedis()) === "1")

    await node.signal("SIGSTOP")
    try {
      // Otherwise the write would wait in Redis's socket and be done after all.
      await waitUntil("the node to know", async () =>
        (await dies.call("GET", "/readyz")).body.degraded.includes("redis")
      )
      assert.strictEqual((await dies.publish("svc.a", "new")).body.version, 2)
      await dies.end("SIGKILL")
    } finally {
      await node.signal("SIGCONT")
    }
    const began = performance.now()
    assert.strictEqual(await inRedis(), "1") // what the test is about
    await waitUntil("the older entry to be gone", async () => (await inRedis()) !== "1", 20_000)

    assert.strictEqual((await stays.read("svc.a")).body.value, "new")
    measured(13, "a node killed that owed Redis a change", {
      "older entry gone after": seconds(performance.now() - began)
    })
  })
})
