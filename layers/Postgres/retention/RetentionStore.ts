/** Removes old rows in PostgreSQL, by the functions of migrations 0012, 0015 and 0020. */
import { Duration, Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql"
import { type Keep, RetentionStore, type Swept } from "../../../src/retention/RetentionStore.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"
import { dropExpired } from "./Dropping.ts"

/** Rows of each kind that one step removes. */
const STEP = 5_000

/** How long counting one environment may take: half a million keys and more. */
const PATIENCE = Duration.minutes(1)

/** Compares what was counted of an environment with what is there: one each time, each once a day. */
const recounted = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const [row] = yield* guarded(
    "count what an environment holds",
    PATIENCE
  )(
    sql.withTransaction(
      Effect.andThen(
        sql`select set_config('statement_timeout', '60s', true)`,
        sql<{ environment: string | null }>`select herald_recount_due() as environment`
      )
    )
  )
  if (row?.environment != null)
    yield* Effect.logWarning("what an environment holds was not what was counted, and is now", {
      environment: row.environment
    })
})

export const layer = Layer.effect(
  RetentionStore,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools

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
          }),
          Effect.tap((swept) => (swept === undefined ? Effect.void : Effect.ignore(recounted(sql))))
        ),
      drop: dropExpired(sql, "herald_expired")
    })
  })
)
