import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { settings } from "../../src/distribution/Settings.ts"
import { Statistics } from "../../src/distribution/Statistics.ts"
import { StatisticsStore } from "../../src/distribution/StatisticsStore.ts"
import { Topics } from "../../src/topics/Topics.ts"

const DAY = 86_400_000
const nothing = { totals: undefined, points: [], deliveries: [] }

/** A store that answers when it is told to, and counts who reads. */
class Store {
  reading = 0
  most = 0
  answered = 0
  readonly readers: Array<string> = []
  gate = Deferred.makeUnsafe<void>()

  get layer() {
    const read = Effect.acquireUseRelease(
      Effect.map(CurrentIdentity, (identity) => {
        this.readers.push(identity?.name ?? "")
        this.most = Math.max(this.most, ++this.reading)
      }),
      () => Effect.as(Deferred.await(this.gate), nothing),
      () =>
        Effect.sync(() => {
          this.reading--
          this.answered++
        })
    )
    return Statistics.layer({ keepMillis: 7 * DAY }).pipe(
      Layer.provide(Layer.mock(StatisticsStore, { read: () => read })),
      Layer.provide(Layer.mock(Topics, { get: () => Effect.succeed({ id: 7 } as never) }))
    )
  }
}
const as = (name: string) => Effect.provideService(CurrentIdentity, { ...system, name } as Identity)

describe("Statistics", () => {
  it.effect(
    "GS6 one reads at a time; of a principal some wait, of all a bounded number, and others have their place",
    () => {
      const store = new Store()
      return Effect.gen(function* () {
        const { of } = yield* Statistics
        const ask = (name: string) =>
          Effect.forkChild(Effect.result(of("t", DAY)).pipe(as(name)), { startImmediately: true })
        const eve = yield* Effect.forEach(Array.from({ length: 12 }), () => ask("eve"))
        const ann = yield* ask("ann")
        const others = yield* Effect.forEach(
          Array.from({ length: 30 }, (_, n) => `p${n}`),
          ask
        )
        assert.strictEqual(store.reading, 1)
        yield* Deferred.succeed(store.gate, undefined)
        const outcome = Effect.map(Effect.forEach([...eve, ann, ...others], Fiber.join), (all) =>
          all.map((one) => (one._tag === "Success" ? "told" : one.failure.name))
        )
        const all = yield* outcome
        assert.deepStrictEqual(all.slice(0, 13), [...Array(8).fill("told"), ...Array(4).fill("ReadsBusy"), "told"])
        assert.lengthOf(
          all.filter((one) => one === "told"),
          32
        )
        assert.strictEqual(store.most, 1)
        assert.deepStrictEqual(store.readers.slice(0, 3), ["eve", "ann", "p0"])
        assert.deepStrictEqual((yield* of("t", DAY).pipe(as("eve"))).points, []) // places are given back
      }).pipe(Effect.provide(store.layer))
    }
  )

  it.effect(
    "GS6 who has waited for long is told to come again, and a read that takes as long holds up nobody else",
    () => {
      const store = new Store()
      return Effect.gen(function* () {
        const { of } = yield* Statistics
        const both = yield* Effect.forkChild(
          Effect.all([Effect.flip(of("t", DAY)), Effect.flip(of("t", DAY))], { concurrency: 2 }).pipe(as("ann"))
        )
        yield* TestClock.adjust("21 seconds")
        assert.deepStrictEqual(
          (yield* Fiber.join(both)).map(({ name }) => name),
          ["ReadsBusy", "ReadsBusy"]
        )
        yield* Deferred.succeed(store.gate, undefined)
        assert.deepStrictEqual((yield* of("t", DAY).pipe(as("ann"))).points, [])
        assert.strictEqual(store.reading, 0)
      }).pipe(Effect.provide(store.layer))
    }
  )

  it.effect("GS6 nobody asks for more than is kept, and what is kept is bounded", () => {
    const store = new Store()
    return Effect.gen(function* () {
      const { of } = yield* Statistics
      yield* Deferred.succeed(store.gate, undefined)
      yield* of("t", 7 * DAY)
      for (const millis of [59_999, 7 * DAY + 1, 366 * DAY]) {
        const error = yield* Effect.flip(of("t", millis))
        assert.deepInclude(error, { name: "InvalidInput", message: "since: from 1m to 7d, for which it is kept" })
      }
      assert.strictEqual(store.answered, 1)
      const { read } = settings.statistics.keepMillis.form
      assert.deepStrictEqual(["59m", "1h", "7d", "366d", "367d", "soon"].map(read), [
        undefined,
        3_600_000,
        7 * DAY,
        366 * DAY,
        undefined,
        undefined
      ])
    }).pipe(as("ann"), Effect.provide(store.layer))
  })
})
