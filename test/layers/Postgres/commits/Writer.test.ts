/** The writer over a database that loses answers, hangs and chokes when a test wants it. */

import { assert, describe, it } from "@effect/vitest"
import { Clock, type Duration, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { makeWriter } from "../../../../layers/Postgres/commits/Writer.ts"
import type { HeraldError } from "../../../../src/errors/HeraldError.ts"
import { Database } from "../../../support/FakeDatabase.ts"
import { change, release } from "../../../support/Release.ts"
import { kinds } from "../../../support/Twins.ts"

/** One after the other, so that what is due in between happens. */
const pass = (millis: number) =>
  Effect.forEach(Array.from({ length: millis / 50 }), () => TestClock.adjust("50 millis"), { discard: true })

const start = (database: Database, deadline: Duration.Input = "5 seconds") =>
  makeWriter({ deadline, committed: () => undefined }).pipe(
    Effect.provideService(SqlClient.SqlClient, database.sql),
    Effect.provide(kinds)
  )
const one = (key: string, idempotency?: string) =>
  release([change(key, "v")], idempotency === undefined ? {} : { idempotency: { key: idempotency, digest: "d" } })

/** How it ended, and after how many milliseconds. */
const outcome = <A>(write: Effect.Effect<A, HeraldError>) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const result = yield* Effect.result(write)
    const took = (yield* Clock.currentTimeMillis) - began
    return result._tag === "Success"
      ? { name: "committed", message: "", took }
      : { name: result.failure.name as string, message: result.failure.message, took }
  })

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
        const slow = yield* Effect.forkChild(outcome(write(one("slow"))))
        yield* pass(12_000)

        const { name, took } = yield* Fiber.join(slow)
        assert.deepStrictEqual([name, took], ["OutcomeUnknown", 6_000])
        assert.strictEqual(database.asked.length, 2)
        assert.deepStrictEqual(database.keys, ["first"])
      })
    }
  )

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
