/** API keys and the audit log in PostgreSQL. A key's audit entry is written by the statement that writes the key. */
import { Effect, Layer } from "effect"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { type AuditEntry, AuditLog } from "../../src/access/AuditLog.ts"
import { limits } from "../../src/configuration/Configuration.ts"
import { guarded } from "./Failure.ts"
import { Pools } from "./Pools.ts"

export const layerKeys = Layer.effect(
  ApiKeyStore,
  Effect.gen(function* () {
    const { reads, other: sql } = yield* Pools
    const columns =
      sql.literal(`id, name, hash, role, environments, herald_millis(created_at) as "createdAt", created_by as "createdBy",
      herald_millis(expires_at) as "expiresAt", herald_millis(revoked_at) as "revokedAt"`)
    return ApiKeyStore.of({
      create: ({ id, name, hash, role, environments, createdAt, createdBy, expiresAt }) => {
        const details = JSON.stringify({ id, name, role, environments, expiresAt })
        return guarded("keep the API key")(sql`
          with created as (
            insert into api_keys values (${id}, ${name}, ${hash}, ${role}, ${JSON.stringify(environments)}::text::jsonb,
              herald_at(${createdAt}::float8), ${createdBy}, herald_at(${expiresAt}::float8), null) returning id
          ) select herald_audit('', 'key.create', ${createdBy}, ${details}::text::jsonb) from created`).pipe(
          Effect.asVoid
        )
      },
      createFirstAdmin: (key) =>
        guarded("make the first admin key")(
          sql<{ made: boolean }>`select herald_first_admin(${JSON.stringify(key)}::text::jsonb) as made`
        ).pipe(Effect.map(([row]) => row!.made)),
      find: (id) =>
        guarded("look up the API key")(reads<ApiKey>`select ${columns} from api_keys where id = ${id}`).pipe(
          Effect.map((rows) => rows[0])
        ),
      list: guarded("read the API keys")(sql<ApiKey>`select ${columns} from api_keys order by created_at, id`),
      revoke: (id, actor) =>
        guarded("revoke the API key")(sql`
          with revoked as (
            update api_keys set revoked_at = now() where id = ${id} and revoked_at is null returning id, name
          ) select herald_audit('', 'key.revoke', ${actor}, jsonb_build_object('id', id, 'name', name)) from revoked`).pipe(
          Effect.map((rows) => rows.length > 0)
        )
    })
  })
)

type AuditRow = Omit<AuditEntry, "id"> & { readonly id: string }

export const layerAudit = Layer.effect(
  AuditLog,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools
    return AuditLog.of({
      read: Effect.fnUntraced(function* ({ limit, before, after, environment }) {
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
              order by audit_log.id ${order} limit ${limit}
            ) page
          ) sized where bytes_before < ${limits.page} order by sized.id ${order}`)
        return rows.map((row) => ({ ...row, id: BigInt(row.id) }))
      }),
      // The last revision names its last entry: a log that was cut short is broken behind its end.
      verify: guarded("verify the audit log")(sql<{ entries: number; broken: string | null }>`
        with chain as (
          select a.*, lag(id, 1, 0::bigint) over w as id_before, lag(hash, 1, '') over w as hash_before
          from audit_log a window w as (order by id)
        )
        select (select count(*) from audit_log)::float8 as entries, coalesce(
          (select min(id) from chain where id <> id_before + 1 or prev_hash <> hash_before
            or hash <> herald_audit_hash(prev_hash, id, config_id, action, performed_by, details, created_at)),
          (select min(r.audit_id) from revisions r where r.audit_id > (select coalesce(max(id), 0) from audit_log))
        )::text as broken`).pipe(
        Effect.map(([row]) => ({
          entries: row!.entries,
          broken: row!.broken === null ? undefined : BigInt(row!.broken)
        }))
      )
    })
  })
)

const MAX = 9_223_372_036_854_775_807n
