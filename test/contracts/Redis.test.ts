/** A real Redis, one under Sentinel and a Redis Cluster keep the contracts, and go on when a master is killed. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { afterAll, beforeAll } from "vitest"
import type { RedisOptions } from "../../layers/Redis/Client.ts"
import { updatesChannel } from "../../layers/Redis/Lane.ts"
import * as Redis from "../../layers/Redis/Redis.ts"
import { valueKey, versionKey } from "../../layers/Redis/SharedCache.ts"
import { HintLanes } from "../../src/propagation/HintLane.ts"
import { SharedCache } from "../../src/propagation/SharedCache.ts"
import { type Started, startCluster, startRedis, startSentinel } from "../support/Redis.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { configuration, fresh, hintLaneContract, revisionOf, shared, sharedCacheContract } from "./SharedCache.ts"

/** Patient: other tests share the machine. */
const TIMEOUT = 2_000

const both = Effect.fnUntraced(function* (layer: Layer.Layer<never>) {
  const context = yield* Layer.build(Layer.fresh(layer))
  return { cache: Context.get(context, SharedCache), lane: Context.get(context, HintLanes).at(-1)! }
})

for (const [mode, start] of [
  ["single", startRedis],
  ["sentinel", startSentinel],
  ["cluster", startCluster]
] as const satisfies ReadonlyArray<readonly [RedisOptions["mode"], () => Promise<Started>]>) {
  describe(`Redis, ${mode}`, () => {
    let redis: Started
    beforeAll(async () => {
      redis = await start()
    })
    afterAll(() => redis?.[Symbol.asyncDispose]())
    const node = (): Layer.Layer<never> =>
      Layer.unwrap(
        Effect.sync(() =>
          Redis.layer({ url: Redacted.make(redis.url), mode, sentinelName: "mymaster", timeout: TIMEOUT })
        )
      )
    const test = (name: string, body: () => Effect.Effect<void>) => it.live(name, body)
    sharedCacheContract(test, node)
    hintLaneContract(test, node)

    if (mode === "single") {
      const ask = <A>(question: Parameters<Started["nodes"][number]["ask"]>[0]) =>
        Effect.promise(() => redis.nodes[0]!.ask(question) as Promise<A>)

      test("RC4 RC6 RC7 other programs find value and version under their names, and both end by themselves", () =>
        Effect.gen(function* () {
          const { cache } = yield* both(node())
          const [key, root] = [fresh("named"), `named${process.pid}`]
          const [id, versionId] = [valueKey("production", key), versionKey("production", key)]
          assert.deepStrictEqual([id, versionId], [`config:${key}:production`, `config:version:${key}:production`])
          yield* cache.setIfNewer(shared(key, 3))
          yield* cache.setIfNewer(shared(root, 3))
          yield* cache.setIfNewer(shared(key, 2))
          const entry = JSON.parse(yield* ask<string>((one) => one.get(id)))
          assert.deepStrictEqual([entry.value, entry.version], [configuration(key, 3).value, 3])
          assert.strictEqual(yield* ask<string>((one) => one.get(versionId)), "3")
          const lives = yield* ask<Array<number>>((one) =>
            Promise.all([id, versionId, valueKey("production", root)].map((name) => one.pttl(name)))
          )
          for (const [i, hour] of [3_600_000, 3_600_000, 300_000].entries()) {
            assert.isAtMost(lives[i]!, hour * 1.1)
            assert.isAbove(lives[i]!, hour * 0.9 - 60_000)
          }
          yield* cache.setIfNewer(shared(key, 4, "e1", { deleted: true, value: "" }))
          const gone = JSON.parse(yield* ask<string>((one) => one.get(id)))
          assert.deepStrictEqual([gone.value, gone.deleted, gone.version], [null, true, 4])
          assert.strictEqual(yield* ask<string>((one) => one.get(versionId)), "4")
        }).pipe(Effect.scoped))

      test("RC5 an entry that is broken, foreign or of another key is not handed out, and is removed", () =>
        Effect.gen(function* () {
          const { cache } = yield* both(node())
          const key = fresh("broken")
          const id = valueKey("production", key)
          yield* cache.setIfNewer(shared(key, 5))
          const good = yield* ask<string>((one) => one.get(id))
          for (const bad of ["", "no JSON", "{}", good.slice(0, -5), good.replaceAll(key, "another"), "[1]"]) {
            yield* ask((one) => one.set(id, bad))
            assert.isUndefined(yield* cache.get("production", key), bad)
            assert.strictEqual(yield* ask<number>((one) => one.exists(id)), 0)
          }
          yield* ask((one) => one.lpush(id, "a list"))
          assert.isUndefined(yield* cache.get("production", key))
          yield* ask((one) => one.lpush(id, "a list"))
          yield* cache.setIfNewer(shared(key, 1))
          assert.deepStrictEqual(yield* cache.get("production", key), shared(key, 1))
        }).pipe(Effect.scoped))

      test("RC5 a key named version:x does not take the place of the version of x", () =>
        Effect.gen(function* () {
          const { cache } = yield* both(node())
          const key = fresh("x")
          yield* cache.setIfNewer(shared(key, 5))
          yield* cache.setIfNewer(shared(`version:${key}`, 6))

          assert.strictEqual(yield* ask<string>((one) => one.get(versionKey("production", key))), "5")
          assert.isUndefined(yield* cache.get("production", `version:${key}`))
        }).pipe(Effect.scoped))

      test("RL1 RL4 other programs hear of each key; a large revision is a gap; foreign messages are left out", () =>
        Effect.gen(function* () {
          const { lane } = yield* both(node())
          const key = fresh("heard")
          const heard: Array<unknown> = []
          let gaps = 0
          yield* lane.listen({ revision: ({ revision }) => heard.push(revision), gap: () => gaps++ })
          for (const foreign of ["no JSON", '{"epoch":1}', '{"epoch":"e","revision":"x"}', "null"])
            yield* ask((one) => one.publish("herald:revisions", foreign))
          const updates: Array<string> = []
          yield* ask(async (one) => {
            one.on("message", (_, text: string) => updates.push(text))
            await one.subscribe(updatesChannel(key))
            await Effect.runPromise(lane.tell(revisionOf(3, [configuration(key, 3)])))
            await waitUntil("the update", () => updates.length === 1)
          })
          const said = JSON.parse(updates[0]!)
          assert.deepStrictEqual(
            [said.key, said.environment, said.version, said.value, said.revision, said.epoch, said.timestamp],
            [key, "production", 3, configuration(key, 3).value, "3", "e1", 1_700_000_000_000]
          )
          assert.match(said.traceparent, /^00-/)
          yield* lane.tell(revisionOf(4, [configuration(key, 4, { value: "x".repeat(1_048_576) })]))
          yield* Effect.promise(() => waitUntil("the gap", () => gaps === 2))
          assert.deepStrictEqual(heard, [3n])
        }).pipe(Effect.scoped))

      test("RC1 RC2 RC3 RC6 RL2 RL3 a Redis that hangs costs bounded time, and is used again; no old value stays in it", () =>
        Effect.gen(function* () {
          const url = Redacted.make(redis.url)
          const { cache, lane } = yield* both(Redis.layer({ url, mode, sentinelName: "mymaster", timeout: 100 }))
          const key = fresh("hung")
          let gaps = 0
          yield* lane.listen({ revision: () => {}, gap: () => gaps++ })
          yield* cache.setIfNewer(shared(key, 1))
          redis.nodes[0]!.signal("SIGSTOP")
          yield* Effect.gen(function* () {
            const many = Effect.forEach(Array.from({ length: 3_000 }), () => cache.get("production", key), {
              concurrency: "unbounded"
            })
            assert.isTrue((yield* many).every((found) => found === undefined))
            yield* cache.setIfNewer(shared(key, 2))
            const began = performance.now()
            for (let i = 0; i < 100; i++) yield* cache.get("production", key)
            assert.isBelow(performance.now() - began, 100 * 100)
            yield* Effect.sleep("4 seconds") // both connections are given up meanwhile
          }).pipe(Effect.ensuring(Effect.sync(() => redis.nodes[0]!.signal("SIGCONT"))))
          yield* Effect.promise(() =>
            waitUntil(
              "the older entry to go",
              async () => (await redis.nodes[0]!.ask((one) => one.exists(valueKey("production", key)))) === 0
            )
          )
          yield* Effect.promise(() => waitUntil("the subscription to come back", () => gaps >= 2))
          yield* cache.setIfNewer(shared(key, 2))
          assert.deepStrictEqual(yield* cache.get("production", key), shared(key, 2))
        }).pipe(Effect.scoped))
    } else {
      test("RC2 RC4 RL2 RL3 after a master was killed, reads, sets and the lane go on", () =>
        Effect.gen(function* () {
          const { cache, lane } = yield* both(node())
          const keys = Array.from({ length: 30 }, () => fresh("failover"))
          const heard: Array<bigint> = []
          yield* lane.listen({ revision: ({ revision }) => heard.push(revision), gap: () => {} })
          for (const key of keys) yield* cache.setIfNewer(shared(key, 5))
          yield* Effect.promise(() => redis.nodes[0]!.kill())
          const works = (key: string, revision: number) =>
            Effect.gen(function* () {
              yield* cache.setIfNewer(shared(key, revision))
              return (yield* cache.get("production", key))?.configuration.revision === BigInt(revision)
            })
          for (const key of keys)
            yield* Effect.promise(() => waitUntil(`${key} to be set`, () => Effect.runPromise(works(key, 6))))
          for (const key of keys) {
            yield* cache.setIfNewer(shared(key, 4))
            assert.strictEqual((yield* cache.get("production", key))?.configuration.revision, 6n)
          }
          yield* Effect.promise(() =>
            waitUntil("the lane", async () => {
              await Effect.runPromise(lane.tell(revisionOf(77, [])))
              return heard.includes(77n)
            })
          )
        }).pipe(Effect.scoped))
    }
  })
}
