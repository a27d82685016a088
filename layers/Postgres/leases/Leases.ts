/** Keeps leases in PostgreSQL, by the functions of migration 0011. */

import { Effect, Layer } from "effect"
import { type Lease, Leases } from "../../../src/leases/Leases.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "./Fence.ts"

export const layer = Layer.effect(
  Leases,
  Effect.map(Pools, ({ other: sql }) =>
    Leases.of({
      claim: (name, run, leaseMillis) =>
        guarded(`claim ${name}`)(sql<{ lease: (Omit<Lease, "token"> & { token: string }) | null }>`
          select herald_claim(${name}, ${run}, ${millis(leaseMillis)}::interval) as lease`).pipe(
          Effect.map((rows) => {
            const lease = rows[0]?.lease ?? undefined
            return lease && { ...lease, token: BigInt(lease.token) }
          })
        ),
      keep: (lease, leaseMillis) =>
        guarded(`keep ${lease.name}`)(sql<{ kept: boolean }>`
          select herald_fence(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval) as kept`).pipe(
          Effect.map(([row]) => row!.kept)
        ),
      release: (lease) =>
        Effect.asVoid(guarded(`give ${lease.name} up`)(sql`select herald_release(${asFence(lease)}::text::jsonb)`))
    })
  )
)
