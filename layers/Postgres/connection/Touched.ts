/** The part of a query that holds rows to what somebody may touch, as `inTouchScope` says. */
import type { SqlClient } from "effect/sql"
import type { TouchScope } from "../../../src/access/About.ts"

/** `list`: SQL for a jsonb array of objects with a kind and a key, each of which is in the scope. */
export const allTouched = (sql: SqlClient.SqlClient, scope: TouchScope, list: string) => {
  const keys = scope?.keys
  return sql`(${scope === undefined} or not exists (
    select from jsonb_array_elements(${sql.literal(list)}) touched
    where not (touched->>'kind' = any (${[...(scope?.kinds ?? [])]}::text[]) and (${keys === undefined}
      or touched->>'key' = any (${[...(keys?.names ?? [])]}::text[])
      or exists (select from unnest(${[...(keys?.prefixes ?? [])]}::text[]) p where starts_with(touched->>'key', p))))))`
}
