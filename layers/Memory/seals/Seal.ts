/** The keys of seals over a `State`. */
import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import { Seal } from "../../../src/seals/Seal.ts"
import { makeSeal } from "../../Crypto/seals/Seals.ts"
import { State } from "../State.ts"

export const layer = Layer.effect(
  Seal,
  Effect.flatMap(State.service, (state) =>
    makeSeal(
      Effect.sync(() => {
        if (state.sealKeys.length === 0) state.sealKeys.push({ id: "1", key: randomBytes(32) })
        return state.sealKeys
      })
    )
  )
)
