import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { failure } from "../../src/errors/HeraldError.ts"
import { ALL, lastWords, makeNodeEnd, NodeEnd } from "../../src/telemetry/LastWords.ts"

const atEnd = (cause: string, work: Effect.Effect<unknown, unknown>) =>
  Layer.effectDiscard(Effect.addFinalizer(() => lastWords(cause, work)))
const now = Effect.clockWith(({ currentTimeMillis }) => currentTimeMillis)

/** A node of these layers, each on those behind it, that is interrupted as by a signal; returns the milliseconds until it is gone. */
const ended = (...layers: ReadonlyArray<Layer.Layer<never>>) =>
  Effect.gen(function* () {
    const all = layers.map((one) => Layer.fresh(one)).reduceRight((below, one) => Layer.provideMerge(one, below))
    const node = yield* Effect.forkChild(Effect.scoped(Effect.andThen(Layer.build(all), Effect.never)))
    yield* Effect.yieldNow
    const from = yield* now
    const gone = yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(node), now))
    yield* TestClock.adjust(20 * ALL)
    return (yield* Fiber.join(gone)) - from
  }).pipe(Effect.provideService(NodeEnd, makeNodeEnd()))

describe("LastWords", () => {
  it.effect("LW1 however many hang, one after the other, all is over in time, and who comes last has time left", () =>
    Effect.gen(function* () {
      let [said, after] = [0, 0]
      const fine = atEnd(
        "fine",
        Effect.andThen(
          Effect.sleep(50),
          Effect.sync(() => said++)
        )
      )
      const hung = atEnd("hung", Effect.never)
      const last = atEnd(
        "last",
        Effect.andThen(
          Effect.sleep(50),
          Effect.sync(() => after++)
        )
      )
      assert.strictEqual(yield* ended(fine), 50)
      assert.closeTo(yield* ended(fine, hung, hung, hung, last), 50 + (7 / 8) * (ALL - 50) + 50, 1)
      assert.deepStrictEqual([said, after], [2, 1])
      assert.isAtMost(yield* ended(...Array.from({ length: 40 }, () => hung)), ALL)
      assert.strictEqual(yield* ended(Layer.mergeAll(hung, Layer.fresh(hung), fine)), ALL / 2)
    })
  )

  it.effect("LW2 what fails, or meets a defect, is in the log and holds up nothing", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        lines.push(`${logLevel} ${[message].flat()[0]}`)
      })
      const [away, bad] = [failure("DatabaseUnavailable", "away"), Effect.die("bad")]
      const took = yield* ended(atEnd("one", away), atEnd("two", bad), atEnd("three", Effect.never)).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      assert.strictEqual(took, ALL / 2)
      assert.deepStrictEqual(lines, ["Warn one", "Error two", "Warn three"])
    })
  )
})
