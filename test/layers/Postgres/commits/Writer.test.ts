/** The writer over a database that loses answers, hangs and chokes when a test wants it. */

import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Database } from "../../../support/FakeDatabase.ts"
import { change, release } from "../../../support/Release.ts"
import { one, outcome, pass, start } from "./Writing.ts"

describe("Writer", () => {
  it.effect("X1 a commit whose answer was lost is asked for again, and is written once", () => {
    const database = new Database()
    database.moods = ["answer lost", "away", "answer lost"]
    return Effect.gen(function* () {
      const write = yield* start(database)
      const both = yield* Effect.forkChild(
        Effect.all([write(one("a")), write(one("b", "mine"))], { concurrency: "unbounded" })
      )
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("100 millis")
      const [a, b] = yield* Fiber.join(both)

      assert.strictEqual(database.committed.size, 2)
      assert.deepStrictEqual([a.revision.revision, b.revision.revision], [1n, 2n])
      assert.isFalse(a.replayed) // its key was made here: its publisher asked once
      assert.isTrue(b.replayed)
    })
  })

  it.effect("X1 a key that a publisher chooses never meets one that was made here, nor do two of these meet", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      for (const key of ["a", "a", "a"]) yield* write(one(key))
      const [made] = database.committed.keys()
      yield* write(one("a", made))

      assert.strictEqual(database.committed.size, 4)
    })
  })

  for (const mood of ["away", "hangs"] as const) {
    it.effect(
      `X2 while the database ${mood === "away" ? "is away" : "hangs"} a publisher waits for its deadline, not longer`,
      () => {
        const database = new Database()
        database.always = mood
        return Effect.gen(function* () {
          const write = yield* start(database)
          const began = yield* Clock.currentTimeMillis
          const asked = yield* Effect.forkChild(
            Effect.flip(write(one("a"))).pipe(
              Effect.flatMap((error) => Effect.map(Clock.currentTimeMillis, (at) => ({ error, took: at - began })))
            )
          )
          for (let i = 0; i < 100; i++) yield* TestClock.adjust("100 millis")
          const { error, took } = yield* Fiber.join(asked)
          database.always = "fine"
          const later = yield* Effect.forkChild(write(one("b")))
          for (let i = 0; i < 60; i++) yield* TestClock.adjust("100 millis")

          // X4: what was given to a connection, and never answered, may have been committed
          assert.strictEqual(error.name, mood === "away" ? "DatabaseUnavailable" : "OutcomeUnknown")
          assert.isAtLeast(took, 5_000)
          assert.isAtMost(took, 6_000)
          assert.deepStrictEqual(
            (yield* Fiber.join(later)).revision.changes.map(({ key }) => key),
            ["b"]
          )
        })
      }
    )
  }

  it.effect("X3 of releases that are written together one that the database can't take fails alone", () => {
    const database = new Database()
    database.moods = ["hangs"]
    return Effect.gen(function* () {
      const write = yield* start(database)
      const first = yield* Effect.forkChild(Effect.exit(write(one("first")))) // keeps the others waiting
      yield* TestClock.adjust("4900 millis")
      const keys = ["a", "b", "poison", "c"]
      const all = yield* Effect.forkChild(
        Effect.forEach(keys, (key) => Effect.result(write(one(key))), { concurrency: "unbounded" })
      )
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("100 millis")
      yield* Fiber.join(first)
      const outcomes = (yield* Fiber.join(all)).map((result) =>
        result._tag === "Success" ? "written" : result.failure.name
      )

      assert.isAbove(Math.max(...database.batches), 1)
      assert.deepStrictEqual(outcomes, ["written", "written", "Internal", "written"])
    })
  })

  it.effect(
    "X2 while another session has the lock, all are told in time that they failed, and none is committed later",
    () => {
      const database = new Database()
      database.heldUntil = 20_000
      return Effect.gen(function* () {
        const write = yield* start(database)
        const all = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 120 }, (_, i) => i),
            (i) => Effect.delay(outcome(write(one(`k${i}`))), `${i * 10} millis`),
            { concurrency: "unbounded" }
          )
        )
        yield* pass(7_500)
        const outcomes = yield* Fiber.join(all)
        yield* pass(20_000)
        const later = yield* Effect.forkChild(outcome(write(one("new"))))
        yield* pass(500)

        assert.strictEqual((yield* Fiber.join(later)).name, "committed")
        assert.deepStrictEqual(database.keys, ["new"])
        for (const { name, message, took } of outcomes) {
          assert.strictEqual(name, "Timeout")
          assert.match(message, /Nothing was written, and nothing of it ever will be/)
          assert.isAtMost(took, 6_000)
        }
      })
    }
  )

  it.effect("X2 of those that wait together each has its own deadline: the later one is still committed", () => {
    const database = new Database()
    database.heldUntil = 6_000
    return Effect.gen(function* () {
      const write = yield* start(database)
      const early = yield* Effect.forkChild(outcome(write(one("early"))))
      yield* pass(3_000)
      const late = yield* Effect.forkChild(outcome(write(one("late"))))
      yield* pass(4_000)

      assert.strictEqual((yield* Fiber.join(early)).name, "Timeout")
      assert.strictEqual((yield* Fiber.join(late)).name, "committed")
      assert.deepStrictEqual(database.keys, ["late"])
    })
  })

  it.effect(
    "X2 X4 a release that reaches the database after its deadline is refused there; its publisher was not told that it failed",
    () => {
      const database = new Database()
      return Effect.gen(function* () {
        const write = yield* start(database)
        yield* write(one("first")) // its clock is known now
        database.transit = 8_000
        const slow = yield* Effect.forkChild(outcome(write(one("slow", "mine"))))
        yield* pass(12_000)

        const { name, took } = yield* Fiber.join(slow)
        assert.deepStrictEqual([name, took], ["OutcomeUnknown", 6_000])
        assert.strictEqual(database.asked.length, 2)
        assert.deepStrictEqual(database.keys, ["first"])
      })
    }
  )

  it.effect("X11 who comes while a call is under way goes with the next, however many they are", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      yield* write(one("first"))
      database.batches.splice(0)
      database.transit = 5
      const all = yield* Effect.forkChild(
        Effect.forEach(["a", "b", "c", "d"], (key, n) => Effect.delay(write(one(key)), n), { concurrency: "unbounded" })
      )
      for (let n = 0; n < 20; n++) yield* TestClock.adjust("1 millis")
      yield* Fiber.join(all)
      assert.deepStrictEqual(database.batches, [1, 3])
    })
  })

  it.effect("X11 a call without an answer holds up nobody who comes later", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      yield* write(one("first"))
      database.moods = ["hangs"]
      yield* Effect.forkChild(outcome(write(one("hangs"))))
      const later = yield* Effect.forkChild(outcome(Effect.delay(write(one("later")), "1 millis")))
      for (let n = 0; n < 30; n++) yield* TestClock.adjust("1 millis")
      const { name, took } = yield* Fiber.join(later)
      assert.strictEqual(name, "committed")
      assert.isAtMost(took, 20)
    })
  })

  it.effect("X10 X2 what the short way did not take is not sent again after its deadline", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      yield* write(one("first"))
      database.transit = 8_000
      const slow = yield* Effect.forkChild(outcome(write(one("slow"))))
      yield* pass(20_000)

      const { name, took } = yield* Fiber.join(slow)
      assert.deepStrictEqual([name, took], ["OutcomeUnknown", 6_000])
      assert.deepStrictEqual(database.short, [false, true, true, false]) // the last asks what became of it: its answer was lost
      assert.isNotNull(database.terms.at(-1)!.since)
      assert.deepStrictEqual(database.keys, ["first"])
    })
  })

  it.effect("X10 what only gives values to configurations, each once, goes the short way; all else does not", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      yield* write(one("first"))
      database.short.splice(0)
      const together = (...releases: ReadonlyArray<ReturnType<typeof one>>) =>
        Effect.all(releases.map(write), { concurrency: "unbounded" })
      const short = Effect.map(
        Effect.sync(() => database.short.splice(0)),
        ([way]) => way
      )

      yield* together(one("a"), one("b"))
      assert.isTrue(yield* short)
      yield* together(one("a"), one("a"))
      assert.isFalse(yield* short)
      yield* together(one("a"), one("b", "mine"))
      assert.isFalse(yield* short)
      yield* write(release([{ ...change("a", "v"), value: null }], {}))
      assert.isFalse(yield* short)
      yield* write(release([change("a", "v")], { basis: { values: [], templates: [] } }))
      assert.isFalse(yield* short)
      yield* write(release([change("a", "v"), change("b", "v")], {}))
      assert.isFalse(yield* short)
    })
  })

  it.effect("X3 X4 an answer that can't be read is of one release; the others of its call have theirs", () => {
    const database = new Database()
    return Effect.gen(function* () {
      const write = yield* start(database)
      const all = yield* Effect.forkChild(
        Effect.forEach(["unreadable", "a", "b"], (key) => outcome(write(one(key))), { concurrency: "unbounded" })
      )
      yield* pass(6_000)
      const outcomes = yield* Fiber.join(all)
      const later = yield* Effect.forkChild(outcome(write(one("c"))))
      yield* pass(500)

      assert.deepStrictEqual(
        outcomes.map(({ name }) => name),
        ["OutcomeUnknown", "committed", "committed"]
      )
      assert.isTrue(outcomes.every(({ took }) => took < 1_000))
      assert.strictEqual((yield* Fiber.join(later)).name, "committed")
    })
  })

  it.effect("X9 one call holds some 8 MiB of releases, however many wait", () => {
    const database = new Database()
    database.transit = 200
    return Effect.gen(function* () {
      const write = yield* start(database)
      const large = { ...one("large"), message: "x".repeat(4_500_000) }
      const all = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 8 }, () => write(large)),
          { concurrency: "unbounded" }
        )
      )
      yield* pass(3_000)
      yield* Fiber.join(all)

      assert.strictEqual(
        database.batches.reduce((sum, size) => sum + size, 0),
        8
      )
      assert.isAtMost(Math.max(...database.batches), 2)
    })
  })
})
