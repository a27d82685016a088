/** The keys of seals over a `State`. */

import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import { Seal } from "../../../src/seals/Seal.ts"
import { makeSeal } from "../../Crypto/seals/Seals.ts"
import { State } from "../State.ts"
import { SealTables } from "./SealTables.ts"

export const layer = Layer.effect(
  Seal,
  Effect.flatMap(State.service, (state) =>
    makeSeal(
      Effect.sync(() => {
        const { keys } = state.tables(SealTables)
        if (keys.length === 0) keys.push({ id: "1", key: randomBytes(32) })
        return keys
      })
    )
  )
)
