/** Somebody else writes into the Redis that nodes share. Real servers, a real Redis. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { CHANNEL } from "../../layers/Redis/propagation/Channels.ts"
import { startDatabase } from "../support/Database.ts"
import { startRedis } from "../support/Redis.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex")

describe("a Redis in which others write", () => {
  it("RL4 RC5 RC8 P5 forged revisions and entries reach no client, hold up no publish, and are mended", async () => {
    await using database = await startDatabase()
    await using redis = await startRedis()
    const [one] = redis.nodes as [(typeof redis.nodes)[number]]
    const env = { DATABASE_URL: database.url, HERALD_PEPPER: "shared", REDIS_URL: redis.url }
    await using first = await startServer({ ...env, HERALD_NODE: "first" })
    const subscriber = new Subscriber(first.grpc, { token: first.token })
    try {
      const entry = async (key: string) =>
        JSON.parse((await one.ask((ask) => ask.get(`config:${key}:production`))) ?? "{}")
      await first.publish("svc", "genuine")
      await waitUntil("the value", () => subscriber.content("svc") === "genuine")
      const good = await waitUntil("its entry", async () => {
        const found = await entry("svc")
        return found.value === "genuine" && found
      })
      const change = { ...good, value: "FORGED", digest: sha256("FORGED"), version: 7 }
      const forge = (revision: bigint) =>
        JSON.stringify({
          epoch: good.epoch,
          revision: String(revision),
          traceparent: "",
          actor: "nobody",
          message: "",
          committedAt: Date.now(),
          changes: [{ ...change, revision: String(revision) }]
        })
      for (let round = 0; round < 10; round++) {
        const next = BigInt((await first.call("GET", "/readyz")).body.revision) + 1n
        await one.ask((ask) => ask.publish(CHANNEL, forge(next)))
        await one.ask((ask) => ask.publish(CHANNEL, forge(next + 1n)))
        await first.publish("svc.other", `mine ${round}`)
        await waitUntil("the genuine one", () => subscriber.content("svc.other") === `mine ${round}`)
      }
      for (const forged of [change, { ...change, revision: String(BigInt(good.revision) + 1_000n) }]) {
        await one.ask((ask) => ask.set("config:svc:production", JSON.stringify(forged)))
        await one.ask((ask) => ask.set("config:version:svc:production", "7"))
        await waitUntil("the genuine entry for who reads Redis", async () => (await entry("svc")).value === "genuine")
        await waitUntil(
          "and its version",
          async () => (await one.ask((ask) => ask.get("config:version:svc:production"))) === "1"
        )
        await one.ask((ask) => ask.set("config:svc:production", JSON.stringify(forged)))
        await using fresh = await startServer({ ...env, HERALD_NODE: "fresh" })
        const late = new Subscriber(fresh.grpc, { token: first.token, instance: "late" })
        await waitUntil("a value", () => late.content("svc") !== undefined)
        assert.strictEqual(late.content("svc"), "genuine")
        late.close()
      }

      assert.deepStrictEqual(
        subscriber.updates.filter(({ key }) => key === "svc").map(({ content }) => content),
        ["genuine"]
      )
    } finally {
      subscriber.close()
    }
  })
})
