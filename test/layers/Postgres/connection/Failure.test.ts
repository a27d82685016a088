import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { fromSql, Gone, guarded, OwnWords, toOperator } from "../../../../layers/Postgres/connection/Failure.ts"

const sqlError = (_tag: string, code: string) => {
  const cause = { code, message: 'relation "heads" does not exist at 10.0.0.7' }
  return { reason: { _tag, message: "", cause }, cause } as never
}

describe("Failure", () => {
  it("FL1 a message for callers has none of the database's words, whatever failed; the operator's has", () => {
    const errors = [
      ["UnknownError", "42P01", "Internal"],
      ["ConnectionError", "", "DatabaseUnavailable"],
      ["AuthenticationError", "28P01", "DatabaseUnavailable"],
      ["UnknownError", "25006", "DatabaseReadOnly"],
      ["StatementTimeoutError", "57014", "Timeout"]
    ] as const
    for (const [tag, code, name] of errors) {
      const said = fromSql("read the clients")(sqlError(tag, code))

      assert.strictEqual(said.name, name)
      assert.match(said.message, /^could not read the clients: the database /)
      assert.notMatch(said.message, /relation|heads|10\.0/)
      assert.include(toOperator("migrate")(sqlError(tag, code)).message, "10.0.0.7")
    }
  })

  it("FL1 what Herald itself says of its connections is for callers", () => {
    const own = { reason: { _tag: "ConnectionError", message: "", cause: new OwnWords("no connection was free") } }

    assert.strictEqual(fromSql("ask")(own as never).message, "could not ask: no connection was free")
  })

  it.effect("FL2 a statement that ended with its connection failed; nobody who asked is interrupted by it", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(guarded("commit")(Effect.interrupt))

      assert.instanceOf(failed, Gone)
      assert.strictEqual(failed.name, "DatabaseUnavailable")
      assert.strictEqual(failed.message, "could not commit: the connection was closed")
    })
  )

  it.effect("FL2 who is interrupted meanwhile is, and so is the statement", () =>
    Effect.gen(function* () {
      let ended = 0
      const statement = Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended++))
      const fiber = yield* Effect.forkChild(Effect.exit(guarded("commit")(statement)), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      yield* Effect.yieldNow

      assert.strictEqual(ended, 1)
    })
  )
})
