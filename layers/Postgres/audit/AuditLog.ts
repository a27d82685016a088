/** Reads the audit log in PostgreSQL in pages, and has herald_audit_check check it. */
import { Effect, Layer, Schema, Semaphore } from "effect"
import type { AuditEntry, AuditProblem, HashedEntry } from "../../../src/audit/AuditEntry.ts"
import { AuditLog, CHECKS } from "../../../src/audit/AuditLog.ts"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

/** Milliseconds that one page of a check takes, so that other work of the pool goes on in between. */
const PAGE_MILLIS = 1_000

/** The largest bigint: an entry before it is any entry. */
const MAX = 9_223_372_036_854_775_807n

interface CheckRow {
  readonly entries: number
  readonly total: number
  readonly place: unknown | null
  readonly problem: (Omit<AuditProblem, "entry"> & { readonly entry: number | null }) | null
}

interface MarkRow {
  readonly id: string
  readonly hash: string
}

const PLACE = Schema.Struct({
  stage: Schema.Literals(["entries", "history", "current", "log", "keys"]),
  entries: Schema.Int,
  id: Schema.Int,
  hash: Schema.String.check(Schema.isMaxLength(64)),
  versions: Schema.Int,
  revision: Schema.Int,
  found: Schema.Int,
  environment: Schema.String.check(Schema.isMaxLength(256)),
  key: Schema.String.check(Schema.isMaxLength(256)),
  version: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_147_483_647 }))
})
const decodePlace = Schema.decodeUnknownEffect(Schema.fromJsonString(PLACE), { onExcessProperty: "error" })

const placeOf = (from: string) =>
  decodePlace(Buffer.from(from, "base64url").toString("utf8")).pipe(
    Effect.map((place) => JSON.stringify(place)),
    Effect.mapError(() => failure("InvalidInput", "from: this is not a place that a page of the check gave"))
  )

type AuditRow = Omit<AuditEntry, "id"> & { readonly id: string }
type HashedRow = Omit<HashedEntry, "id"> & { readonly id: string }

export const layer = Layer.effect(
  AuditLog,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools
    const one = Semaphore.makeUnsafe(1)
    let waiting = 0
    /** One page at a time, as each has a connection all the while. AL3 */
    const inTurn = <A>(page: Effect.Effect<A, HeraldError>) =>
      Effect.suspend(() => {
        if (waiting > CHECKS) {
          const message = "several checks of the audit log wait on this node already"
          return Effect.fail(failure("RateLimited", message, { details: { retryAfterMillis: CHECKS * PAGE_MILLIS } }))
        }
        waiting++
        return Effect.ensuring(
          one.withPermits(1)(page),
          Effect.sync(() => waiting--)
        )
      })
    return AuditLog.of({
      read: Effect.fnUntraced(function* ({ limit, before, after, environment, scope }) {
        const order = sql.literal(after === undefined ? "desc" : "asc")
        const rows = yield* guarded("read the audit log")(sql<AuditRow>`
          select id::text as id, config_id as "configId", action, performed_by as "performedBy", details,
            herald_millis(created_at) as "createdAt", prev_hash as "prevHash", hash
          from (
            select *, sum(octet_length(details::text) + 500) over (order by id ${order}) - octet_length(details::text) - 500 as bytes_before
            from (
              select * from audit_log
              where id < ${String(before ?? MAX)}::text::bigint and id > ${String(after ?? -1n)}::text::bigint
                and (${environment ?? null}::text is null or starts_with(config_id, ${environment ?? null}::text || '/'))
                and (${scope === undefined}::boolean or substr(config_id, length(${environment ?? ""}::text) + 2) in
                    (select jsonb_array_elements_text(${JSON.stringify(scope?.names ?? [])}::text::jsonb))
                  or exists (select from jsonb_array_elements_text(${JSON.stringify(scope?.prefixes ?? [])}::text::jsonb) p
                    where starts_with(substr(config_id, length(${environment ?? ""}::text) + 2), p)))
              order by audit_log.id ${order} limit ${limit}
            ) page
          ) sized where bytes_before < ${PAGE_BYTES} order by sized.id ${order}`)
        return rows.map((row) => ({ ...row, id: BigInt(row.id) }))
      }),
      hashed: Effect.fnUntraced(function* ({ after, upTo, limit }) {
        const rows = yield* guarded("read the audit log as it was hashed")(sql<HashedRow>`
          select id::text as id, config_id as "configId", action, performed_by as "performedBy", details,
            herald_millis(created_at) as "createdAt", prev_hash as "prevHash", hash
          from (
            select *, sum(octet_length(details) + 500) over (order by id) - octet_length(details) - 500 as bytes_before
            from (
              select id, config_id, action, performed_by, details::text as details, created_at, prev_hash, hash from audit_log
              where id > ${String(after)}::text::bigint and id <= ${String(upTo ?? MAX)}::text::bigint
              order by audit_log.id limit ${limit}
            ) page
          ) sized where bytes_before < ${PAGE_BYTES} order by sized.id`)
        return rows.map((row) => ({ ...row, id: BigInt(row.id) }))
      }),
      // AL2
      check: Effect.fnUntraced(function* (from) {
        const place = from === undefined ? null : yield* placeOf(from)
        const [row] = yield* inTurn(
          guarded("check the audit log")(sql<{ page: CheckRow }>`
            select herald_audit_check(${place}::text::jsonb, ${PAGE_MILLIS}::float8) as page`)
        )
        const { entries, total, problem, place: next } = row!.page
        return {
          entries,
          total,
          next: next === null || problem !== null ? undefined : Buffer.from(JSON.stringify(next)).toString("base64url"),
          problem:
            problem === null
              ? undefined
              : { ...problem, entry: problem.entry === null ? undefined : BigInt(problem.entry) }
        }
      }),
      last: guarded("read the newest audit entry")(
        sql<MarkRow>`select id::text as id, hash from audit_log order by audit_log.id desc limit 1`
      ).pipe(Effect.map(([row]) => (row === undefined ? undefined : { id: BigInt(row.id), hash: row.hash }))),
      marks: (ids) =>
        guarded("read audit entries")(
          sql<MarkRow>`select id::text as id, hash from audit_log
            where id in (select value::bigint from jsonb_array_elements_text(${JSON.stringify(ids.map(String))}::text::jsonb))`
        ).pipe(Effect.map((rows) => rows.map(({ id, hash }) => ({ id: BigInt(id), hash }))))
    })
  })
)
