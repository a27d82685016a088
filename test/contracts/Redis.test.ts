/** A real Redis, one under Sentinel and a Redis Cluster keep the contracts, and go on when a master is killed. */

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { afterAll, beforeAll } from "vitest"
import { makeSeal } from "../../layers/Crypto/seals/Seals.ts"
import { valueKey, versionKey } from "../../layers/Redis/configuration/Entry.ts"
import type { RedisOptions } from "../../layers/Redis/connection/Client.ts"
import { sealedJson } from "../../layers/Redis/connection/Sealed.ts"
import { updatesChannel } from "../../layers/Redis/propagation/Channels.ts"
import * as Redis from "../../layers/Redis/Redis.ts"
import { SharedCache } from "../../src/configuration/SharedCache.ts"
import { HintLanes } from "../../src/propagation/HintLanes.ts"
import { Seal } from "../../src/seals/Seal.ts"
import { revisionOf } from "../support/Configuration.ts"
import { type Started, startCluster, startRedis, startSentinel } from "../support/Redis.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { configuration, fresh, hintLaneContract, shared, sharedCacheContract } from "./SharedCache.ts"

const sealing = (byte: number) => makeSeal(Effect.succeed([{ id: "1", key: new Uint8Array(32).fill(byte) }]))
/** A node of one database, whose nodes have a key that nobody else has. */
const nodeOf = (options: RedisOptions): Layer.Layer<never> =>
  Redis.layer(options).pipe(Layer.provide(kinds), Layer.provide(Layer.effect(Seal, sealing(1))))

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
        Effect.sync(() => nodeOf({ url: Redacted.make(redis.url), mode, sentinelName: "mymaster", timeout: TIMEOUT }))
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

      test("RL1 other programs hear of each key; a large revision is a gap", () =>
        Effect.gen(function* () {
          const { lane } = yield* both(node())
          const key = fresh("heard")
          const heard: Array<unknown> = []
          let gaps = 0
          yield* lane.listen({ revision: ({ revision }) => heard.push(revision), gap: () => gaps++ })
          const updates: Array<string> = []
          yield* ask(async (one) => {
            one.on("message", (_, text: string) => updates.push(text))
            await one.subscribe(updatesChannel("config", key))
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

      test("RL4 what no node of this database sealed is a gap, whatever it says and however it came by a seal", () =>
        Effect.gen(function* () {
          const { lane } = yield* both(node())
          const [ours, theirs] = [yield* sealing(1), yield* sealing(2)]
          const heard: Array<unknown> = []
          let gaps = 0
          yield* lane.listen({ revision: ({ revision }) => heard.push(revision), gap: () => gaps++ })
          const said = (revision: number) => {
            const { changes, ...position } = revisionOf(revision, [configuration("svc", revision)])
            const written = changes.map((change) => ({ ...change, revision: String(revision) }))
            return JSON.stringify({ ...position, revision: String(revision), changes: written })
          }
          const genuine = sealedJson(ours, "lane", said(1))
          const foreign = [
            "no JSON",
            '{"epoch":1}',
            "null",
            said(2),
            said(2).replace("}", ',"seal":""}'),
            sealedJson(theirs, "lane", said(2)),
            sealedJson(ours, "entry", said(2)), // taken from the cache
            genuine.replace('"revision":"1"', '"revision":"2"'),
            genuine.replace(',"seal"', ',"x":"","seal"'),
            genuine.slice(0, -1),
            "x".repeat(2_000_000),
            sealedJson(ours, "lane", said(2).replace('"why"', JSON.stringify("y".repeat(1_048_576))))
          ]
          for (const text of [...foreign, genuine]) yield* ask((one) => one.publish("herald:revisions", text))
          yield* Effect.promise(() => waitUntil("all of them", () => gaps === 1 + foreign.length && heard.length === 1))

          assert.deepStrictEqual(heard, [1n])
        }).pipe(Effect.scoped))

      /** Entries that somebody else wrote for a key, given the one that a node wrote. */
      const forged = (good: string, key: string, strange: Seal["Service"]) => {
        const { seal: _, ...entry } = JSON.parse(good)
        const with_ = (changed: object) => JSON.stringify({ ...entry, ...changed })
        return {
          "another value": with_({ value: "FORGED" }),
          "another value under the seal": good.replace("value 5", "FORGED "),
          "a later revision": with_({ value: "FORGED", revision: "9000000000000000000", version: 99 }),
          "another database's seal": sealedJson(strange, "entry", with_({ value: "FORGED", revision: "6" })),
          "another key's": good.replaceAll(key, `${key}x`),
          "no JSON": "FORGED"
        }
      }

      test("RC5 an entry that no node sealed is not handed out, and keeps nobody from writing a genuine one over it", () =>
        Effect.gen(function* () {
          const { cache } = yield* both(node())
          const key = fresh("forged")
          const id = valueKey("production", key)
          yield* cache.setIfNewer(shared(key, 5))
          const good = yield* ask<string>((one) => one.get(id))
          const another = fresh("forged")
          yield* ask((one) => one.set(valueKey("production", another), good)) // a genuine one, of another key
          assert.isUndefined(yield* cache.get("production", another))
          yield* ask((one) => one.set(valueKey("staging", key), good))
          assert.isUndefined(yield* cache.get("staging", key))
          for (const [name, text] of Object.entries(forged(good, key, yield* sealing(2)))) {
            yield* ask((one) => one.set(id, text))
            assert.isUndefined(yield* cache.get("production", key), name)
            yield* ask((one) => one.set(id, text))
            yield* cache.setIfNewer(shared(key, 5))
            assert.deepStrictEqual(yield* cache.get("production", key), shared(key, 5), name)
          }
        }).pipe(Effect.scoped))

      test("RC8 an inspection takes away what is not the head's or newer, and the version that does not go with it", () =>
        Effect.gen(function* () {
          const { cache } = yield* both(node())
          const strange = yield* sealing(2)
          const inspect = (keys: ReadonlyArray<string>, revision: number) =>
            Effect.map(
              cache.inspect!(
                "e1",
                keys.map((key) => configuration(key, revision))
              ),
              ({ gone }) => gone.map(({ key }) => key)
            )
          const [good, older, lost] = [fresh("good"), fresh("older"), fresh("lost")]
          const [newer, none] = [fresh("newer"), fresh("none")]
          yield* cache.setIfNewer(shared(good, 5))
          yield* cache.setIfNewer(shared(older, 4))
          yield* cache.setIfNewer(shared(lost, 5, "e0"))
          yield* cache.setIfNewer(shared(newer, 6))
          assert.deepStrictEqual(yield* inspect([good, older, lost, newer, none], 5), [older, lost])
          const text = yield* ask<string>((one) => one.get(valueKey("production", good)))
          for (const [name, bad] of Object.entries(forged(text, good, strange))) {
            yield* ask((one) => one.set(valueKey("production", good), bad))
            assert.deepStrictEqual(yield* inspect([good], 5), [good], name)
            assert.isNull(yield* ask((one) => one.get(versionKey("production", good))))
            yield* cache.setIfNewer(shared(good, 5))
          }
          yield* ask((one) => one.set(versionKey("production", good), "99"))
          assert.deepStrictEqual(yield* inspect([good], 5), [good])
          // More than one look brings.
          const large = Array.from({ length: 5 }, () => fresh("large"))
          for (const key of large) yield* cache.setIfNewer(shared(key, 5, "e1", { value: "x".repeat(400_000) }))
          assert.deepStrictEqual(yield* inspect(large, 5), [])
          assert.deepStrictEqual(yield* inspect(large, 6), large)
        }).pipe(Effect.scoped))

      test("RC1 RC2 RC3 RC6 RL2 RL3 a Redis that hangs costs bounded time, and is used again; no old value stays in it", () =>
        Effect.gen(function* () {
          const url = Redacted.make(redis.url)
          const { cache, lane } = yield* both(nodeOf({ url, mode, sentinelName: "mymaster", timeout: 100 }))
          const key = fresh("hung")
          let gaps = 0
          yield* lane.listen({ revision: () => {}, gap: () => gaps++ })
          yield* cache.setIfNewer(shared(key, 1))
          yield* Effect.promise(() => redis.nodes[0]!.signal("SIGSTOP"))
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
          }).pipe(Effect.ensuring(Effect.promise(() => redis.nodes[0]!.signal("SIGCONT"))))
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
