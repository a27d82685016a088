/** Reads flags in PostgreSQL. */
import { Effect, Layer } from "effect"
import { asFlag, type FlagRow } from "../../../src/flags/FeatureFlag.ts"
import { FlagStore } from "../../../src/flags/FlagStore.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

interface Found {
  readonly flag: FlagRow
}
/** One row at least; `flag` is null where nothing was found. */
interface Paged {
  readonly epoch: string
  readonly revision: string
  readonly flag: FlagRow | null
  readonly more: boolean | null
}

export const layer = Layer.effect(
  FlagStore,
  Effect.map(Pools, ({ reads: sql }) =>
    FlagStore.of({
      // One statement, so that a page and its position are of one moment. FS1
      page: (after) =>
        guarded("read flags")(sql<Paged>`
          select e.epoch, herald_head()::text as revision, p.flag, p.more
          from herald_epoch e left join (
            select herald_flag_json(h) as flag, environment, key, count(*) over () < of_all as more from (
              select f as h, f.environment, f.flag_name as key, count(*) over () as of_all,
                sum(f.bytes) over (order by f.environment, f.flag_name) - f.bytes as bytes_before
              from feature_flags f
              where not f.deleted and (f.environment, f.flag_name) > (${after?.environment ?? ""}, ${after?.key ?? ""})
              order by f.environment, f.flag_name limit 5000
            ) sized where bytes_before < ${PAGE_BYTES}
          ) p on true order by p.environment, p.key`).pipe(
          Effect.map((rows) => {
            const { epoch, revision } = rows[0]!
            const flags = rows.flatMap(({ flag }) => (flag === null ? [] : [asFlag(flag)]))
            const last = flags.at(-1)
            // A page that was cut at its rows or its bytes has more behind it; one that was not may have no more.
            const more = rows[0]!.more === true || flags.length === 5_000
            return { position: { epoch, revision: BigInt(revision) }, flags, next: more ? last : undefined }
          })
        ),
      version: (environment, key, version) =>
        Effect.map(
          guarded(`read version ${version} of the flag ${key}`)(sql<Found>`
            select herald_flag_json(h) as flag from feature_flag_history h
            where environment = ${environment} and flag_name = ${key} and version = ${version}`),
          ([found]) => found && asFlag(found.flag)
        ),
      history: (environment, key, { limit, before }) =>
        Effect.map(
          guarded(`read the history of the flag ${key}`)(sql<Found>`
            select herald_flag_json(sized.h) as flag from (
              select h, h.version, sum(h.bytes) over (order by h.version desc) - h.bytes as bytes_before from (
                select * from feature_flag_history
                where environment = ${environment} and flag_name = ${key} and version < ${before ?? 2_147_483_647}
                order by version desc limit ${limit}
              ) h
            ) sized where bytes_before < ${PAGE_BYTES} order by sized.version desc`),
          (rows) => rows.map(({ flag }) => asFlag(flag))
        )
    })
  )
)
