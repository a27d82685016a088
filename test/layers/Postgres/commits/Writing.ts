/** A writer over a database that a test does what it likes with. */
import { Clock, type Duration, Effect } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { makeWriter } from "../../../../layers/Postgres/commits/Writer.ts"
import type { HeraldError } from "../../../../src/errors/HeraldError.ts"
import type { Database } from "../../../support/FakeDatabase.ts"
import { change, release } from "../../../support/Release.ts"
import { kinds } from "../../../support/Twins.ts"

/** One after the other, so that what is due in between happens. */
export const pass = (millis: number) =>
  Effect.forEach(Array.from({ length: millis / 50 }), () => TestClock.adjust("50 millis"), { discard: true })

export const start = (database: Database, deadline: Duration.Input = "5 seconds") =>
  makeWriter({ deadline, committed: () => undefined }).pipe(
    Effect.provideService(SqlClient.SqlClient, database.sql),
    Effect.provide(kinds)
  )
export const one = (key: string, idempotency?: string) =>
  release([change(key, "v")], idempotency === undefined ? {} : { idempotency: { key: idempotency, digest: "d" } })

/** How it ended, and after how many milliseconds. */
export const outcome = <A>(write: Effect.Effect<A, HeraldError>) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const result = yield* Effect.result(write)
    const took = (yield* Clock.currentTimeMillis) - began
    return result._tag === "Success"
      ? { name: "committed", message: "", took }
      : { name: result.failure.name as string, message: result.failure.message, took }
  })
