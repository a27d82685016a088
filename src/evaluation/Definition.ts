/**
 * What a flag is: flagd's format, and what Herald adds to it. Pure.
 *
 *   FG1  What is accepted can be evaluated: one type for all variants, a default that is one of them, a rule that can be read.
 *   FG2  A refusal says every rule that is broken, up to `PROBLEMS`, each with its place as a JSON Pointer.
 *   FG3  Bounds are of bytes, of entries and of depth, and are looked at before anything is done with a text.
 */
import type { Json } from "./Json.ts"

/** Of a flag's name. It is a key, too (KY1). */
export const FLAG_NAME = 100
export const VARIANTS = 100
/** Characters of a variant's name. */
export const VARIANT_NAME = 100
export const METADATA = 50
export const PREREQUISITES = 16
/** Segments that one rule names. */
export const USES = 16
export const PROBLEMS = 20
/** Integers beyond it are not the same in every language. */
export const LARGEST = Number.MAX_SAFE_INTEGER

export const STATES = ["ENABLED", "DISABLED"] as const
export const PURPOSES = ["release", "experiment", "kill-switch", "permission"] as const
export type FlagType = "boolean" | "string" | "number" | "object"
export type Metadata = Readonly<Record<string, string | number | boolean>>

/** Another flag has to serve that variant, or this one serves its default. */
export interface Prerequisite {
  readonly flag: string
  readonly variant: string
}

/** What people want to know of a flag. Nothing of it is evaluated. */
export interface About {
  readonly description?: string
  readonly owner?: string
  readonly tags?: ReadonlyArray<string>
  readonly purpose?: (typeof PURPOSES)[number]
  /** The day on which it should be gone: YYYY-MM-DD. */
  readonly expectedEnd?: string
}

export interface Definition {
  readonly enabled: boolean
  readonly type: FlagType
  readonly variants: ReadonlyMap<string, Json>
  /** Undefined: the caller's own default is served where no rule decides. */
  readonly defaultVariant: string | undefined
  /** As written, with `$ref` in it. Undefined: the default variant is for everyone. */
  readonly targeting: Json | undefined
  /** Rules that `$ref` of this flag may name, before those that the environment has. */
  readonly evaluators: ReadonlyMap<string, Json>
  readonly metadata: Metadata
  readonly prerequisites: ReadonlyArray<Prerequisite>
  readonly about: About
}

/** What is wrong, and where: a JSON Pointer, "" for the whole. */
export interface Problem {
  readonly at: string
  readonly problem: string
}

export const pointed = (at: string, step: string | number): string =>
  `${at}/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`

/** For people: `/targeting/if/0: …`. */
export const told = ({ at, problem }: Problem): string => `${at === "" ? "it" : at} ${problem}`

export const typeOf = (value: Json): FlagType | undefined => {
  const type = typeof value
  if (type === "object") return value === null || Array.isArray(value) ? undefined : "object"
  return type as FlagType
}
