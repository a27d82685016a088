/**
 * Writes that nobody repeats, such as of API keys.
 *
 *   X6  What was not given to a connection in time never will be. What the database refused, or waited for in vain, was not done. Where its
 *       answer was lost, that is said: it may have been done.
 */
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { Gone, guarded } from "./Failure.ts"

/** Fails as `guarded`, and `OutcomeUnknown` when the answer was lost. The statement's time begins when it has a connection. */
export const confirmed =
  (sql: SqlClient.SqlClient, what: string) =>
  <A>(statement: Effect.Effect<A, SqlError>): Effect.Effect<A, HeraldError> =>
    Effect.scoped(
      Effect.flatMap(guarded(what)(sql.reserve), (connection) =>
        statement.pipe(
          Effect.provideService(sql.transactionService, [connection, 0]),
          guarded(what),
          Effect.mapError((error) =>
            error instanceof Gone
              ? failure("OutcomeUnknown", `${error.message}: it may have been done`, { cause: error })
              : error
          )
        )
      )
    )
