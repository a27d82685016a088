/** Describes what publishers of flags ask for, and what became of it. Pure. */
import type { Committed } from "../commits/Release.ts"
import type { Difference } from "../values/Diff.ts"
import type { Problem } from "./Definition.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"

/** A change that is asked for. `definition` null archives the flag. */
export interface FlagDraft {
  readonly environment: string
  readonly key: string
  readonly definition: string | null
  readonly expectedVersion?: number | undefined
}

/** What became of a publish, and what its author may want to know. */
export interface FlagWritten {
  readonly committed: Committed<FeatureFlag>
  /** FR7 */
  readonly warnings: ReadonlyArray<Problem>
}

/** What would become of a draft. */
export interface FlagValidated {
  readonly flag: string
  readonly environment: string
  readonly difference: Difference
  /** FR7 */
  readonly warnings: ReadonlyArray<Problem>
}
