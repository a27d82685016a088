/** The keys of seals over a `State`. */
import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import { Seal } from "../../../src/seals/Seal.ts"
import { makeSeal } from "../../Crypto/seals/Seals.ts"
import type { State } from "../State.ts"

export const layerSeal = (state: State) =>
  Layer.effect(
    Seal,
    makeSeal(
      Effect.sync(() => {
        if (state.sealKeys.length === 0) state.sealKeys.push({ id: "1", key: randomBytes(32) })
        return state.sealKeys
      })
    )
  )
