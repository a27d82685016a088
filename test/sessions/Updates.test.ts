import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Updates } from "../../src/sessions/Updates.ts"
import { Faults } from "../propagation/Harness.ts"
import { layerWith, publish, subscription } from "./Harness.ts"

const { client } = subscription()
const build = (key: string) => Effect.flatMap(Updates, (updates) => updates.build(client, key, ""))

describe("Updates", () => {
  it.effect("U3 recent updates are kept within the budget; what was forgotten is built again, equal", () =>
    Effect.gen(function* () {
      // 32 Mi characters are kept: 40 values of 1 Mi push out the first, not the last.
      const value = (i: number) => String(i).padEnd(1_048_576, "x")
      const key = (i: number) => `svc.k${i}`
      const first = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, i) => i),
        (i) => Effect.andThen(publish({ key: key(i), value: value(i) }), build(key(i)))
      )
      const newest = yield* build(key(39))
      const oldest = yield* build(key(0))
      const again = yield* build(key(0))

      assert.strictEqual(newest, first[39])
      assert.notStrictEqual(oldest, first[0])
      assert.deepStrictEqual(oldest, first[0])
      assert.strictEqual(again, oldest)
    }).pipe(Effect.provide(layerWith({})))
  )

  it.effect("U3 older revisions of a key take no room from others", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.kept", value: "kept" })
      const kept = yield* build("svc.kept")
      for (let version = 0; version < 40; version++) {
        yield* publish({ key: "svc.busy", value: String(version).padEnd(1_048_576, "x") })
        yield* build("svc.busy")
      }

      assert.strictEqual(yield* build("svc.kept"), kept)
    }).pipe(Effect.provide(layerWith({})))
  )

  it.effect("U1 what is shared is never of another epoch, though key and revision are the same", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      yield* publish({ value: "kept" })
      yield* publish({ value: "lost" })
      const lost = yield* build("svc")
      faults.restore(1)
      yield* TestClock.adjust("1 second")
      yield* publish({ value: "after" })
      const after = yield* build("svc")

      assert.strictEqual(lost?.revision, after?.revision)
      assert.deepInclude(lost, { content: "lost" })
      assert.deepInclude(after, { content: "after", epoch: "restored" })
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
  })
})
