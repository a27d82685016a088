/** Keeps the public keys of nodes in PostgreSQL, whose owner can write what he likes there: what is believed of it says its seal. */
import { Effect, Layer } from "effect"
import { AuditKeys, KNOWN_KEYS } from "../../../src/audit/AuditKeys.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

export const layer = Layer.effect(
  AuditKeys,
  Effect.map(Pools, ({ other: sql }) =>
    AuditKeys.of({
      keep: (id, line) =>
        Effect.asVoid(
          guarded("keep the key that signs the audit log")(sql`
            with older as (delete from audit_keys where id in (
              select id from audit_keys where id <> ${id} order by number desc offset ${KNOWN_KEYS - 1} for update skip locked))
            insert into audit_keys (id, line) values (${id}, ${line}) on conflict (id) do update
            set line = excluded.line, number = default`)
        ),
      list: guarded("read the keys that sign the audit log")(sql<{ line: string }>`
        select line from (select line, number from audit_keys order by number desc limit ${KNOWN_KEYS}) newest order by number`).pipe(
        Effect.map((rows) => rows.map(({ line }) => line))
      )
    })
  )
)
