/** Keeps lists of ids in PostgreSQL. */
import { Effect, Layer } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import type { StoredList, StoredPiece } from "../../../src/flags/IdList.ts"
import { IdListStore } from "../../../src/flags/IdListStore.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

export const layer = Layer.effect(
  IdListStore,
  Effect.map(Pools, ({ reads, other }) =>
    IdListStore.of({
      missing: (digests) =>
        Effect.map(
          guarded("look for pieces of a list of ids")(reads<{ readonly digest: string }>`
            select d as digest from jsonb_array_elements_text(${JSON.stringify(digests)}::jsonb) d
            where not exists (select from flag_id_pieces p where p.digest = d)`),
          (rows) => rows.map(({ digest }) => digest)
        ),
      putPieces: (pieces) =>
        Effect.asVoid(
          guarded("keep pieces of a list of ids")(other`
            insert into flag_id_pieces (digest, ids)
            select p->>'digest', p->>'ids' from jsonb_array_elements(${JSON.stringify(pieces)}::jsonb) p
            on conflict (digest) do update set touched_at = now()`)
        ),
      putList: ({ digest, count, bytes, pieces }) =>
        Effect.flatMap(
          guarded("keep a list of ids")(other<{ readonly kept: boolean }>`
            select herald_keep_ids(${digest}, ${count}, ${bytes}, ${JSON.stringify(pieces)}::jsonb) as kept`),
          ([row]) => (row?.kept === true ? Effect.void : failure("NotFound", "a piece of the list of ids is not there"))
        ),
      list: (digest) =>
        Effect.map(
          guarded("read a list of ids")(reads<StoredList>`
            select digest, count, bytes, pieces from flag_id_lists where digest = ${digest}`),
          ([list]) => list
        ),
      isNamed: (digest, { environments, scope }) =>
        Effect.map(
          guarded("look who names a list of ids")(reads<{ readonly named: boolean }>`
            select exists (select from flag_segment_history h where h.list = ${digest}
              and (${environments.includes("*")} or h.environment = any (${[...environments]}::text[]))
              and (${scope === undefined} or h.segment_name = any (${[...(scope?.names ?? [])]}::text[])
                or exists (select from unnest(${[...(scope?.prefixes ?? [])]}::text[]) p where starts_with(h.segment_name, p)))) as named`),
          ([row]) => row?.named === true
        ),
      pieces: (digests) =>
        guarded("read pieces of a list of ids")(reads<StoredPiece>`
          select digest, ids from (
            select p.digest, p.ids, sum(octet_length(p.ids)) over (order by d.n) - octet_length(p.ids) as bytes_before
            from jsonb_array_elements_text(${JSON.stringify(digests)}::jsonb) with ordinality d (digest, n) join flag_id_pieces p on p.digest = d.digest
          ) sized where bytes_before < ${PAGE_BYTES}`)
    })
  )
)
