/** Removes old rows in PostgreSQL, by the functions of migrations 0012, 0015 and 0020. */
import { Effect, Layer } from "effect"
import { type Keep, RetentionStore, type Swept } from "../../../src/retention/RetentionStore.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"
import { dropExpired } from "./Dropping.ts"

/** Rows of each kind that one step removes. */
const STEP = 5_000
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
          })
        ),
      drop: dropExpired(sql, "herald_expired")
    })
  })
)
