/**
 * Sums up in the database what was reported of an experiment: XE8, XE9. Of many units part by part, so that no statement takes long: a unit is in one part,
 * and sums of parts add up.
 */
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import type { Asked, Summed } from "../../../src/experiments/Sums.ts"
import { LARGEST } from "../../../src/experiments/Sums.ts"
import { fromSql, Gone, guarded, inTime } from "../connection/Failure.ts"

interface Row {
  /** "": of units that saw two. */
  readonly variant: string
  /** Null: how many units there are. */
  readonly metric: number | null
  readonly n: number
  readonly sum: number
  readonly squares: number
}

/** Exposures of one part, about; and parts at most. */
const [PART, PARTS] = [100_000, 32]

/** How long one part may take. */
const PATIENCE = "30 seconds"
const WHAT = "sum up an experiment"

/** How many units there are the planner can't know: joined by loops, it would take minutes. */
const patient =
  (sql: SqlClient.SqlClient) =>
  <A, R>(statement: Effect.Effect<A, SqlError, R>) =>
    sql
      .withTransaction(
        Effect.andThen(
          sql`select set_config('statement_timeout', '30s', true), set_config('jit', 'off', true), set_config('work_mem', '64MB', true),
            set_config('enable_nestloop', 'off', true)`,
          statement
        )
      )
      .pipe(
        Effect.mapError(fromSql(WHAT)),
        inTime(PATIENCE, () =>
          Effect.fail(
            new Gone({
              name: "DatabaseUnavailable",
              message: `could not ${WHAT}: the database did not answer within ${PATIENCE}`
            })
          )
        )
      )

export const makeSum =
  (sql: SqlClient.SqlClient) =>
  (environment: string, { flag, flagVersion, variants, from, until, metrics }: Asked) => {
    const counted = guarded("count what was reported of an experiment")(sql<{ n: number }>`
      select count(*)::float8 as n from (
        select from flag_exposures e where e.environment = ${environment} and e.flag_name = ${flag}
          and e.day between herald_day(${from}::float8) and herald_day(${until}::float8) limit ${PART * PARTS}) few`)
    const part = (parts: number, n: number) =>
      patient(sql)(sql<Row>`
        with exposed as materialized (
          select e.unit, greatest(min(e.first_at), herald_at(${from}::float8)) as at, min(e.variant) as variant, min(e.variant) <> max(e.variant) as mixed
          from flag_exposures e
          where e.environment = ${environment} and e.flag_name = ${flag}
            and e.day between herald_day(${from}::float8) and herald_day(${until}::float8)
            and get_byte(e.unit, 0) % ${parts}::int = ${n}::int
            and e.variant = any (array(select jsonb_array_elements_text(${JSON.stringify(variants)}::text::jsonb)))
            and e.version in (0, ${flagVersion}::int) and e.last_at >= herald_at(${from}::float8) and e.first_at < herald_at(${until}::float8)
          group by e.unit
        ),
        metrics as (
          select m.place::int - 1 as metric, m.value->>'event' as event, (m.value->>'windowMillis')::float8 * interval '1 millisecond' as lasts,
            (m.value->>'cap')::float8 as cap, m.value->>'kind' = 'conversion' as counts
          from jsonb_array_elements(${JSON.stringify(metrics)}::text::jsonb) with ordinality m(value, place)
        ),
        brought as (
          select m.metric, e.variant, case when bool_and(m.counts) then 1 else
              greatest(-${LARGEST}::float8, least(sum(greatest(-${LARGEST}::float8, least(coalesce(t.value, 0), ${LARGEST}::float8))), min(coalesce(m.cap, ${LARGEST}::float8)))) end as x
          from metrics m join track_events t on t.environment = ${environment} and t.name = m.event and t.at >= herald_at(${from}::float8) and t.at < herald_at(${until}::float8)
              and get_byte(t.unit, 0) % ${parts}::int = ${n}::int
            join exposed e on e.unit = t.unit and not e.mixed and t.at >= e.at and t.at < e.at + m.lasts
          group by m.metric, e.variant, e.unit
        )
        select case when mixed then '' else variant end as variant, null::int as metric, count(*)::float8 as n, 0::float8 as sum, 0::float8 as squares
          from exposed group by 1
        union all
        select variant, metric, count(*)::float8, sum(x)::float8, sum(x * x)::float8 from brought group by 1, 2`)
    return Effect.gen(function* () {
      const parts = Math.max(1, Math.ceil((yield* counted)[0]!.n / PART))
      const rows: Array<Row> = []
      for (let n = 0; n < parts; n++) rows.push(...(yield* part(parts, n)))
      const all = (metric: number | null, variant: string, of: "n" | "sum" | "squares"): number =>
        rows.reduce((sum, row) => (row.metric === metric && row.variant === variant ? sum + row[of] : sum), 0)
      return {
        units: variants.map((variant) => all(null, variant, "n")),
        mixed: all(null, "", "n"),
        samples: metrics.map((_, metric) =>
          variants.map((variant) => ({
            n: all(null, variant, "n"),
            sum: all(metric, variant, "sum"),
            sumSquares: all(metric, variant, "squares")
          }))
        )
      } satisfies Summed
    })
  }
