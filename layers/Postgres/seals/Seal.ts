/** Keeps the keys of seals in PostgreSQL: whoever reads the database can seal. */
import { Effect, Layer } from "effect"
import { Seal } from "../../../src/seals/Seal.ts"
import { makeSeal, type SealKey } from "../../Crypto/seals/Seals.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

export const layer = Layer.effect(
  Seal,
  Effect.flatMap(Pools, ({ other: sql }) =>
    makeSeal(
      guarded("read the keys of seals")(
        sql<SealKey>`select id::text as id, key from herald_seal_keys() order by herald_seal_keys.id`
      )
    )
  )
)
