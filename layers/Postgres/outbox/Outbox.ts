/** Keeps the outbox's position in PostgreSQL. */
import { Effect, Layer } from "effect"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"

interface BacklogRow {
  readonly epoch: string
  readonly revision: string
  readonly headEpoch: string
  readonly head: string
  readonly oldest: string
  readonly kept: string | null
  readonly waitingSince: number | null
}

export const layer = Layer.effect(
  Outbox,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools
    return Outbox.of({
      backlog: guarded("read the outbox")(sql<BacklogRow>`
        select o.epoch, o.revision::text as revision, e.epoch as "headEpoch", l.head::text as head, (l.horizon + 1)::text as oldest,
          case when o.epoch not in ('', e.epoch) or l.head < o.revision
            then (select max(revision) from revisions r where r.epoch = o.epoch and r.revision > l.horizon and r.revision <= o.revision)::text
            else o.revision::text end as kept,
          (select herald_millis(committed_at) from revisions where revision > greatest(o.revision, l.horizon) order by revision limit 1) as "waitingSince"
        from outbox o, herald_epoch e, (select horizon, herald_head() as head from herald_log) l`).pipe(
        Effect.map((rows) => {
          const row = rows[0]!
          const oldest = BigInt(row.oldest)
          return {
            position: { epoch: row.epoch, revision: BigInt(row.revision) },
            head: { epoch: row.headEpoch, revision: BigInt(row.head) },
            oldest,
            kept: row.kept === null ? oldest - 1n : BigInt(row.kept),
            waitingSince: row.waitingSince ?? undefined
          }
        })
      ),
      advance: (lease, { epoch, revision }, leaseMillis) =>
        guarded("move the outbox on")(sql<{ moved: boolean }>`
          select herald_advance(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval, ${epoch},
            ${String(revision)}::text::bigint) as moved`).pipe(Effect.map(([row]) => row!.moved))
    })
  })
)
