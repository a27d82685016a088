/** Many clients at once, each of which takes the thread for a while. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cache } from "../../src/configuration/Cache.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

/** Connected clients of which each takes the thread for a millisecond with every update. */
const slowOnes = Effect.fnUntraced(function* (count: number) {
  const sessions = yield* Sessions
  const sinks = Array.from({ length: count }, () => new FakeSink())
  for (const [i, sink] of sinks.entries()) {
    yield* sessions.open(subscription({ instance: `i${i}` }), sink)
    const { write } = sink
    sink.write = (update) => {
      for (const until = performance.now() + 1; performance.now() < until; );
      return write(update)
    }
  }
  return sinks
})
describe("sessions take turns", () => {
  it.effect("S1 who waited for its turn to be sent a value is sent what is the newest by then", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      const run = Effect.runForkWith(yield* Effect.context<Effect.Services<ReturnType<typeof publish>>>())
      yield* publish({ value: "1" })
      yield* Effect.map(Cache, ({ clear }) => clear())
      faults.values.closeUnsafe()
      const sinks = Array.from({ length: 40 }, () => new FakeSink())
      for (const [i, sink] of sinks.entries()) {
        yield* sessions.open(subscription({ instance: `i${i}` }), sink)
        const { write } = sink
        sink.write = (update) => {
          if (sinks.every(({ got }) => got.length === 0)) run(publish({ value: "2" }))
          for (const until = performance.now() + 1; performance.now() < until; );
          return write(update)
        }
      }
      yield* settle
      const sent = new Promise<void>((resolve) => {
        const look = () => {
          if (sinks.every(({ contents }) => contents.at(-1) === "2")) resolve()
          else setImmediate(look)
        }
        setImmediate(look)
      })
      faults.values.openUnsafe()
      yield* Effect.promise(() => sent)

      assert.deepStrictEqual(sinks[0]?.contents, ["1", "2"])
      assert.deepStrictEqual(sinks.at(-1)?.contents, ["2"])
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("RO1 clients that waited for the same value are sent it a few milliseconds' worth at a time", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      yield* publish({ value: "1" })
      yield* Effect.map(Cache, ({ clear }) => clear())
      faults.values.closeUnsafe()
      const sinks = yield* slowOnes(40)
      yield* settle
      const before = sinks.flatMap(({ contents }) => contents)
      let turns = 0
      const sent = new Promise<void>((resolve) => {
        const count = () => {
          turns++
          if (sinks.every(({ contents }) => contents.length > 0)) resolve()
          else setImmediate(count)
        }
        setImmediate(count)
      })
      faults.values.openUnsafe()
      yield* Effect.promise(() => sent)

      assert.deepStrictEqual(before, [])
      assert.isAtLeast(turns, 5)
      assert.deepStrictEqual([...new Set(sinks.flatMap(({ contents }) => contents))], ["1"])
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("RO1 thousands are told to leave a few milliseconds' worth at a time", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sinks = yield* slowOnes(40)
      yield* settle
      let turns = 0
      const count = () => {
        turns++
        if (sinks.at(-1)!.got.at(-1)?.kind !== "drain") setImmediate(count)
      }
      setImmediate(count)
      yield* sessions.drain

      assert.isAtLeast(turns, 4)
      assert.isTrue(sinks.every(({ got }) => got.at(-1)?.kind === "drain"))
    }).pipe(Effect.provide(sessionsWith({})))
  )
})
