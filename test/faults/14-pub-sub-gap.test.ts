/** Fault 14: a node misses messages, because its connection to Redis is cut or held. The revision log repairs, with NOTIFY off, too. */
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { startRedis } from "../support/Redis.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 14: pub/sub gap", () => {
  it("RL2 RL3 what a node missed is there by the next poll, and it listens again", async () => {
    await using database = await startDatabase()
    await using redis = await startRedis()
    const [one] = redis.nodes as [(typeof redis.nodes)[number]]
    await using proxy = new TcpProxy(one.port)
    const cuttable = `redis://127.0.0.1:${await proxy.listen()}`
    const env = { DATABASE_URL: database.url, HERALD_PEPPER: "shared", HINTS_NOTIFY: "off" }
    await using writing = await startServer({ ...env, REDIS_URL: redis.url, HERALD_NODE: "writing" })
    await using deaf = await startServer({ ...env, REDIS_URL: cuttable, HERALD_NODE: "deaf" })
    const subscriber = new Subscriber(deaf.grpc, { token: writing.token })
    const listeners = () => one.ask(async (ask) => (await ask.pubsub("NUMSUB", "herald:revisions"))[1])
    let n = 0
    const converge = async () => {
      for (let i = 0; i < 20; i++) assert.strictEqual((await writing.publish(`svc.${i}`, `value ${++n}`)).status, 200)
      const published = performance.now()
      await waitUntil("the newest", () => subscriber.content("svc.19") === `value ${n}`)
      return performance.now() - published
    }
    await waitUntil("both to listen", async () => Number(await listeners()) === 2)
    await converge()

    const after: Record<string, string> = {}
    for (const fault of ["refuse", "hold"] as const) {
      proxy.fault = fault
      if (fault === "refuse") proxy.cut()
      const took = await converge()
      after[fault === "refuse" ? "converged after, connection cut" : "converged after, connection held"] = seconds(took)
      assert.isAtMost(took, 2_000)
      proxy.fault = "none"
      await waitUntil("both to listen again", async () => Number(await listeners()) === 2)
    }
    const killed = one.ask((ask) => ask.call("CLIENT", "KILL", "TYPE", "pubsub"))
    const killedTook = await converge()
    assert.isAtMost(killedTook, 2_000)
    after["converged after, subscription killed"] = seconds(killedTook)
    assert.isAbove(Number(await killed), 0)
    await waitUntil("both to listen once more", async () => Number(await listeners()) === 2)
    assert.deepStrictEqual(subscriber.backwards, [])
    measured(14, "messages over Redis missed, NOTIFY off", after)
    subscriber.close()
  })
})
