/**
 * Gives back the room of ranges of which nobody reads anything any more.
 *
 *   RP1  A range is detached CONCURRENTLY and then dropped, each outside of a transaction: behind a reader's open transaction nobody else waits.
 *   RP2  It waits for a lock at most a second. What was begun, here or by a node that died, is finished the next time.
 */
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { fromSql, inTime } from "../connection/Failure.ts"

interface Expired {
  readonly parent: string
  readonly part: string
  readonly attached: boolean
  readonly pending: boolean
}

const LOCK_TIMEOUT = "1s"
/** Time for all ranges of one call. */
const PATIENCE = "1 minute"

/** `expired`: the SQL function that says which; on a connection of its own, as that gets another time-out for locks. RP1 */
export const dropExpired = (
  sql: SqlClient.SqlClient,
  expired: "herald_expired" | "herald_topic_expired"
): Effect.Effect<{ readonly dropped: number; readonly left: number }, HeraldError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* sql.reserve
      const run = (statement: string) => connection.executeUnprepared(statement, [], undefined)
      const ranges = (yield* run(`select * from ${expired}()`)) as ReadonlyArray<Expired>
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
      // RP2
      if (failed !== undefined) yield* Effect.logDebug("a range was not dropped", { why: failed.message })
      return { dropped, left: ranges.length - dropped }
    })
  ).pipe(
    Effect.mapError(fromSql("drop old ranges")),
    inTime(PATIENCE, () => Effect.fail(failure("Timeout", `old ranges were not dropped within ${PATIENCE}`)))
  )
