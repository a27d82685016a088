/** The shared cache and the lane on real Redis: one server, Sentinel, and a cluster. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Redis from "../../layers/Redis/Redis.ts"
import { SharedCache } from "../../src/propagation/SharedCache.ts"
import {
  type RedisGroup,
  type RedisServer,
  startRedis,
  startRedisCluster,
  startRedisSentinel
} from "../support/Redis.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { configuration, laneContract, sharedCacheContract } from "./Shared.ts"

const layerOf = (url: string, mode: "single" | "sentinel" | "cluster") =>
  Redis.layer({ url: Redacted.make(url), mode, sentinelName: "mymaster", timeout: "2 seconds" })

/** Connections are made in the background. */
const connected = Effect.gen(function* () {
  const cache = yield* SharedCache
  const probe = configuration({ key: `probe.${process.pid}.${Math.random()}` })
  yield* Effect.promise(() =>
    waitUntil("Redis to serve", async () => {
      await Effect.runPromise(cache.setIfNewer({ epoch: "e", configuration: probe }))
      return await Effect.runPromise(cache.get("production", probe.key))
    })
  )
})

const test =
  (layer: () => Layer.Layer<never>) =>
  (name: string, body: () => Effect.Effect<void, unknown, import("effect").Scope.Scope>) =>
    it.live(name, () =>
      Effect.scoped(Effect.andThen(connected, Effect.suspend(body))).pipe(Effect.provide(Layer.suspend(layer)))
    )

describe("one Redis", () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  const on = test(() => layerOf(server.url, "single"))
  sharedCacheContract(on)
  laneContract(on)

  on("RC3 other programs read value and version by the names they know, and both end by themselves", () =>
    Effect.gen(function* () {
      const cache = yield* SharedCache
      const one = configuration({ version: 7, revision: 12n, value: '{"x":true}' })
      yield* cache.setIfNewer({ epoch: "e", configuration: one })
      const value = JSON.parse(server.cli("get", `config:${one.key}:production`))
      assert.deepInclude(value, { value: '{"x":true}', version: 7, key: one.key, environment: "production" })
      assert.strictEqual(server.cli("get", `config:version:${one.key}:production`), "7")
      const life = (name: string) => Number(server.cli("pttl", name))
      assert.isTrue(life(`config:${one.key}:production`) <= 1.1 * 3_600_000)
      assert.isAbove(life(`config:${one.key}:production`), 0.8 * 3_600_000)
      assert.isAbove(life(`config:version:${one.key}:production`), 0)

      yield* cache.setIfNewer({
        epoch: "e",
        configuration: { ...one, version: 8, revision: 13n, deleted: true, value: "" }
      })
      assert.isNull(JSON.parse(server.cli("get", `config:${one.key}:production`)).value)
      assert.strictEqual(server.cli("get", `config:version:${one.key}:production`), "8")
    })
  )

  for (const foreign of [
    "",
    "no JSON",
    "null",
    "{}",
    '{"epoch":"e","revision":"5"}',
    '{"epoch":"e","revision":"5","value":1}',
    '"\\u0000"'
  ])
    on(`RC4 a foreign entry ${JSON.stringify(foreign)} is as good as none, and is replaced`, () =>
      Effect.gen(function* () {
        const cache = yield* SharedCache
        const one = configuration({ revision: 6n })
        server.cli("set", `config:${one.key}:production`, foreign)
        assert.isUndefined(yield* cache.get("production", one.key))
        yield* cache.setIfNewer({ epoch: "e", configuration: one })
        assert.deepStrictEqual((yield* cache.get("production", one.key))?.configuration, one)
      })
    )

  on("RC1 a hung Redis costs each call its time-out, then nothing; afterwards it is used again", () =>
    Effect.gen(function* () {
      const cache = yield* SharedCache
      const one = configuration()
      yield* cache.setIfNewer({ epoch: "e", configuration: one })
      server.signal("SIGSTOP")
      for (let i = 0; i < 200; i++) assert.isUndefined(yield* cache.get("production", one.key)) // more than time-outs would allow
      server.signal("SIGCONT")
      yield* Effect.promise(() =>
        waitUntil("Redis to be used again", () => Effect.runPromise(cache.get("production", one.key)))
      )
    }).pipe(Effect.ensuring(Effect.sync(() => server.signal("SIGCONT"))))
  )

  on("RC2 a dead Redis is left out, and used again when it is back", () =>
    Effect.gen(function* () {
      const cache = yield* SharedCache
      const one = configuration()
      yield* Effect.promise(() => server.kill())
      yield* cache.setIfNewer({ epoch: "e", configuration: one })
      assert.isUndefined(yield* cache.get("production", one.key))
      yield* Effect.promise(() => server.start())
      assert.strictEqual(server.cli("exists", `config:${one.key}:production`), "0") // not kept for later
      yield* connected
    })
  )
})

describe("Redis with Sentinel", () => {
  let group: RedisGroup
  beforeAll(async () => {
    group = await startRedisSentinel()
  })
  afterAll(() => group[Symbol.asyncDispose]())
  const on = test(() => layerOf(group.urls, "sentinel"))
  sharedCacheContract(on)
  laneContract(on)

  on("RC2 the master dies: the promoted replica is used", () =>
    Effect.andThen(
      Effect.promise(() => group.servers[0]!.kill()),
      connected
    )
  )
})

describe("Redis Cluster", () => {
  let group: RedisGroup
  beforeAll(async () => {
    group = await startRedisCluster()
  })
  afterAll(() => group[Symbol.asyncDispose]())
  const on = test(() => layerOf(group.urls, "cluster"))
  sharedCacheContract(on)
  laneContract(on)

  on("RC2 one master of three dies: every key is served again after its replica took over", () =>
    Effect.gen(function* () {
      const cache = yield* SharedCache
      yield* Effect.promise(() => group.servers[0]!.kill())
      for (let i = 0; i < 30; i++) {
        const one = configuration()
        yield* Effect.promise(() =>
          waitUntil("the key to be served", async () => {
            await Effect.runPromise(cache.setIfNewer({ epoch: "e", configuration: one }))
            return await Effect.runPromise(cache.get("production", one.key))
          })
        )
      }
    })
  )
})
