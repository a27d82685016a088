/** Fault 14: a node misses what others publish. With every other lane off, the poll puts it right; the lane is used again. */
import { assert, describe, it } from "@effect/vitest"
import { startCluster } from "../support/cluster.ts"
import { startRedis } from "../support/Redis.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 14: pub/sub gap", () => {
  it("messages lost while subscriptions are cut are read from the log", async () => {
    await using redis = await startRedis()
    await using cluster = await startCluster(2, { REDIS_URL: redis.url, HINTS_NOTIFY: "off" })
    const [a, b] = [cluster.nodes[0]!, cluster.nodes[1]!]
    const subscriber = new Subscriber(b.grpc, { token: cluster.token })
    const newest = new Map<string, number>()
    for (let i = 0; i < 200; i++) {
      if (i % 5 === 0) redis.cli("client", "kill", "type", "pubsub")
      const { status, body } = await cluster.publish(a, `svc.${i % 20}`, String(i))
      assert.strictEqual(status, 200)
      newest.set(body.key, body.revision)
    }
    await waitUntil("the other node's client has the newest of every key", () =>
      [...newest].every(([key, revision]) => subscriber.held.get(key)?.revision === revision)
    )
    assert.deepStrictEqual(subscriber.backwards, [])
    subscriber.close()
  })

  it("RL2 the lane alone carries a change, and after a cut what was missed: no poll is near", async () => {
    await using redis = await startRedis()
    await using cluster = await startCluster(2, { REDIS_URL: redis.url, HINTS_NOTIFY: "off", POLL_INTERVAL: "10m" })
    const [a, b] = [cluster.nodes[0]!, cluster.nodes[1]!]
    const subscriber = new Subscriber(b.grpc, { token: cluster.token })
    const listeners = () => Number(redis.cli("pubsub", "numsub", "herald:revisions").split("\n")[1])
    await waitUntil("both to listen", () => listeners() === 2)
    await cluster.publish(a, "svc.told", "1")
    await waitUntil("the change to come over Redis", () => subscriber.held.get("svc.told")?.content === "1")

    redis.cli("client", "kill", "type", "pubsub")
    await cluster.publish(a, "svc.missed", "2")
    await waitUntil(
      "what was missed to be read after the cut",
      () => subscriber.held.get("svc.missed")?.content === "2"
    )
    await waitUntil("both to listen again", () => listeners() === 2)
    await cluster.publish(a, "svc.told", "3")
    await waitUntil("the next change", () => subscriber.held.get("svc.told")?.content === "3")
    subscriber.close()
  })

  it("with every lane off the poll is enough", async () => {
    await using cluster = await startCluster(2, { HINTS_NOTIFY: "off" })
    const subscriber = new Subscriber(cluster.nodes[1]!.grpc, { token: cluster.token })
    for (let i = 0; i < 20; i++) await cluster.publish(cluster.nodes[0]!, "svc", String(i))
    await waitUntil("the newest to come by the poll", () => subscriber.held.get("svc")?.content === "19")
    assert.deepStrictEqual(subscriber.backwards, [])
    subscriber.close()
  })
})
