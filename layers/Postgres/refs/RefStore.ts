/** Keeps where code names flags in PostgreSQL. */
import { Effect, Layer } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import { type Found, KEPT_MILLIS, SCANS, type Scan } from "../../../src/refs/Ref.ts"
import { RefStore } from "../../../src/refs/RefStore.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

const kept = `${KEPT_MILLIS} milliseconds`
const SCAN = `environment, repository, branch, commit_id as commit, told_by as "by", herald_millis(told_at) as at, refs`

export const layer = Layer.effect(
  RefStore,
  Effect.map(Pools, ({ other: sql }) =>
    RefStore.of({
      replace: Effect.fnUntraced(function* (environment, { repository, branch, commit }, by, refs) {
        const rows = yield* guarded("keep where flags are named")(sql<{ at: number | null }>`
          select herald_millis(herald_refs_replace(${environment}, ${repository}, ${branch}, ${commit}, ${by},
            ${JSON.stringify(refs.map(({ flag, file, line }) => [flag, file, line]))}::text::jsonb, ${SCANS}, ${kept}::interval)) as at`)
        const at = rows[0]!.at
        if (at === null)
          return yield* failure("ScansFull", `${environment} has the places of ${SCANS} branches already`)
        return { environment, repository, branch, commit, by, at, refs: refs.length } satisfies Scan
      }),
      remove: (environment, { repository, branch }) =>
        Effect.map(
          guarded("take away where flags are named")(sql`
            delete from flag_scans where environment = ${environment} and repository = ${repository} and branch = ${branch}
            returning 1 as gone`),
          (rows) => rows.length > 0
        ),
      of: (environment, flag, limit) =>
        guarded(`look where the flag ${flag} is named`)(sql<Found>`
          select r.flag, r.file, r.line, s.repository, s.branch, s.commit_id as commit, herald_millis(s.told_at) as at
          from flag_refs r join flag_scans s on s.id = r.scan
          where r.environment = ${environment} and r.flag = ${flag} and s.told_at > clock_timestamp() - ${kept}::interval
          order by s.repository collate "C", s.branch collate "C", r.file collate "C", r.line limit ${limit}`),
      scans: (environment) =>
        guarded("list where flags are named")(sql<Scan>`
          select ${sql.literal(SCAN)} from flag_scans
          where environment = ${environment} and told_at > clock_timestamp() - ${kept}::interval
          order by repository collate "C", branch collate "C" limit ${SCANS}`)
    })
  )
)
