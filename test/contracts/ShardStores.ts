/** What every store of shards must do. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Lease } from "../../src/leases/Leases.ts"
import { ShardStore } from "../../src/placement/ShardStore.ts"

const LIFE = 60_000
let tests = 0
const fresh = () => {
  const id = `${process.pid}-${++tests}`
  return {
    run: (name: string) => ({ run: `${name}-${id}`, node: name }),
    shard: (at: number) => `shard-${id}-${at}`
  }
}
const namesOf = (leases: ReadonlyArray<Lease>) => leases.map(({ name }) => name).sort()

type Test = <E>(name: string, body: () => Effect.Effect<void, E, ShardStore>) => void

export const shardsContract = (test: Test) => {
  test("OS1 a shard is one living node's at a time, and another's when that one's life is over", () =>
    Effect.gen(function* () {
      const store = yield* ShardStore
      const { run, shard } = fresh()
      const [a, b] = [run("a"), run("b")]
      yield* store.join(a, LIFE)
      yield* store.join(b, LIFE)
      const first = yield* store.claim(a.run, [shard(1), shard(2)], LIFE)
      assert.deepStrictEqual(namesOf(first), [shard(1), shard(2)])
      assert.deepStrictEqual(namesOf(yield* store.claim(b.run, [shard(2), shard(3)], LIFE)), [shard(3)])
      assert.deepStrictEqual(
        [...(yield* store.holders([shard(1), shard(2), shard(3), shard(4)], LIFE))].sort((x, y) =>
          x.name < y.name ? -1 : 1
        ),
        [
          { name: shard(1), ...a },
          { name: shard(2), ...a },
          { name: shard(3), ...b }
        ]
      )
      // What has lived for a short time only lives no more.
      assert.strictEqual((yield* store.keep(a.run, 1)).length, 2)
      yield* Effect.sleep("20 millis")
      assert.deepStrictEqual(yield* store.holders([shard(1)], LIFE), [])
      assert.strictEqual((yield* store.keep(a.run, 1)).length, 2) // nobody took it
      yield* Effect.sleep("20 millis")
      const taken = yield* store.claim(b.run, [shard(1)], LIFE)
      assert.strictEqual(taken[0]!.name, shard(1))
      assert.isTrue(taken[0]!.token > first.find(({ name }) => name === shard(1))!.token)
      assert.deepStrictEqual(namesOf(yield* store.keep(a.run, LIFE)), [shard(2)])
      assert.deepStrictEqual(yield* store.claim(a.run, [shard(1)], LIFE), [])
    }))

  test("OS1 of many that claim at once one gets each", () =>
    Effect.gen(function* () {
      const store = yield* ShardStore
      const { run, shard } = fresh()
      const runs = Array.from({ length: 12 }, (_, at) => run(`n${at}`))
      const shards = Array.from({ length: 30 }, (_, at) => shard(at))
      yield* Effect.forEach(runs, (one) => store.join(one, LIFE))
      const all = yield* Effect.forEach(
        runs,
        (one, at) => store.claim(one.run, at % 2 === 0 ? shards : shards.toReversed(), LIFE),
        { concurrency: 12 }
      )
      assert.deepStrictEqual(namesOf(all.flat()), shards.toSorted())
    }))

  test("OS2 what was taken by another claim, also of the same run, nobody has or gives up by the old lease", () =>
    Effect.gen(function* () {
      const store = yield* ShardStore
      const { run, shard } = fresh()
      const [a, b] = [run("a"), run("b")]
      yield* store.join(a, LIFE)
      yield* store.join(b, LIFE)
      const [lease] = yield* store.claim(a.run, [shard(1)], LIFE)
      const wrong: ReadonlyArray<Partial<Lease>> = [
        { name: shard(9) },
        { epoch: "of a lost history" },
        { token: lease!.token + 1n },
        { token: lease!.token - 1n }
      ]
      for (const other of wrong) yield* store.release(a.run, [{ ...lease!, ...other }])
      yield* store.release(b.run, [lease!])
      assert.deepStrictEqual(yield* store.keep(a.run, LIFE), [lease!])
      assert.deepStrictEqual(yield* store.keep(b.run, LIFE), [])
      const [again] = yield* store.claim(a.run, [shard(1)], LIFE)
      assert.isTrue(again!.token > lease!.token)
      yield* store.release(a.run, [lease!])
      assert.deepStrictEqual(yield* store.keep(a.run, LIFE), [again!])
      yield* store.release(a.run, [again!])
      assert.deepStrictEqual(yield* store.keep(a.run, LIFE), [])
      const [next] = yield* store.claim(b.run, [shard(1)], LIFE)
      assert.isTrue(next!.token > again!.token)
    }))

  test("OS3 a node that leaves is no member and takes nothing; what it has is its until it gives it up", () =>
    Effect.gen(function* () {
      const store = yield* ShardStore
      const { run, shard } = fresh()
      const [a, b, nobody] = [run("a"), run("b"), run("nobody")]
      const members = Effect.map(store.members(LIFE), (all) => [a, b, nobody].filter((one) => all.includes(one.run)))
      assert.deepStrictEqual(yield* store.claim(nobody.run, [shard(1)], LIFE), [])
      assert.deepStrictEqual(yield* store.keep(nobody.run, LIFE), [])
      yield* store.join(a, LIFE)
      yield* store.join(b, LIFE)
      assert.deepStrictEqual(yield* members, [a, b])
      const leases = yield* store.claim(a.run, [shard(1)], LIFE)
      yield* store.leave(a.run)
      yield* store.leave(nobody.run)
      assert.deepStrictEqual(yield* members, [b])
      assert.deepStrictEqual(yield* store.claim(a.run, [shard(2)], LIFE), [])
      assert.deepStrictEqual(yield* store.keep(a.run, LIFE), leases)
      assert.deepStrictEqual(yield* members, [b])
      assert.deepStrictEqual(yield* store.claim(b.run, [shard(1)], LIFE), [])
      yield* store.release(a.run, leases)
      assert.strictEqual((yield* store.claim(b.run, [shard(1)], LIFE)).length, 1)
      yield* store.join(a, LIFE)
      assert.deepStrictEqual(yield* members, [a, b])
    }))

  test("OS4 a life that ends later than any can, as the clock was set back since, is over", () =>
    Effect.gen(function* () {
      const store = yield* ShardStore
      const { run, shard } = fresh()
      const [a, b] = [run("a"), run("b")]
      yield* store.join(a, LIFE)
      yield* store.join(b, LIFE)
      assert.strictEqual((yield* store.claim(a.run, [shard(1)], LIFE)).length, 1)
      // By who lives for a thousandth of it, it was given long after now.
      assert.isFalse((yield* store.members(LIFE / 1_000)).includes(a.run))
      assert.strictEqual((yield* store.claim(b.run, [shard(1)], LIFE / 1_000)).length, 1)
    }))
}
