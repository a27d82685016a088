/** The keys of seals over a `State`. */
import { randomBytes } from "node:crypto"
import { Effect, Layer } from "effect"
import { Seal } from "../../../src/seals/Seal.ts"
import { makeSeal, type SealKey } from "../../Crypto/seals/Seals.ts"
import { State } from "../State.ts"

export class SealTables {
  /** The newest last. */
  readonly keys: Array<SealKey> = []
}

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
