/** Reads flags, and what they share, in PostgreSQL: each kind has tables of the same shape. */
import { Effect } from "effect"
import type * as Statement from "effect/sql/Statement"
import type { Candidacy } from "../../../src/commits/Candidacy.ts"
import { type KeptKind, nouns } from "../../../src/flags/FlagDraft.ts"
import type { StoreOf } from "../../../src/flags/FlagStore.ts"
import { asStored, type Stored, type StoredRow } from "../../../src/flags/Stored.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

interface Found {
  readonly stored: StoredRow
  readonly rollout: Candidacy | null
}
/** One row at least; `stored` is null where nothing was found. */
interface Paged {
  readonly epoch: string
  readonly revision: string
  readonly stored: StoredRow | null
  readonly more: boolean | null
}

interface Names {
  readonly current: string
  readonly history: string
  /** The column of the name. */
  readonly key: string
}

const names: Readonly<Record<KeptKind, Names>> = {
  flag: { current: "feature_flags", history: "feature_flag_history", key: "flag_name" },
  segment: { current: "flag_segments", history: "flag_segment_history", key: "segment_name" },
  flag_settings: { current: "flag_settings", history: "flag_settings_history", key: "settings_name" }
}

const ROWS = 5_000

/** The store of a kind. */
export const storeOf = <C extends Stored>(kind: KeptKind): Effect.Effect<StoreOf<C>, never, Pools> =>
  Effect.map(Pools, ({ reads: sql }) => {
    const its = names[kind]
    const [current, history, name] = [sql(its.current), sql(its.history), sql(its.key)]
    const json = sql.literal(`herald_${kind}_json`)
    const stored = (row: StoredRow) => asStored(kind, row) as Stored as C
    const version = ({ stored: row, rollout }: Found): C =>
      rollout === null ? stored(row) : { ...stored(row), rollout }
    /** And its candidates, of which there are some of flags alone. */
    const candidatesOf = (where: Statement.Fragment) =>
      kind === "flag"
        ? sql`union all (select h.* from rollout_candidates c cross join lateral herald_candidate_flag(c) h
            where c.kind = 'flag' and c.state <> 'promoted' and ${where})`
        : sql``
    const of = sql.literal(`'${kind}'`)
    return {
      // One statement, so that a page and its position are of one moment. FS1
      page: (after) =>
        guarded(`read ${nouns[kind]}s`)(sql<Paged>`
          select e.epoch, herald_head()::text as revision, p.stored, p.more
          from herald_epoch e left join (
            select ${json}(h) as stored, environment, key, count(*) over () < of_all as more from (
              select f as h, f.environment, f.${name} as key, count(*) over () as of_all,
                sum(f.bytes) over (order by f.environment, f.${name}) - f.bytes as bytes_before
              from ${current} f
              where not f.deleted and (f.environment, f.${name}) > (${after?.environment ?? ""}, ${after?.key ?? ""})
              order by f.environment, f.${name} limit ${ROWS}
            ) sized where bytes_before < ${PAGE_BYTES}
          ) p on true order by p.environment, p.key`).pipe(
          Effect.map((rows) => {
            const { epoch, revision } = rows[0]!
            const found = rows.flatMap(({ stored: row }) => (row === null ? [] : [stored(row)]))
            // A page that was cut at its rows or its bytes has more behind it; one that was not may have no more.
            const more = rows[0]!.more === true || found.length === ROWS
            return { position: { epoch, revision: BigInt(revision) }, found, next: more ? found.at(-1) : undefined }
          })
        ),
      version: (environment, key, number) =>
        Effect.map(
          guarded(`read version ${number} of the ${nouns[kind]} ${key}`)(sql<Found>`
            select ${json}(h) as stored, herald_candidate_of(${of}, ${environment}, ${key}, version) as rollout from (
              select * from ${history} where environment = ${environment} and ${name} = ${key} and version = ${number}
              ${candidatesOf(sql`c.environment = ${environment} and c.key = ${key} and c.version = ${number}`)}
            ) h`),
          ([found]) => found && version(found)
        ),
      history: (environment, key, { limit, before }) =>
        Effect.map(
          guarded(`read the history of the ${nouns[kind]} ${key}`)(sql<Found>`
            select ${json}(sized.h) as stored, herald_candidate_of(${of}, ${environment}, ${key}, sized.version) as rollout from (
              select h, h.version, sum(h.bytes) over (order by h.version desc) - h.bytes as bytes_before from (
                select * from (
                  (select * from ${history}
                    where environment = ${environment} and ${name} = ${key} and version < ${before ?? 2_147_483_647}
                    order by version desc limit ${limit})
                  ${candidatesOf(sql`c.environment = ${environment} and c.key = ${key} and c.version < ${before ?? 2_147_483_647}
                    order by c.version desc limit ${limit}`)}
                ) all_of_it order by version desc limit ${limit}
              ) h
            ) sized where bytes_before < ${PAGE_BYTES} order by sized.version desc`),
          (rows) => rows.map(version)
        )
    }
  })
