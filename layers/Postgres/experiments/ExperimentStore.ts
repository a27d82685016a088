/** Reads experiments in PostgreSQL, and sums up there what was reported of them. */
import { Effect, Layer } from "effect"
import { asExperiment, type ExperimentRow } from "../../../src/experiments/Experiment.ts"
import { ExperimentStore } from "../../../src/experiments/ExperimentStore.ts"
import { LARGEST } from "../../../src/experiments/Sums.ts"
import { PAGE_BYTES } from "../../../src/values/Page.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

interface Found {
  readonly stated: ExperimentRow
}
const all = (rows: ReadonlyArray<Found>) => rows.map(({ stated }) => asExperiment(stated))

interface Sums {
  readonly variant: string
  /** Null: how many units there are. */
  readonly metric: number | null
  readonly n: number
  readonly sum: number
  readonly squares: number
}

const PAGE = 200

export const layer = Layer.effect(
  ExperimentStore,
  Effect.map(Pools, ({ reads, other }) =>
    ExperimentStore.of({
      find: (environment, key) =>
        Effect.map(
          guarded(`read the experiment ${key}`)(reads<Found>`
            select herald_experiment_json(x) as stated from experiments x where environment = ${environment} and experiment_name = ${key}`),
          (rows) => all(rows)[0]
        ),
      running: (environment) =>
        Effect.map(
          guarded("read running experiments")(reads<Found>`
            select herald_experiment_json(x) as stated from experiments x where environment = ${environment} and state = 'running'
            order by experiment_name`),
          all
        ),
      page: (after) =>
        Effect.map(
          guarded("read running experiments")(reads<Found>`
            select herald_experiment_json(x) as stated from experiments x where state = 'running'
              and (environment, experiment_name) > (${after?.environment ?? ""}, ${after?.key ?? ""})
            order by environment, experiment_name limit ${PAGE}`),
          all
        ),
      list: (environment, { limit, after, state, flag }) =>
        Effect.map(
          guarded("list experiments")(reads<Found>`
            select herald_experiment_json(sized.x) as stated from (
              select x, name, sum(bytes) over (order by name) - bytes as bytes_before from (
                select x, experiment_name as name, octet_length(definition) + octet_length(hypothesis) + octet_length(conclusion) + 8192 as bytes
                from experiments x where environment = ${environment} and experiment_name > ${after}
                  and (${state ?? ""} = '' or state = ${state ?? ""}) and (${flag ?? ""} = '' or flag_name = ${flag ?? ""})
                order by experiment_name limit ${limit}
              ) x
            ) sized where bytes_before < ${PAGE_BYTES} order by name`),
          all
        ),
      history: (environment, key, { limit, before }) =>
        Effect.map(
          guarded(`read the history of the experiment ${key}`)(reads<Found>`
            select stated from (
              select stated, version, sum(bytes) over (order by version desc) - bytes as bytes_before from (
                select stated, version, octet_length(stated::text) as bytes from experiment_history
                where environment = ${environment} and experiment_name = ${key} and version < ${before ?? 2_147_483_647}
                order by version desc limit ${limit}
              ) h
            ) sized where bytes_before < ${PAGE_BYTES} order by version desc`),
          all
        ),
      // Sums alone leave the database: XE8, XE9.
      sum: (environment, { flag, flagVersion, variants, from, until, metrics }) =>
        guarded("sum up an experiment")(other<Sums>`
          with asked as (select herald_at(${from}::float8) as since, herald_at(${until}::float8) as until, ${LARGEST}::float8 as most),
          exposed as materialized (
            select e.unit, greatest(min(e.first_at), min(a.since)) as at, min(e.variant) as variant, min(e.variant) <> max(e.variant) as mixed
            from flag_exposures e, asked a
            where e.environment = ${environment} and e.flag_name = ${flag}
              and e.day between herald_day(${from}::float8) and herald_day(${until}::float8)
              and e.variant in (select jsonb_array_elements_text(${JSON.stringify(variants)}::text::jsonb))
              and e.version in (0, ${flagVersion}::int) and e.last_at >= a.since and e.first_at < a.until
            group by e.unit
          ),
          metrics as (
            select m.place::int - 1 as metric, m.value->>'event' as event, (m.value->>'windowMillis')::float8 * interval '1 millisecond' as lasts,
              (m.value->>'cap')::float8 as cap, m.value->>'kind' = 'conversion' as counts
            from jsonb_array_elements(${JSON.stringify(metrics)}::text::jsonb) with ordinality m(value, place)
          ),
          brought as (
            select m.metric, e.variant, case when bool_and(m.counts) then 1 else
              greatest(-a.most, least(sum(greatest(-a.most, least(coalesce(t.value, 0), a.most))), min(coalesce(m.cap, a.most)))) end as x
            from metrics m cross join asked a
              join track_events t on t.environment = ${environment} and t.name = m.event and t.at >= a.since and t.at < a.until
              join exposed e on e.unit = t.unit and not e.mixed and t.at >= e.at and t.at < e.at + m.lasts
            group by m.metric, e.variant, e.unit, a.most
          )
          select case when mixed then '' else variant end as variant, null::int as metric, count(*)::float8 as n, 0::float8 as sum, 0::float8 as squares
            from exposed group by 1
          union all
          select variant, metric, count(*)::float8, sum(x)::float8, sum(x * x)::float8 from brought group by 1, 2`).pipe(
          Effect.map((rows) => {
            const unitsOf = (variant: string) =>
              rows.find((row) => row.metric === null && row.variant === variant)?.n ?? 0
            return {
              units: variants.map(unitsOf),
              mixed: unitsOf(""),
              samples: metrics.map((_, metric) =>
                variants.map((variant) => {
                  const its = rows.find((row) => row.metric === metric && row.variant === variant)
                  return { n: unitsOf(variant), sum: its?.sum ?? 0, sumSquares: its?.squares ?? 0 }
                })
              )
            }
          })
        )
    })
  )
)
