/** Drops ranges of a partitioned table that are over. As RP1 and RP2 say of ranges of revisions. */

import { Effect } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { failure } from "../../../src/errors/HeraldError.ts"
import { fromSql, inTime } from "./Failure.ts"

const LOCK_TIMEOUT = "1s"
/** Time for all ranges of one call. */
const PATIENCE = "1 minute"

interface Expired {
  readonly parent: string
  readonly part: string
  readonly attached: boolean
  readonly pending: boolean
}

/** `expired`: a query for `Expired`, with names that are no user's. `what` they are of. */
export const dropRanges = (sql: SqlClient, what: string, expired: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* sql.reserve
      const run = (statement: string) => connection.executeUnprepared(statement, [], undefined)
      const ranges = (yield* run(expired)) as ReadonlyArray<Expired>
      if (ranges.length === 0) return { dropped: 0, left: 0 }
      yield* Effect.acquireRelease(run(`set lock_timeout = '${LOCK_TIMEOUT}'`), () =>
        Effect.ignore(run("reset lock_timeout"))
      )
      let dropped = 0
      let failed: SqlError | undefined
      for (const { parent, part, attached, pending } of ranges) {
        const detached = attached
          ? run(`alter table ${parent} detach partition ${part} ${pending ? "finalize" : "concurrently"}`)
          : Effect.void
        const done = yield* Effect.result(Effect.andThen(detached, run(`drop table ${part}`)))
        if (done._tag === "Success") dropped++
        else failed = done.failure
      }
      if (failed !== undefined) yield* Effect.logDebug(`a range of ${what} was not dropped`, { why: failed.message })
      return { dropped, left: ranges.length - dropped }
    })
  ).pipe(
    Effect.mapError(fromSql(`drop old ${what}`)),
    inTime(PATIENCE, () => Effect.fail(failure("Timeout", `old ${what} were not dropped within ${PATIENCE}`)))
  )
