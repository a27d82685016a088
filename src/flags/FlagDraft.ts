/** Describes what publishers of flags, and of what flags share, ask for, and what became of it. Pure. */
import type { Committed } from "../commits/Release.ts"
import type { Problem } from "../evaluation/Definition.ts"
import type { Bucketing } from "../evaluation/Fractional.ts"
import type { Difference } from "../values/Diff.ts"
import type { FeatureFlag, FlagWish } from "./FeatureFlag.ts"
import type { FlagSettings, FlagSettingsWish } from "./FlagSettings.ts"
import type { Moved } from "./Moving.ts"
import type { Segment, SegmentWish } from "./Segment.ts"

/** All that is stored for flags. */
export type Kept = FeatureFlag | Segment | FlagSettings
export type KeptKind = Kept["kind"]
export type KeptWish = FlagWish | SegmentWish | FlagSettingsWish

/** What people call one. */
export const nouns: Readonly<Record<KeptKind, string>> = {
  flag: "flag",
  segment: "segment",
  flag_settings: "settings of"
}

/** A change that is asked for. `definition` null archives it. */
export interface FlagDraft {
  /** Left out: a flag. */
  readonly kind?: KeptKind
  readonly environment: string
  readonly key: string
  readonly definition: string | null
  readonly expectedVersion?: number | undefined
  /** To archive a flag although it is evaluated. AV1 */
  readonly force?: boolean | undefined
}

export const kindOf = ({ kind = "flag" }: Pick<FlagDraft, "kind">): KeptKind => kind

/** What became of a publish, and what its author may want to know. */
export interface FlagWritten {
  readonly committed: Committed<Kept>
  /** FR7 */
  readonly warnings: ReadonlyArray<Problem>
}

/** What would become of a draft. */
export interface FlagValidated {
  readonly kind: KeptKind
  readonly key: string
  readonly environment: string
  readonly difference: Difference
  /** FR7 */
  readonly warnings: ReadonlyArray<Problem>
}

/** Who would be given another variant with another bucketing. WB3 */
export interface Moving {
  readonly from: Bucketing
  readonly to: Bucketing
  /** Flags that put people into buckets. */
  readonly flags: number
  /** Those of them that were counted: all, unless they are too many. */
  readonly counted: number
  /** Whether people were made up, or given. */
  readonly madeUp: boolean
  /** Those who move the most people first, `MOVED` of them at most. */
  readonly moved: ReadonlyArray<Moved>
  /** Of all flags that were counted, one with the other: people who were asked for, and those who would move. */
  readonly asked: number
  readonly wouldMove: number
}
export const MOVED = 1_000
