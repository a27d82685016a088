/**
 * Sums up in the database what was reported of an experiment: XE8, XE9. Metric by metric, and of very many units part by part, so that no statement
 * takes long: a unit is in one part, and sums of parts add up. Each part reads all that was reported, so there are as few as may be.
 */
import { Duration, Effect } from "effect"
import type { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import type { Asked, Summed } from "../../../src/experiments/Sums.ts"
import { LARGEST } from "../../../src/experiments/Sums.ts"
import { guarded } from "../connection/Failure.ts"

interface Row {
  /** "": of units that saw two. */
  readonly variant: string
  readonly units: number
  readonly sum: number
  readonly squares: number
}

/** Exposures of one part, about; and parts at most. */
const [PART, PARTS] = [1_000_000, 32]

/** How long one statement may take. */
const PATIENCE = Duration.seconds(30)

/** How many units there are the planner can't know: joined by loops, it would take minutes. */
const patient =
  (sql: SqlClient.SqlClient) =>
  <A, R>(statement: Effect.Effect<A, SqlError, R>) =>
    guarded(
      "sum up an experiment",
      PATIENCE
    )(
      sql.withTransaction(
        Effect.andThen(
          sql`select set_config('statement_timeout', '30s', true), set_config('work_mem', '64MB', true),
            set_config('enable_nestloop', 'off', true)`,
          statement
        )
      )
    )

/** `size`: exposures of one part, about. */
export const makeSum =
  (sql: SqlClient.SqlClient, size = PART) =>
  (environment: string, { flag, flagVersion, variants, from, until, metrics }: Asked) => {
    const counted = patient(sql)(sql<{ n: number }>`
      select count(*)::float8 as n from (
        select from flag_exposures e where e.environment = ${environment} and e.flag_name = ${flag}
          and e.day between herald_day(${from}::float8) and herald_day(${until}::float8) limit ${size * PARTS}) few`)
    const part = (metric: Asked["metrics"][number] | null, parts: number, n: number) =>
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
        brought as (
          select e.variant, case when ${metric?.kind === "conversion"}::boolean then 1 else
              greatest(-${LARGEST}::float8, least(sum(greatest(-${LARGEST}::float8, least(coalesce(t.value, 0), ${LARGEST}::float8))), ${metric?.cap ?? LARGEST}::float8)) end as x
          from track_events t
            join exposed e on e.unit = t.unit and not e.mixed and t.at >= e.at and t.at < e.at + ${metric?.windowMillis ?? 0}::float8 * interval '1 millisecond'
          where t.environment = ${environment} and t.name = ${metric?.event ?? null}::text and t.at >= herald_at(${from}::float8) and t.at < herald_at(${until}::float8)
            and get_byte(t.unit, 0) % ${parts}::int = ${n}::int
          group by e.variant, e.unit
        )
        select case when mixed then '' else variant end as variant, count(*)::float8 as units, 0::float8 as sum, 0::float8 as squares
          from exposed group by 1
        union all
        select variant, 0, sum(x)::float8, sum(x * x)::float8 from brought group by 1`)
    const all = (rows: ReadonlyArray<Row>, variant: string, of: "units" | "sum" | "squares"): number =>
      rows.reduce((sum, row) => (row.variant === variant ? sum + row[of] : sum), 0)
    return Effect.gen(function* () {
      const parts = Math.max(1, Math.ceil((yield* counted)[0]!.n / size))
      const sums = yield* Effect.forEach(metrics.length === 0 ? [null] : metrics, (metric) =>
        Effect.map(
          Effect.forEach(Array.from({ length: parts }).keys(), (n) => part(metric, parts, n)),
          (rows) => rows.flat()
        )
      )
      return {
        units: variants.map((variant) => all(sums[0]!, variant, "units")),
        mixed: all(sums[0]!, "", "units"),
        // The units of its own statement: meanwhile more of them may have been reported.
        samples: metrics.map((_, metric) =>
          variants.map((variant) => ({
            n: all(sums[metric]!, variant, "units"),
            sum: all(sums[metric]!, variant, "sum"),
            sumSquares: all(sums[metric]!, variant, "squares")
          }))
        )
      } satisfies Summed
    })
  }
