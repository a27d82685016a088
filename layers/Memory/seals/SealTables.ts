/** Holds a `State`'s keys of seals. */
import type { SealKey } from "../../Crypto/seals/Seals.ts"

export class SealTables {
  /** The newest last. */
  readonly keys: Array<SealKey> = []
}
