/** Describes what publishers of flags, and of what flags share, ask for, and what became of it. Pure. */
import type { Committed } from "../commits/Release.ts"
import type { Problem } from "../evaluation/Definition.ts"
import type { Difference } from "../values/Diff.ts"
import type { FeatureFlag, FlagWish } from "./FeatureFlag.ts"
import type { FlagSettings, FlagSettingsWish } from "./FlagSettings.ts"
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
