/** Reads rollouts in PostgreSQL, by the tables of migration 0032. */
import { Effect, Layer } from "effect"
import { asRollout, type RolloutRow } from "../../../src/rollouts/RolloutKind.ts"
import { RolloutStore } from "../../../src/rollouts/RolloutStore.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { allTouched } from "../connection/Touched.ts"

interface Found {
  readonly stated: RolloutRow
}

const rollouts = (rows: ReadonlyArray<Found>) => rows.map(({ stated }) => asRollout(stated))

export const layer = Layer.effect(
  RolloutStore,
  Effect.map(Pools, ({ reads: sql, other }) => {
    const bytes = sql.literal(
      "sum(octet_length(stated::text)) over (order by n) - octet_length(stated::text) as bytes_before"
    )
    return RolloutStore.of({
      present: (after, limit) =>
        Effect.map(
          guarded("read rollouts")(sql<Found>`
            select stated from (
              select stated, n, ${bytes} from (
                select r.stated, r.revision as n from rollouts r
                where r.revision > ${String(after)}::text::bigint and herald_rollout_stands(r)
                order by r.revision limit ${limit}
              ) page
            ) sized where bytes_before < ${PAGE_BYTES} order by n`),
          rollouts
        ),
      find: (environment, key) =>
        Effect.map(
          guarded(`read the rollout ${key}`)(sql<Found>`
            select stated from rollout_history where environment = ${environment} and id = ${key}
            order by version desc limit 1`),
          ([found]) => found && asRollout(found.stated)
        ),
      list: (environment, { limit, before, state, touching, scope }) =>
        Effect.map(
          guarded("list rollouts")(sql<Found>`
            select stated from (
              select stated, n, ${bytes} from (
                select r.stated, -r.began as n from rollouts r
                where r.environment = ${environment} and r.began < coalesce(${before === undefined ? null : String(before)}::text::bigint, 9223372036854775807)
                  and (${state ?? ""} = '' or r.state = ${state ?? ""} or (${state ?? ""} = 'active' and not herald_is_over(r.state)))
                  and (${touching === undefined} or r.stated->'targets' @> ${JSON.stringify(touching === undefined ? [] : [{ kind: touching.kind, key: touching.key }])}::text::jsonb)
                  and ${allTouched(sql, scope, "r.stated->'targets'")}
                order by r.began desc limit ${limit}
              ) page
            ) sized where bytes_before < ${PAGE_BYTES} order by n`),
          rollouts
        ),
      history: (environment, key, { limit, after }) =>
        Effect.map(
          guarded(`read the history of the rollout ${key}`)(sql<Found>`
            select stated from (
              select stated, n, ${bytes} from (
                select h.stated, h.version as n from rollout_history h
                where h.environment = ${environment} and h.id = ${key} and h.version > ${after}
                order by h.version limit ${limit}
              ) page
            ) sized where bytes_before < ${PAGE_BYTES} order by n`),
          rollouts
        ),
      candidate: (environment, key, target) =>
        Effect.map(
          guarded(`read the candidate of ${target.key}`)(sql<{ wish: string | null }>`
            select wish from rollout_candidates
            where environment = ${environment} and rollout = ${key} and kind = ${target.kind} and key = ${target.key}`),
          ([found]) => found?.wish ?? undefined
        ),
      // Of the clock, so that none of before a restored backup is given again.
      claim: (environment, key) =>
        Effect.map(
          guarded(`claim the rollout ${key}`)(other<{ fence: string; now: number }>`
            update rollout_marks m set fence = greatest(m.fence + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
            where m.environment = ${environment} and m.id = ${key}
              and exists (select from rollouts r where r.environment = m.environment and r.id = m.id and not herald_is_over(r.state))
            returning m.fence::text as fence, herald_millis(clock_timestamp()) as now`),
          ([found]) => found && { fence: BigInt(found.fence), now: found.now }
        )
    })
  })
)
