/** What every store of leases must do. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type Lease, Leases } from "../../src/leases/Leases.ts"

let names = 0
const fresh = () => `lease.${++names}.${process.pid}`

type Test = <E>(name: string, body: () => Effect.Effect<void, E, Leases>) => void

export const leasesContract = (test: Test) => {
  test("LE1 a lease is one run's at a time; tokens grow, and an old one keeps nothing", () =>
    Effect.gen(function* () {
      const leases = yield* Leases
      const name = fresh()
      const first = (yield* leases.claim(name, "first", 60_000))!
      assert.deepInclude(first, { name, run: "first" })
      assert.isUndefined(yield* leases.claim(name, "second", 60_000))
      assert.isTrue(yield* leases.keep(first, 60_000))
      yield* leases.release(first)
      assert.isFalse(yield* leases.keep(first, 60_000))
      const second = (yield* leases.claim(name, "second", 60_000))!
      assert.isTrue(second.token > first.token)
      assert.isFalse(yield* leases.keep(first, 60_000))
      yield* leases.release(first)
      assert.isUndefined(yield* leases.claim(name, "third", 60_000))
      const again = (yield* leases.claim(name, "second", 60_000))!
      assert.isTrue(again.token > second.token)
      assert.isFalse(yield* leases.keep(second, 60_000))
      yield* leases.release(second)
      assert.isTrue(yield* leases.keep(again, 60_000))
      assert.isDefined(yield* leases.claim(fresh(), "third", 60_000)) // another lease
    }))

  test("LE1 one that has passed can be taken, and is still its holder's until it is", () =>
    Effect.gen(function* () {
      const leases = yield* Leases
      const name = fresh()
      const short = (yield* leases.claim(name, "short", 1))!
      yield* Effect.sleep("20 millis")
      assert.isTrue(yield* leases.keep(short, 1))
      yield* Effect.sleep("20 millis")
      assert.isDefined(yield* leases.claim(name, "next", 60_000))
      assert.isFalse(yield* leases.keep(short, 60_000))
    }))

  test("LE1 of many that claim at once one gets it", () =>
    Effect.gen(function* () {
      const leases = yield* Leases
      const name = fresh()
      const claims = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => `run${i}`),
        (run) => leases.claim(name, run, 60_000),
        { concurrency: 20 }
      )
      assert.strictEqual(claims.filter((claim) => claim !== undefined).length, 1)
    }))

  test("LE2 every part of a lease counts: name, run, epoch and token", () =>
    Effect.gen(function* () {
      const leases = yield* Leases
      const name = fresh()
      const lease = (yield* leases.claim(name, "run", 60_000))!
      const others: ReadonlyArray<Partial<Lease>> = [
        { name: `${name}.other` },
        { run: "another" },
        { epoch: "of a lost history" },
        { token: lease.token + 1n },
        { token: lease.token - 1n }
      ]
      for (const other of others) {
        assert.isFalse(yield* leases.keep({ ...lease, ...other }, 60_000), JSON.stringify(Object.keys(other)))
        yield* leases.release({ ...lease, ...other })
      }
      assert.isTrue(yield* leases.keep(lease, 60_000))
    }))
}
