/** What somebody asks a rollout for, before it is checked. Pure. */
import type { Draft } from "../configuration/Draft.ts"
import type { FlagDraft } from "../flags/FlagDraft.ts"
import type { When } from "../schedules/When.ts"
import type { Target } from "./Rollout.ts"

/** What a version of before said, as the candidate: one that was current once, or was withdrawn. */
export interface Again extends Pick<Target, "kind" | "key"> {
  /** Undefined: the flag as it is, of which a variant is raised (`Plan.raise`). */
  readonly version: number | undefined
}

export interface Wanted {
  readonly environment: string
  /** Of that environment, as are the flags; none deletes. */
  readonly changes: ReadonlyArray<Draft>
  readonly flags: ReadonlyArray<FlagDraft>
  readonly again: ReadonlyArray<Again>
  /** The name of a plan of the environment, or one as `readPlan` takes it. */
  readonly plan: unknown
  /** Undefined: at once. */
  readonly when: When | undefined
  /** What the file is called that asks for it; undefined: none does. */
  readonly file: string | undefined
}

/** Whom a stage would reach now, among those who are connected. */
export interface Reach {
  /** As it would be written. */
  readonly stage: string
  /** Connected instances that want it and that the stage names. */
  readonly named: number
  /** Those of them that would be in it. */
  readonly within: number
}

/** What it is to change. */
export const targetsOf = ({
  changes,
  flags,
  again
}: Pick<Wanted, "changes" | "flags" | "again">): ReadonlyArray<Pick<Target, "kind" | "key">> => [
  ...changes.map(({ key }) => ({ kind: "configuration" as const, key })),
  ...flags.map(({ key }) => ({ kind: "flag" as const, key })),
  ...again
]

/** What an idempotency key, and the digest of a file, stand for: all but what the door found in values. */
export const toldOf = ({ changes, ...more }: Pick<Wanted, "changes" | "flags" | "again">) => ({
  changes: changes.map(({ found: _, ...draft }) => draft),
  ...more
})
