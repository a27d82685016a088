/** A flag as it is stored, versioned and told. Pure. */

import type { Prerequisite } from "../evaluation/Definition.ts"
import type { Kind } from "../propagation/Kind.ts"
import { type Stored, type StoredWish, storedKind } from "./Stored.ts"

/** Bytes of one definition, as UTF-8. */
export const DEFINITION_BYTES = 262_144
/** Flags of one environment. */
export const FLAGS = 20_000
/** Bytes of the definitions of one environment. */
export const FLAGS_BYTES = 67_108_864

export type FeatureFlag = Stored<"flag">

/** What others may need of a flag. */
export interface Shape {
  readonly variants: ReadonlyArray<string>
  readonly prerequisites: ReadonlyArray<Prerequisite>
}

export interface FlagWish extends StoredWish<FeatureFlag>, Shape {
  readonly kind: "flag"
  readonly enabled: boolean
  /** Of the simple form; null: it has a rule of its own. */
  readonly percentage: number | null
  readonly targetUsers: ReadonlyArray<string> | null
  /** The number that it has as the candidate of the rollout that completes in this release. Left out: the next number. RQ4 */
  readonly candidate?: number | undefined
}

export const flagKind: Kind<FeatureFlag> = storedKind("flag")
