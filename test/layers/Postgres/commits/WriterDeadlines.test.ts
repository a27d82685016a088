/** What a publisher is told whose deadline passes, and what of it may still be written. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Database } from "../../../support/FakeDatabase.ts"
import { one, outcome, pass, start } from "./Writing.ts"

describe("deadlines of the writer", () => {
  it.effect("X4 who gives up while its statement is under way is not told that nothing was written", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database, "2 seconds")
      yield* write(one("first"))
      database.afterwards = 4_500 // a standby that is slow to confirm; a statement is given up after 5 s
      const slow = yield* Effect.forkChild(outcome(write(one("slow"))))
      yield* pass(6_000)

      const { name, took } = yield* Fiber.join(slow)
      assert.deepStrictEqual([name, took], ["OutcomeUnknown", 3_000])
      assert.deepStrictEqual(database.keys, ["first", "slow"])
    })
  })

  it.effect("X2 nothing is sent after its deadline, however often it is tried again", () => {
    const database = new Database()
    database.moods = Array.from({ length: 60 }, () => "away" as const)
    return Effect.gen(function* () {
      const write = yield* start(database)
      const asked = yield* Effect.forkChild(outcome(write(one("a"))))
      yield* pass(8_000)

      const { name, message } = yield* Fiber.join(asked)
      assert.strictEqual(name, "DatabaseUnavailable")
      assert.match(message, /Nothing was written/)
      assert.deepStrictEqual([database.asked, database.keys], [[], []])
    })
  })

  it.effect("W6 a call waits for the lock 250 ms at least, however hurried its releases are, and 4 s at most", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      yield* write(one("first"))
      const until = (yield* Clock.Clock).monotonicTimeNanosUnsafe() + 40_000_000n
      const hurried = yield* Effect.forkChild(outcome(write({ ...one("hurried"), until })))
      yield* pass(40)
      yield* Fiber.join(hurried)

      assert.deepStrictEqual([database.terms[0]?.wait, database.terms.at(-1)?.wait], [4_000, 250])
    })
  })

  it.effect(
    "W6 X2 nothing is sent, and the database commits nothing, after the time that a release gives itself",
    () => {
      const database = new Database()
      return Effect.gen(function* () {
        const write = yield* start(database)
        yield* write(one("first"))
        const until = (yield* Clock.Clock).monotonicTimeNanosUnsafe() + 2_000_000_000n
        database.moods = Array.from({ length: 25 }, () => "away" as const)
        const asked = yield* Effect.forkChild(outcome(write({ ...one("a"), until })))
        yield* pass(3_000)
        const { name, message, took } = yield* Fiber.join(asked)

        assert.strictEqual(name, "DatabaseUnavailable")
        assert.match(message, /Nothing was written/)
        assert.isAtMost(took, 2_100)
        assert.deepStrictEqual(database.keys, ["first"])
      })
    }
  )

  it.effect(
    "X4 an answer that was lost at the last moment is asked for after the deadline, and what is not there never will be",
    () => {
      const database = new Database()
      return Effect.gen(function* () {
        const write = yield* start(database)
        yield* write(one("first"))
        database.heldUntil = (yield* Clock.currentTimeMillis) + 4_900
        database.moods = ["fine", "answer lost", "away", "away"] // the first of them ends with the wait for the lock
        const written = yield* Effect.forkChild(outcome(write(one("written"))))
        yield* pass(6_000)

        const { name, took } = yield* Fiber.join(written)
        assert.strictEqual(name, "committed")
        assert.isAbove(took, 5_000)
        assert.deepStrictEqual(database.keys, ["first", "written"])
        assert.isNull(database.terms[1]!.since)
        assert.deepStrictEqual(database.terms.at(-1)!.since, { epoch: "e", revision: "1" })
      })
    }
  )

  it.effect(
    "X4 when the database does not come back in time, the outcome is unknown and nothing else is claimed",
    () => {
      const database = new Database()
      database.moods = ["fine", "answer lost"]
      return Effect.gen(function* () {
        const write = yield* start(database)
        yield* pass(100)
        database.always = "away"
        database.moods = ["answer lost", "answer lost"]
        const asked = yield* Effect.forkChild(outcome(write(one("a"))))
        yield* pass(8_000)

        assert.strictEqual((yield* Fiber.join(asked)).name, "OutcomeUnknown")
      })
    }
  )

  it.effect("X4 nor is the outcome known when the database fails at what it may have committed", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      yield* write(one("first"))
      database.moods = ["answer lost", "chokes", "chokes"]
      const lost = yield* Effect.forkChild(outcome(write(one("lost"))))
      yield* pass(500)
      const never = yield* Effect.forkChild(outcome(write(one("never"))))
      yield* pass(500)

      assert.strictEqual((yield* Fiber.join(lost)).name, "OutcomeUnknown")
      assert.strictEqual((yield* Fiber.join(never)).name, "Internal")
      assert.deepStrictEqual(database.keys, ["first", "lost"])
    })
  })

  it.effect("DC3 X2 a commit that waited long for its standby does not make the next one late", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      yield* write(one("first"))
      database.afterwards = 4_500
      const slow = yield* Effect.forkChild(outcome(write(one("slow"))))
      yield* pass(4_600)
      database.afterwards = 0
      database.heldUntil = (yield* Clock.currentTimeMillis) + 1_000
      const next = yield* Effect.forkChild(outcome(write(one("next"))))
      yield* pass(1_500)

      assert.deepStrictEqual(
        [(yield* Fiber.join(slow)).name, (yield* Fiber.join(next)).name],
        ["committed", "committed"]
      )
      assert.deepStrictEqual(database.keys, ["first", "slow", "next"])
    })
  })

  it.effect("X5 what a publisher that left had in the queue is not sent", () => {
    const database = new Database()
    database.heldUntil = 4_000
    return Effect.gen(function* () {
      const write = yield* start(database)
      const [, , third] = yield* Effect.forEach(["a", "b", "c"], (key) =>
        Effect.tap(Effect.forkChild(Effect.result(write(one(key)))), () => TestClock.adjust("10 millis"))
      )
      yield* Fiber.interrupt(third!)
      yield* pass(6_000)

      assert.deepStrictEqual([...database.keys].sort(), ["a", "b"])
    })
  })

  it.effect(
    "DC2 on another server, and after a restart of the first, its clock is asked for before anything is written",
    () => {
      const database = new Database()
      return Effect.gen(function* () {
        const write = yield* start(database)
        yield* write(one("a"))
        assert.deepStrictEqual(
          database.terms.map(({ clock }) => clock),
          ["", "one"]
        )
        database.server = "two"
        database.ahead = -3_600_000
        yield* write(one("b"))
        yield* write(one("c"))
        yield* pass(61_000)
        yield* write(one("d"))

        assert.deepStrictEqual(
          database.terms.map(({ clock }) => clock),
          ["", "one", "one", "two", "two", "", "two"]
        )
        assert.deepStrictEqual(database.keys, ["a", "b", "c", "d"])
      })
    }
  )
})
