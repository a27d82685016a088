/**
 * Removes old rows in PostgreSQL, by the functions of migrations 0012, 0015 and 0020.
 *
 *   RP1  A range is detached CONCURRENTLY and then dropped, each outside of a transaction: behind a reader's open transaction nobody else waits.
 *   RP2  It waits for a lock at most a second. What was begun, here or by a node that died, is finished the next time.
 */
import { Effect, Layer } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { failure } from "../../../src/errors/HeraldError.ts"
import { type Keep, RetentionStore, type Swept } from "../../../src/retention/RetentionStore.ts"
import { fromSql, guarded, inTime } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"

interface Expired {
  readonly parent: string
  readonly part: string
  readonly attached: boolean
  readonly pending: boolean
}

/** Rows of each kind that one step removes. */
const STEP = 5_000
const LOCK_TIMEOUT = "1s"
/** Time for all ranges of one call. */
const PATIENCE = "1 minute"

export const layer = Layer.effect(
  RetentionStore,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools

    /** RP1. On a connection of its own, as that gets another time-out for locks. */
    const drop = Effect.scoped(
      Effect.gen(function* () {
        const connection = yield* sql.reserve
        const run = (statement: string) => connection.executeUnprepared(statement, [], undefined)
        const expired = (yield* run("select * from herald_expired()")) as ReadonlyArray<Expired>
        if (expired.length === 0) return { dropped: 0, left: 0 }
        yield* Effect.acquireRelease(run(`set lock_timeout = '${LOCK_TIMEOUT}'`), () =>
          Effect.ignore(run("reset lock_timeout"))
        )
        let dropped = 0
        let failed: SqlError | undefined
        for (const { parent, part, attached, pending } of expired) {
          const detached = attached
            ? run(`alter table ${parent} detach partition ${part} ${pending ? "finalize" : "concurrently"}`)
            : Effect.void
          const done = yield* Effect.result(Effect.andThen(detached, run(`drop table ${part}`)))
          if (done._tag === "Success") dropped++
          else failed = done.failure
        }
        // RP2
        if (failed !== undefined) yield* Effect.logDebug("a range was not dropped", { why: failed.message })
        return { dropped, left: expired.length - dropped }
      })
    ).pipe(
      Effect.mapError(fromSql("drop old ranges")),
      inTime(PATIENCE, () => Effect.fail(failure("Timeout", `old ranges were not dropped within ${PATIENCE}`)))
    )

    return RetentionStore.of({
      makeAhead: ({ keepAtLeast }: Keep) =>
        guarded("make ranges for revisions to come")(sql<{ ahead: number }>`
          select herald_make_ahead(${String(keepAtLeast)}::text::bigint) as ahead`).pipe(
          Effect.map(([row]) => row!.ahead)
        ),
      step: (lease, leaseMillis, { keepMillis, keepAtLeast }) =>
        guarded("sweep what is old")(sql<{ swept: (Omit<Swept, "revisions"> & { readonly revisions: string }) | null }>`
          select herald_sweep(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval, ${millis(keepMillis)}::interval,
            ${String(keepAtLeast)}::text::bigint, ${STEP}::int) as swept`).pipe(
          Effect.map(([row]) => {
            const swept = row!.swept ?? undefined
            return swept && { ...swept, revisions: Number(swept.revisions) }
          })
        ),
      drop
    })
  })
)
