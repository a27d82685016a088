/** Seals that a test knows: those of a key of its own, or of a database's. */
import { Effect, Layer } from "effect"
import { makeSeal, type SealKey, sealBy } from "../../layers/Crypto/seals/Seals.ts"
import { Seal, type SealShape } from "../../src/seals/Seal.ts"
import { connect } from "./Database.ts"

export const testKey: SealKey = { id: "1", key: new Uint8Array(32).fill(7) }

const by = (key: SealKey): Pick<SealShape, "seal"> => ({ seal: (purpose, text) => sealBy(key, purpose, text) })
export const testSeal = by(testKey)
export const layerTestSeal = Layer.effect(Seal, makeSeal(Effect.succeed([testKey])))

/** As a node on this database seals. */
export const sealOf = async (databaseUrl: string): Promise<Pick<SealShape, "seal">> => {
  await using session = await connect(databaseUrl)
  const keys = await session.query("select id::text as id, key from herald_seal_keys()")
  return by(keys.at(-1) as unknown as SealKey)
}
