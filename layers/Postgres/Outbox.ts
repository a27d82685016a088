/** The outbox's position and lease in PostgreSQL; all times are the database's. */
import { Effect, Layer } from "effect"
import { Outbox } from "../../src/events/Outbox.ts"
import { guarded } from "./Failure.ts"
import { Pools } from "./Pools.ts"

interface BacklogRow {
  readonly epoch: string
  readonly revision: string
  readonly headEpoch: string
  readonly head: string
  readonly oldest: string
  readonly kept: string | null
  readonly waitingSince: number | null
}

export const layerOutbox = Layer.effect(
  Outbox,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools
    return Outbox.of({
      claim: Effect.fnUntraced(function* (holder, leaseMillis) {
        const [row] = yield* guarded("claim the outbox")(sql<{ token: string }>`
          update outbox set token = token + 1, holder = ${holder},
            leased_until = clock_timestamp() + make_interval(secs => ${leaseMillis / 1_000}::float8)
          where leased_until <= clock_timestamp() or holder = ${holder} returning token::text as token`)
        return row && BigInt(row.token)
      }),
      backlog: guarded("read the outbox")(sql<BacklogRow>`
        select o.epoch, o.revision::text as revision, e.epoch as "headEpoch", r.head::text as head, r.oldest::text as oldest,
          case when o.epoch not in ('', e.epoch) or r.head < o.revision
            then (select max(revision) from revisions where epoch = o.epoch)::text else o.revision::text end as kept,
          (select herald_millis(committed_at) from revisions where revision > o.revision order by revision limit 1) as "waitingSince"
        from outbox o, herald_epoch e,
          (select coalesce(max(revision), 0) as head, coalesce(min(revision), 1) as oldest from revisions) r`).pipe(
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
      advance: Effect.fnUntraced(function* (token, { epoch, revision }, leaseMillis) {
        const rows = yield* guarded("move the outbox on")(sql<{ token: string }>`
          update outbox set epoch = ${epoch}, revision = ${String(revision)}::text::bigint,
            leased_until = clock_timestamp() + make_interval(secs => ${leaseMillis / 1_000}::float8)
          where token = ${String(token)}::text::bigint returning token::text as token`)
        return rows.length === 1
      }),
      release: (token) =>
        Effect.asVoid(
          guarded("give the outbox up")(
            sql`update outbox set leased_until = clock_timestamp(), holder = '' where token = ${String(token)}::text::bigint`
          )
        )
    })
  })
)
