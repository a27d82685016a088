/** Fault 15: a slow reader puts an old value into Redis after the newer one. The old one never wins, and no client ever gets it. */

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted, Schema, Scope } from "effect"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { EntryJson } from "../../layers/Redis/configuration/Entry.ts"
import * as Redis from "../../layers/Redis/Redis.ts"
import { type Shared, SharedCache } from "../../src/configuration/SharedCache.ts"
import { clientOptions, startDatabase } from "../support/Database.ts"
import { measured } from "../support/measured.ts"
import { startRedis } from "../support/Redis.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 15: stale cache refill", () => {
  it("RC4 an older value never replaces a newer one, and reaches nobody when it is alone there", async () => {
    await using database = await startDatabase()
    await using redis = await startRedis()
    const [one] = redis.nodes as [(typeof redis.nodes)[number]]
    const env = { DATABASE_URL: database.url, HERALD_PEPPER: "shared", REDIS_URL: redis.url }
    await using writing = await startServer({ ...env, HERALD_NODE: "writing" })
    const scope = Effect.runSync(Scope.make())
    try {
      const sealing = Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
      const options = { url: Redacted.make(redis.url), mode: "single", sentinelName: "", timeout: 2_000 } as const
      const slow = Context.get(
        await Effect.runPromise(
          Layer.build(Redis.layer(options).pipe(Layer.provide(kinds), Layer.provide(sealing))).pipe(
            Scope.provide(scope)
          )
        ),
        SharedCache
      )
      let refilled = 0
      const refill = () => {
        refilled++
        return Effect.runPromise(slow.setIfNewer(old))
      }
      const held = () => one.ask((ask) => ask.get("config:svc:production"))
      await writing.publish("svc", "old")
      const text = await waitUntil("the first value in Redis", held)
      const { epoch, ...entry } = Schema.decodeSync(EntryJson)(text)
      const old = { epoch, configuration: { ...entry, value: "old" } } as Shared
      for (let round = 0; round < 50; round++) {
        const refills = Array.from({ length: 5 }, refill)
        const { body } = await writing.publish("svc", `new ${round}`)
        await Promise.all(refills)
        const newest = await waitUntil("the newer value", async () => {
          const now = JSON.parse((await held()) ?? "{}")
          return now.revision === String(body.revision) && now
        })
        await refill()
        assert.deepStrictEqual(JSON.parse((await held())!), newest)
      }
      // Evicted in between: now the old value is alone in Redis, and a node without a cache of its own is asked. The other one has ended: it
      // looks at what Redis has, and would have mended it before.
      await writing.end("SIGTERM")
      await one.ask((ask) => ask.flushall())
      await refill()
      assert.strictEqual(JSON.parse((await held())!).value, "old")
      await using fresh = await startServer({ ...env, HERALD_NODE: "fresh" })
      const subscriber = new Subscriber(fresh.grpc, { token: writing.token })
      await waitUntil("a value", () => subscriber.content("svc") !== undefined)

      assert.deepStrictEqual(
        subscriber.updates.filter(({ key }) => key === "svc").map(({ content }) => content),
        ["new 49"]
      )
      await waitUntil("the newest in Redis", async () => JSON.parse((await held())!).value === "new 49")
      measured(15, "50 changes, each with six late refills", {
        "refills with the old value": refilled,
        "old values that a client got": subscriber.updates.filter(({ content }) => content === "old").length
      })
      subscriber.close()
    } finally {
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  })
})
