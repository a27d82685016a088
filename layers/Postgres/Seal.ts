/** The keys of seals in PostgreSQL: whoever reads the database can seal. */
import { Effect, Layer } from "effect"
import { Seal } from "../../src/propagation/Seal.ts"
import { makeSeal, type SealKey } from "../Seals.ts"
import { guarded } from "./Failure.ts"
import { Pools } from "./Pools.ts"

export const layerSeal = Layer.effect(
  Seal,
  Effect.flatMap(Pools, ({ other: sql }) =>
    makeSeal(
      guarded("read the keys of seals")(
        sql<SealKey>`select id::text as id, key from herald_seal_keys() order by herald_seal_keys.id`
      )
    )
  )
)
