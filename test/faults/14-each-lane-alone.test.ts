/** Fault 14: with all others off and no poll near, each alone carries changes between nodes, and what a cut lost. */
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { startRedis } from "../support/Redis.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 14: each lane alone", () => {
  it("Redis carries a change, and after a cut what was missed", async () => {
    await using redis = await startRedis()
    const env = { REDIS_URL: redis.url, HINTS_NOTIFY: "off", POLL_INTERVAL: "10m" }
    await using nodes = await Nodes.start({ count: 2, env })
    const [a, b] = [nodes.servers[0]!, nodes.servers[1]!]
    const subscriber = new Subscriber(b.grpc, { token: nodes.token })
    const ask = (...command: [string, ...Array<string>]) => redis.nodes[0]!.ask((client) => client.call(...command))
    const bothListen = async () => ((await ask("pubsub", "numsub", "herald:revisions")) as Array<unknown>)[1] === 2
    await waitUntil("both to listen", bothListen)
    await a.publish("svc.told", "1")
    await waitUntil("the change to come over Redis", () => subscriber.held.get("svc.told")?.content === "1")

    await ask("client", "kill", "type", "pubsub")
    await a.publish("svc.missed", "2")
    await waitUntil(
      "what was missed to be read after the cut",
      () => subscriber.held.get("svc.missed")?.content === "2"
    )
    await waitUntil("both to listen again", bothListen)
    await a.publish("svc.told", "3")
    await waitUntil("the next change", () => subscriber.held.get("svc.told")?.content === "3")
    subscriber.close()
  })

  it("NOTIFY carries a change", async () => {
    await using nodes = await Nodes.start({ count: 2, env: { POLL_INTERVAL: "10m" } })
    const subscriber = new Subscriber(nodes.servers[1]!.grpc, { token: nodes.token })
    for (let i = 0; i < 20; i++) await nodes.servers[0]!.publish("svc", i)
    await waitUntil("the newest to come by NOTIFY", () => subscriber.held.get("svc")?.content === "19")
    assert.deepStrictEqual(subscriber.backwards, [])
    subscriber.close()
  })

  it("with every lane off the poll is enough", async () => {
    await using nodes = await Nodes.start({ count: 2, env: { HINTS_NOTIFY: "off" } })
    const subscriber = new Subscriber(nodes.servers[1]!.grpc, { token: nodes.token })
    for (let i = 0; i < 20; i++) await nodes.servers[0]!.publish("svc", i)
    const from = performance.now()
    await waitUntil("the newest to come by the poll", () => subscriber.held.get("svc")?.content === "19")
    assert.deepStrictEqual(subscriber.backwards, [])
    measured(14, "every lane off", { "converged by the poll after": seconds(performance.now() - from) })
    subscriber.close()
  })
})
