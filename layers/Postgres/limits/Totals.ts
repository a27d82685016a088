/** Reads what environments hold in PostgreSQL, as commits count it. */
import { Effect, Layer } from "effect"
import { type Total, Totals } from "../../../src/limits/Totals.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

interface Row {
  readonly environment: string
  readonly keys: string
  readonly bytes: string
}

const asTotal = ({ environment, keys, bytes }: Row): Total => ({
  environment,
  keys: Number(keys),
  bytes: Number(bytes)
})

export const layer = Layer.effect(
  Totals,
  Effect.map(Pools, ({ reads: sql }) =>
    Totals.of({
      read: (environment) =>
        Effect.map(
          guarded("read what environments hold")(
            environment === undefined
              ? sql<Row>`select t.environment, t.keys::text, t.bytes::text from (select distinct environment from environment_sums) e
                  cross join lateral herald_sum(e.environment) t order by t.environment collate "C"`
              : sql<Row>`select environment, keys::text, bytes::text from herald_sum(${environment}::text)`
          ),
          (rows) => rows.map(asTotal)
        )
    })
  )
)
