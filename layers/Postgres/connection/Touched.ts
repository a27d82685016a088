/** Parts of queries that hold rows to what somebody may touch. */
import type { SqlClient } from "effect/sql"
import type { TouchScope } from "../../../src/access/About.ts"

/** As `inTouchScope` says. `list`: SQL for a jsonb array of objects with a kind and a key, each of which is in the scope. */
export const allTouched = (sql: SqlClient.SqlClient, scope: TouchScope, list: string) => {
  const keys = scope?.keys
  return sql`(${scope === undefined} or not exists (
    select from jsonb_array_elements(${sql.literal(list)}) touched
    where not (touched->>'kind' = any (${[...(scope?.kinds ?? [])]}::text[]) and (${keys === undefined}
      or touched->>'key' = any (${[...(keys?.names ?? [])]}::text[])
      or exists (select from unnest(${[...(keys?.prefixes ?? [])]}::text[]) p where starts_with(touched->>'key', p))))))`
}

/** As `inNameScope` says. `name`: SQL for a name of the sessions'. */
export const nameTouched = (
  sql: SqlClient.SqlClient,
  { kinds, keys }: Exclude<TouchScope, undefined>,
  name: string
) => {
  const of = sql.literal(name)
  const key = sql`(case when left(${of}, 1) = '@' then substring(${of} from position('/' in ${of}) + 1) else ${of} end)`
  return sql`((case when left(${of}, 1) = '@' then split_part(substring(${of} from 2), '/', 1) else '' end) = any (${[...kinds]}::text[])
    and (${keys === undefined} or ${key} = any (${[...(keys?.names ?? [])]}::text[])
      or exists (select from unnest(${[...(keys?.prefixes ?? [])]}::text[]) p where starts_with(${key}, p))))`
}
