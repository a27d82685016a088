import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import type { Connection } from "effect/sql/SqlConnection"
import { ConnectionError, LockTimeoutError, SqlError } from "effect/sql/SqlError"
import { TestClock } from "effect/testing"
import { confirmed } from "../../../../layers/Postgres/connection/Confirmed.ts"

const gone = new SqlError({ reason: new ConnectionError({ cause: new Error("reset"), message: "reset" }) })
const held = new SqlError({ reason: new LockTimeoutError({ cause: new Error("held"), message: "held" }) })

const on = (reserve: Effect.Effect<Connection, SqlError>) =>
  ({ reserve, transactionService: SqlClient.TransactionConnection(0) }) as unknown as SqlClient.SqlClient

const nameOf = <A>(sql: SqlClient.SqlClient, statement: Effect.Effect<A, SqlError>) =>
  Effect.gen(function* () {
    const running = yield* Effect.forkChild(Effect.result(confirmed(sql, "do it")(statement)))
    for (let i = 0; i < 12; i++) yield* TestClock.adjust("1 second")
    const result = yield* Fiber.join(running)
    return result._tag === "Success" ? "done" : result.failure.name
  })

describe("a write that nobody repeats", () => {
  const free = on(Effect.succeed({} as Connection))
  const slow = on(Effect.delay(Effect.succeed({} as Connection), "4 seconds"))

  it.effect("X6 failed is said only where it was not done", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* nameOf(free, Effect.void), "done")
      assert.strictEqual(yield* nameOf(on(Effect.fail(gone)), Effect.void), "DatabaseUnavailable")
      assert.strictEqual(yield* nameOf(free, Effect.fail(held)), "Timeout")
      assert.strictEqual(yield* nameOf(free, Effect.fail(gone)), "OutcomeUnknown")
      assert.strictEqual(yield* nameOf(free, Effect.never), "OutcomeUnknown")
    })
  )

  it.effect(
    "X6 a long wait for a connection leaves the statement its time: the database ends it, not this process",
    () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* nameOf(slow, Effect.delay(Effect.fail(held), "3 seconds")), "Timeout")
        let begun = false
        const never = on(Effect.never)
        const statement = Effect.sync(() => {
          begun = true
        })
        assert.strictEqual(yield* nameOf(never, statement), "DatabaseUnavailable")
        assert.isFalse(begun)
      })
  )
})
