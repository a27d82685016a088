/** Fault 15: a slow reader puts an old value back into Redis. No reader of Herald ever sees it, and it does not stay. */
import { assert, describe, it } from "@effect/vitest"
import { startCluster } from "../support/cluster.ts"
import { startRedis } from "../support/Redis.ts"
import { waitUntil } from "../support/waitUntil.ts"

const KEYS = ["svc.a", "svc.b", "svc.c", "svc.d", "svc.e", "svc.f", "svc.g", "svc.h"]
const ROUNDS = 12
const pad = "x".repeat(120_000)

describe("fault 15: stale cache refill", () => {
  it("0 reads go back, whatever is written over the entries", async () => {
    await using redis = await startRedis()
    // Caches that hold few of the values: most reads ask Redis.
    await using cluster = await startCluster(2, { REDIS_URL: redis.url, CACHE_MAX_BYTES: "1048576" })
    const [a, b] = [cluster.nodes[0]!, cluster.nodes[1]!]
    const entry = (key: string) => `config:${key}:production`
    const old = new Map<string, string>()
    for (const key of KEYS) await cluster.publish(a, key, `1${pad}`)
    await waitUntil("Redis to have every key", () =>
      KEYS.every((key) => {
        const text = redis.cli("get", entry(key))
        if (text !== "") old.set(key, text)
        return text !== ""
      })
    )

    let over = false
    const seen = new Map<string, number>()
    const reading = (async () => {
      for (let i = 0; !over; i++) {
        const key = KEYS[i % KEYS.length]!
        const { body } = await cluster.read(b, key)
        assert.isAtLeast(body.version, seen.get(key) ?? 0, `${key} went back`)
        seen.set(key, body.version)
      }
    })()
    for (let round = 2; round <= ROUNDS; round++)
      for (const key of KEYS) {
        const { body } = await cluster.publish(a, key, `${round}${pad}`)
        redis.set(entry(key), old.get(key)!) // as a client without set-if-newer would
        const read = await cluster.read(a, key, "strong")
        assert.isAtLeast(read.body.version, body.version)
      }
    over = true
    await reading

    await waitUntil("every reader to have the newest, and Redis, too", async () => {
      for (const key of KEYS)
        for (const node of [a, b]) assert.isAtLeast((await cluster.read(node, key)).body.version, seen.get(key)!)
      return KEYS.every((key) => JSON.parse(redis.cli("get", entry(key))).version === ROUNDS)
    })
  })
})
