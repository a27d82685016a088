/** A dependency that answers and refuses is one that a node goes without: told once, shown, and over when it works again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Metric, Redacted } from "effect"
import { afterAll, beforeAll } from "vitest"
import { makeSeal } from "../../layers/Crypto/seals/Seals.ts"
import * as Redis from "../../layers/Redis/Redis.ts"
import { SharedCache } from "../../src/configuration/SharedCache.ts"
import { Seal } from "../../src/seals/Seal.ts"
import { Degraded } from "../../src/telemetry/Degraded.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { type Started, startRedis } from "../support/Redis.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const seal = Layer.effect(Seal, makeSeal(Effect.succeed([{ id: "1", key: new Uint8Array(32).fill(1) }])))

type Asked = Parameters<Started["nodes"][number]["ask"]>[0]
/** How it is broken and mended by its operator, and what the log's reason has. */
const ways: ReadonlyArray<readonly [name: string, broken: Asked, mended: Asked, reason: RegExp]> = [
  [
    "too few replicas",
    (redis) => redis.config("SET", "min-replicas-to-write", "1"),
    (redis) => redis.config("SET", "min-replicas-to-write", "0"),
    /NOREPLICAS/
  ],
  [
    "no memory",
    (redis) => redis.config("SET", "maxmemory", "1"),
    (redis) => redis.config("SET", "maxmemory", "0"),
    /OOM/
  ],
  ["a replica", (redis) => redis.replicaof("127.0.0.1", 1), (redis) => redis.replicaof("NO", "ONE"), /READONLY/],
  [
    "no permission to write",
    (redis) => redis.acl("SETUSER", "default", "-set"),
    (redis) => redis.acl("SETUSER", "default", "+set"),
    /NOPERM/
  ]
]

describe("a Redis that answers and refuses", () => {
  let redis: Started
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.[Symbol.asyncDispose]())

  for (const [name, broken, mended, reason] of ways)
    it.live(`DG2 DG3 RC9 ${name}: is named, measured and told once each way, without a write of Herald's`, () => {
      const lines: Array<{ readonly level: string; readonly text: string }> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        if (logLevel !== "Debug") lines.push({ level: logLevel, text: JSON.stringify(message) })
      })
      return Effect.gen(function* () {
        const degraded = yield* Degraded
        const measured = Effect.map(
          Metric.snapshot,
          (all) =>
            all.find(({ id, attributes }) => id === "herald_degraded" && attributes?.["dependency"] === "redis")?.state
        )
        yield* Effect.promise(() => redis.nodes[0]!.ask(broken))
        yield* Effect.promise(() => waitUntil("it to be named", () => [...degraded].includes("redis")))
        assert.deepInclude(yield* measured, { value: 1 })
        yield* Effect.promise(() => redis.nodes[0]!.ask(mended))
        yield* Effect.promise(() => waitUntil("it to be over", () => ![...degraded].includes("redis")))
        assert.deepInclude(yield* measured, { value: 0 })

        const told = lines.filter(({ text }) => text.includes("Redis"))
        assert.deepStrictEqual(
          told.map(({ level }) => level),
          ["Warn", "Info"],
          JSON.stringify(told)
        )
        assert.match(told[0]!.text, reason)
        assert.isDefined(yield* SharedCache)
      }).pipe(
        Effect.provide(
          Layer.fresh(
            Redis.layer({
              url: Redacted.make(redis.url),
              mode: "single",
              sentinelName: "mymaster",
              timeout: 2_000
            }).pipe(Layer.provide([kinds, seal]))
          )
        ),
        Effect.provide(Logger.layer([logger])),
        Effect.provide(PerNode.layer)
      )
    })
})
