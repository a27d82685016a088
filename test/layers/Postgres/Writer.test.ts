/** The writer over a database that loses answers, hangs and chokes when a test wants it. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { ConnectionError, SqlError, UnknownError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { makeWriter } from "../../../layers/Postgres/Writer.ts"
import { change, release } from "../../contracts/Stores.ts"

type Mood = "fine" | "answer lost" | "away" | "hangs"
interface Sent {
  readonly commitId: string
  readonly changes: ReadonlyArray<{ readonly key: string }>
}

const gone = new SqlError({ reason: new ConnectionError({ cause: new Error("reset by peer"), message: "reset" }) })
const choked = new SqlError({ reason: new UnknownError({ cause: new Error("out of range"), message: "choked" }) })

/** What `herald_commit` promises: an idempotency key is committed once, and answered again. A key named `poison` is an error. */
class Database {
  readonly committed = new Map<string, ReadonlyArray<{ readonly key: string }>>()
  readonly batches: Array<number> = []
  /** The moods of the next calls; then it is fine. */
  moods: Array<Mood> = []
  always: Mood = "fine"

  readonly sql = ((_: TemplateStringsArray, json: string) =>
    Effect.suspend((): Effect.Effect<unknown, SqlError> => {
      const mood = this.moods.shift() ?? this.always
      if (mood === "away") return Effect.fail(gone)
      if (mood === "hangs") return Effect.never
      const batch = JSON.parse(json) as ReadonlyArray<Sent>
      this.batches.push(batch.length)
      if (batch.some(({ changes }) => changes[0]?.key === "poison")) return Effect.fail(choked)
      const answers = batch.map((sent) => this.#commit(sent))
      return mood === "answer lost" ? Effect.fail(gone) : Effect.succeed([{ answers }])
    })) as unknown as SqlClient.SqlClient

  #commit({ commitId, changes }: Sent) {
    const replayed = this.committed.has(commitId)
    if (!replayed) this.committed.set(commitId, changes)
    const revision = String([...this.committed.keys()].indexOf(commitId) + 1)
    if (!replayed) {
      return { ok: true, replayed, revision, epoch: "e", committedAt: 0, versions: [{ version: 1, createdAt: 0 }] }
    }
    const row = { revision, epoch: "e", payload: [], traceparent: "", actor: "", message: "", committedAt: 0 }
    return { ok: true, replayed, row }
  }
}

const start = (database: Database) =>
  makeWriter({ deadline: "5 seconds", committed: () => undefined }).pipe(
    Effect.provideService(SqlClient.SqlClient, database.sql)
  )
const one = (key: string, idempotency?: string) =>
  release([change(key, "v")], idempotency === undefined ? {} : { idempotency: { key: idempotency, digest: "d" } })

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

          assert.strictEqual(error.name, "DatabaseUnavailable")
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
})
