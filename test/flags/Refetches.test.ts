import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { FlagStreams } from "../../src/flags/FlagStreams.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { type Refetch, Refetches } from "../../src/flags/Refetches.ts"
import type { Position } from "../../src/propagation/Position.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { below, propagation } from "../support/Twins.ts"

const access = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })
const layer = Layer.suspend(() =>
  Layer.merge(Flags.layer, Refetches.layer.pipe(Layer.provideMerge(FlagStreams.layer({ streams: 1_000 })))).pipe(
    Layer.provide(access),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(below(Memory.layer))
  )
)
const as = Effect.provideService(CurrentIdentity, system)
const publish = (key: string, environment = "production") =>
  Effect.flatMap(Flags, (flags) => flags.publish({ environment, key, definition: '{"enabled":true}' }, { message: "" }))
const position = Effect.map(Propagation, (it) => it.position())

/** What a reader was told, and when, in milliseconds of the test's clock. */
const follow = Effect.fnUntraced(function* (last?: Position, environment = "production") {
  const told: Array<readonly [Refetch["_tag"], at: number]> = []
  const { open } = yield* Refetches
  const stream = yield* open(environment, last)
  const fiber = yield* Effect.forkScoped(
    Stream.runForEach(stream, ({ _tag }) =>
      Effect.clockWith((clock) => Effect.sync(() => void told.push([_tag, clock.currentTimeMillisUnsafe()])))
    )
  )
  yield* settle
  return { told, fiber, changed: () => told.filter(([tag]) => tag === "Changed").length }
})
/** Lets everything go on that waits for no time. */
const settle = Effect.gen(function* () {
  for (let n = 0; n < 50; n++) yield* Effect.yieldNow
})
const later = (millis: number) => Effect.andThen(TestClock.adjust(millis), settle)

describe("Refetches", () => {
  it.effect("RG1 a reader is told of changes of its environment since it came", () =>
    Effect.gen(function* () {
      yield* later(600_001)
      const reader = yield* follow()
      const staging = yield* follow(undefined, "staging")
      assert.deepStrictEqual(
        reader.told.map(([tag]) => tag),
        ["Open"]
      )
      yield* publish("a")
      yield* later(2_000)
      assert.strictEqual(reader.changed(), 1)
      yield* publish("a")
      yield* publish("b")
      yield* later(2_000)
      assert.isAtLeast(reader.changed(), 2)
      assert.strictEqual(staging.changed(), 0)
    }).pipe(Effect.scoped, as, Effect.provide(layer))
  )

  it.effect("RG1 since the position that it says, also of another history, and not before", () =>
    Effect.gen(function* () {
      yield* publish("a")
      yield* settle
      const before = yield* position
      yield* publish("a")
      yield* settle
      const now = yield* position
      yield* later(600_001)
      const readers = {
        behind: yield* follow(before),
        current: yield* follow(now),
        strange: yield* follow({ epoch: "another", revision: 1_000n })
      }
      yield* later(2_000)
      assert.deepStrictEqual(
        Object.values(readers).map(({ changed }) => changed()),
        [1, 0, 1]
      )
      // Until it is told, it goes on from where it was.
      assert.strictEqual(readers.behind.told[0]![0], "Alive")
    }).pipe(Effect.scoped, as, Effect.provide(layer))
  )

  it.effect("RG1 or, where it says none, in the ten minutes before it came", () =>
    Effect.gen(function* () {
      yield* later(700_000)
      yield* publish("a")
      yield* settle
      yield* later(590_000)
      const soon = yield* follow()
      yield* later(5_000)
      assert.strictEqual(soon.changed(), 1)
      yield* later(10_000)
      const late = yield* follow()
      yield* later(5_000)
      assert.strictEqual(late.changed(), 0)
    }).pipe(Effect.scoped, as, Effect.provide(layer))
  )

  it.effect("RG2 500 readers are told over half a second, one at once", () =>
    Effect.gen(function* () {
      yield* later(600_001)
      const first = yield* follow()
      const began = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* publish("a")
      yield* settle
      yield* later(1)
      assert.strictEqual(first.changed(), 1)
      const readers = yield* Effect.all(Array.from({ length: 499 }, () => follow(undefined, "staging")))
      yield* publish("a", "staging")
      for (let n = 0; n < 51; n++) yield* later(10)
      const times = readers.map(({ told }) => told.find(([tag]) => tag === "Changed")![1] - began)
      assert.isBelow(Math.max(...times), 520)
      for (let from = 0; from < 500; from += 100)
        assert.isAtLeast(times.filter((time) => time > from && time <= from + 100).length, 40)
    }).pipe(Effect.scoped, as, Effect.provide(layer))
  )

  it.effect("RG3 who was told of a position waits for it, and no longer than 5 s", () =>
    Effect.gen(function* () {
      const { reached } = yield* Refetches
      yield* publish("a")
      const { epoch, revision } = yield* position
      yield* reached({ epoch, revision })
      const waiting = yield* Effect.forkChild(reached({ epoch, revision: revision + 1n }))
      const never = yield* Effect.forkChild(Effect.flip(reached({ epoch, revision: revision + 5n })))
      yield* settle
      assert.isUndefined(waiting.pollUnsafe())
      yield* publish("b")
      yield* Fiber.join(waiting)
      yield* later(4_999)
      assert.isUndefined(never.pollUnsafe())
      yield* later(1)
      const error = yield* Fiber.join(never)
      assert.deepStrictEqual([error.name, error.details?.["retryAfterMillis"]], ["FlagsBehind", 1_000])
    }).pipe(Effect.scoped, as, Effect.provide(layer))
  )

  it.effect("RG3 a position of a history that is over is waited for by nobody", () =>
    Effect.gen(function* () {
      const { reached } = yield* Refetches
      yield* publish("a")
      yield* reached({ epoch: "gone", revision: 9n })
    }).pipe(Effect.scoped, as, Effect.provide(layer))
  )

  it.effect("RG4 a sign of life every 20 s, and a reader that takes nothing is told once of all that came", () =>
    Effect.gen(function* () {
      yield* later(600_001)
      const reader = yield* follow()
      yield* later(20_000)
      yield* later(20_000)
      assert.deepStrictEqual(
        reader.told.map(([tag]) => tag),
        ["Open", "Alive", "Alive"]
      )
      const { open } = yield* Refetches
      const pull = yield* Stream.toPull(yield* open("production", yield* position))
      yield* pull
      for (const key of ["a", "b", "c"]) yield* publish(key)
      yield* settle
      const first = yield* Effect.forkChild(pull)
      yield* later(2_000)
      assert.deepStrictEqual(
        (yield* Fiber.join(first)).map(({ _tag }) => _tag),
        ["Changed"]
      )
      const second = yield* Effect.forkChild(pull)
      yield* later(20_000)
      assert.deepStrictEqual(
        (yield* Fiber.join(second)).map(({ _tag }) => _tag),
        ["Alive"]
      )
    }).pipe(Effect.scoped, as, Effect.provide(layer))
  )
})
