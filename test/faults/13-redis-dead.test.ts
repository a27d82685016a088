/** Fault 13: Redis dies, hangs, is flushed. Users see no error; the database answers; afterwards Redis is used again. */
import { assert, describe, it } from "@effect/vitest"
import { type Cluster, startCluster } from "../support/cluster.ts"
import { type RedisServer, startRedis } from "../support/Redis.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const KEYS = Array.from({ length: 24 }, (_, i) => `svc.k${i}`)
/** Together more than the nodes' own caches hold, so that reads need the shared one. */
const value = (round: number) => `${round}:${"x".repeat(60_000)}`

/** Publishes every key through one node and reads it through the other. */
const round = async ({ nodes: [a, b], publish, read }: Cluster, number: number): Promise<void> => {
  for (const key of KEYS) assert.strictEqual((await publish(a!, key, value(number))).status, 200)
  for (const key of [...KEYS, ...KEYS]) {
    const { status, body } = await read(b!, key, "strong")
    const cached = await read(b!, key)
    assert.deepStrictEqual([status, cached.status, body.stale, cached.body.stale], [200, 200, false, false])
    assert.strictEqual(body.value, value(number))
  }
}

const usesRedis = async (cluster: Cluster) => {
  const shared = () => cluster.metric(cluster.nodes[1]!, "herald_cache_hits_total", 'cache="shared"')
  const before = await shared()
  await waitUntil("values to come from Redis again", async () => {
    for (const key of KEYS) assert.strictEqual((await cluster.read(cluster.nodes[1]!, key)).status, 200)
    return (await shared()) > before
  })
}

const hurt: Record<string, (redis: RedisServer) => Promise<() => Promise<unknown>>> = {
  "killed and started again": async (redis) => {
    await redis.kill()
    return () => redis.start()
  },
  "stopped and continued": async (redis) => {
    redis.signal("SIGSTOP")
    return async () => redis.signal("SIGCONT")
  },
  flushed: async (redis) => {
    redis.cli("flushall")
    return async () => {}
  }
}

describe("fault 13: Redis", () => {
  for (const [what, strike] of Object.entries(hurt))
    it(what, async () => {
      await using redis = await startRedis()
      await using cluster = await startCluster(2, { REDIS_URL: redis.url, CACHE_MAX_BYTES: "1048576" })
      const subscriber = new Subscriber(cluster.nodes[1]!.grpc, { token: cluster.token })
      await round(cluster, 1)
      await usesRedis(cluster)

      const heal = await strike(redis)
      await round(cluster, 2)
      await round(cluster, 3)
      await heal()
      await usesRedis(cluster)
      await round(cluster, 4)

      await waitUntil("the client to have the newest of every key", () =>
        KEYS.every((key) => subscriber.held.get(key)?.content === value(4))
      )
      assert.deepStrictEqual(subscriber.backwards, [])
      assert.isUndefined(subscriber.error)
      subscriber.close()
    })
})
