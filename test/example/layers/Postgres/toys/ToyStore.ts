/** ToyStore in PostgreSQL: one statement, so that counts and position are of one moment. */
import { Effect, Layer } from "effect"
import { asToy, type ToyRow } from "../../../src/toys/Toy.ts"
import { ToyStore } from "../../../src/toys/ToyStore.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

interface Row {
  readonly epoch: string
  readonly revision: string
  readonly toys: ReadonlyArray<ToyRow>
}

export const layer = Layer.effect(
  ToyStore,
  Effect.map(Pools, ({ reads: sql }) =>
    ToyStore.of({
      all: guarded("read counts")(sql<Row>`
        select epoch, herald_head()::text as revision, (
          select coalesce(jsonb_agg(herald_toy_at(t.environment, t.key, t.revision)), '[]') from (
            select environment, key, max(toys.revision) as revision from toys group by environment, key
          ) t
        ) as toys from herald_epoch`).pipe(
        Effect.map(([row]) => ({
          at: { epoch: row!.epoch, revision: BigInt(row!.revision) },
          toys: row!.toys.map(asToy)
        }))
      )
    })
  )
)
