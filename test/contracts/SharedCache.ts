/** What every shared cache and every lane of hints must do. Run by SharedMemory.test.ts and Redis.test.ts. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { SharedCache } from "../../src/configuration/SharedCache.ts"
import { HintLanes } from "../../src/propagation/HintLanes.ts"
import type { Revision } from "../../src/propagation/Revision.ts"
import { configuration as configurationOf, revisionOf, shared as sharedOf } from "../support/Configuration.ts"
import { waitUntil } from "../support/waitUntil.ts"

/** With everything that has to come back as it was. */
const rich = (revision: number): Partial<Configuration> => ({
  value: `value ${revision} "ü" {{x}}`,
  schema: { type: "string", pattern: "^v" },
  strict: true,
  template: true,
  changeLog: "why"
})
export const configuration = (key: string, revision: number, changed: Partial<Configuration> = {}) =>
  configurationOf(key, revision, { ...rich(revision), ...changed })
export const shared = (key: string, revision: number, epoch = "e1", changed: Partial<Configuration> = {}) =>
  sharedOf(key, revision, { ...rich(revision), ...changed }, epoch)

let names = 0
export const fresh = (name: string) => `${name}.${++names}.${process.pid}`

type Test = (name: string, body: () => Effect.Effect<void>) => void
/** A layer a node: nodes of one test share what is behind it. */
type Node = () => Layer.Layer<never>

const cacheOf = (node: Node) =>
  Effect.map(Layer.build(Layer.fresh(node())), (context) => Context.get(context, SharedCache))
const laneOf = (node: Node) =>
  Effect.map(Layer.build(Layer.fresh(node())), (context) => Context.get(context, HintLanes).at(-1)!)

export const sharedCacheContract = (test: Test, node: Node) => {
  test("RC4 what one node set another gets, whole", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* cacheOf(node), yield* cacheOf(node)]
      const key = fresh("whole")
      assert.isUndefined(yield* b.get("production", key))
      yield* a.setIfNewer(shared(key, 7))

      assert.deepStrictEqual(yield* b.get("production", key), shared(key, 7))
      assert.isUndefined(yield* b.get("staging", key))
    }).pipe(Effect.scoped))

  test("RC4 a lower revision never replaces a higher one, in whatever order and beyond 2^53", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* cacheOf(node), yield* cacheOf(node)]
      const key = fresh("order")
      const revisions = Array.from({ length: 40 }, (_, i) => i + 1).sort(() => Math.random() - 0.5)
      yield* Effect.forEach(revisions, (n) => (n % 2 === 0 ? a : b).setIfNewer(shared(key, n)), { concurrency: 8 })
      assert.deepStrictEqual(yield* a.get("production", key), shared(key, 40))
      for (const n of [9n, 10n, 9_007_199_254_740_993n, 9_007_199_254_740_992n])
        yield* a.setIfNewer(shared(key, 41, "e2", { revision: n }))

      assert.strictEqual((yield* b.get("production", key))?.configuration.revision, 9_007_199_254_740_993n)
    }).pipe(Effect.scoped))

  test("RC4 another epoch's value is replaced, even by a lower revision", () =>
    Effect.gen(function* () {
      const cache = yield* cacheOf(node)
      const key = fresh("epoch")
      yield* cache.setIfNewer(shared(key, 9))
      yield* cache.setIfNewer(shared(key, 2, "e2"))

      assert.deepStrictEqual(yield* cache.get("production", key), shared(key, 2, "e2"))
    }).pipe(Effect.scoped))

  test("RC6 an older value of a key that changed elsewhere is taken away, a newer one is not", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* cacheOf(node), yield* cacheOf(node)]
      const keys = Array.from({ length: 250 }, () => fresh("outdated"))
      for (const key of keys) yield* a.setIfNewer(shared(key, 2))
      const head = (revision: number) => (key: string) => ({
        environment: "production",
        key,
        revision: BigInt(revision)
      })
      b.outdate("e1", [...keys.slice(0, 240).map(head(10)), ...keys.slice(240).map(head(2))])
      const held = () => Effect.forEach(keys, (key) => b.get("production", key))
      yield* Effect.promise(() =>
        waitUntil("the older ones to be gone", async () =>
          (await Effect.runPromise(held())).slice(0, 240).every((one) => one === undefined)
        )
      )

      assert.deepStrictEqual(
        (yield* held()).slice(240),
        keys.slice(240).map((key) => shared(key, 2))
      )
    }).pipe(Effect.scoped))

  test("RC6 a deleted key is known as deleted", () =>
    Effect.gen(function* () {
      const cache = yield* cacheOf(node)
      const key = fresh("deleted")
      const gone = shared(key, 2, "e1", { deleted: true, value: "" })
      yield* cache.setIfNewer(shared(key, 1))
      yield* cache.setIfNewer(gone)
      yield* cache.setIfNewer(shared(key, 1))

      assert.deepStrictEqual(yield* cache.get("production", key), gone)
    }).pipe(Effect.scoped))
}

export const hintLaneContract = (test: Test, node: Node) => {
  test("RL1 RL2 every node hears each revision whole, after a gap at its start", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* laneOf(node), yield* laneOf(node)]
      const heard: Array<Revision> = []
      let gaps = 0
      yield* b.listen({ revision: (one) => heard.push(one), gap: () => gaps++ })
      assert.strictEqual(gaps, 1)
      const key = fresh("lane")
      const told = [
        revisionOf(1, [configuration(key, 1), configuration(`${key}.other`, 1)]),
        revisionOf(2, [configuration(key, 2, { deleted: true, value: "" })])
      ]
      for (const one of told) yield* a.tell(one)
      yield* Effect.promise(() => waitUntil("both", () => heard.length >= 2))

      // A lane promises no order: in a Redis Cluster each message goes through any master.
      assert.deepStrictEqual(
        heard.toSorted((one, other) => Number(one.revision - other.revision)),
        told
      )
    }).pipe(Effect.scoped))

  test("RL2 nothing is heard after the listener's scope", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* laneOf(node), yield* laneOf(node)]
      const early: Array<Revision> = []
      const late: Array<Revision> = []
      yield* Effect.scoped(b.listen({ revision: (one) => early.push(one), gap: () => {} }))
      yield* b.listen({ revision: (one) => late.push(one), gap: () => {} })
      yield* a.tell(revisionOf(1, []))
      yield* Effect.promise(() => waitUntil("the second listener", () => late.length === 1))

      assert.deepStrictEqual(early, [])
    }).pipe(Effect.scoped))
}
