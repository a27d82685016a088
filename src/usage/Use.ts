/** What is known of how flags are used, as it is written and read. Pure. */
import type { Door } from "./Caller.ts"

/** Stands for all flags of an environment, which were given at once: no flag is called so. */
export const ALL = ""

/** OpenFeature's. */
export const REASONS = [
  ...["STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "CACHED", "STALE", "UNKNOWN", "ERROR"]
] as ReadonlyArray<string>
/** What stands for the reason ERROR. */
export const ERROR_CODES = [
  ...["FLAG_NOT_FOUND", "PARSE_ERROR", "TYPE_MISMATCH", "GENERAL", "INVALID_CONTEXT", "TARGETING_KEY_MISSING"],
  ...["PROVIDER_NOT_READY", "PROVIDER_FATAL"]
] as ReadonlyArray<string>

/** How often a flag was evaluated in one way. */
export interface Use {
  readonly flag: string
  /** "" where the caller's own default was served. */
  readonly variant: string
  /** The reason, or with ERROR the error's code. */
  readonly outcome: string
  readonly door: Door
  readonly sdk: string
  /** Of the flag; 0: not known. */
  readonly version: number
  readonly count: number
  /** The last time, in milliseconds since 1970. */
  readonly at: number
}

/** Somebody was shown a variant. Kept once for each unit, flag, version, variant and day. */
export interface Exposure {
  readonly flag: string
  readonly variant: string
  readonly version: number
  /** A keyed hash of who it was. */
  readonly unit: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Somebody did something. */
export interface Track {
  readonly name: string
  /** As in exposures. */
  readonly unit: string
  readonly value: number | null
  /** Milliseconds since 1970. */
  readonly at: number
  /** A JSON object, or null. */
  readonly details: Readonly<Record<string, string | number | boolean>> | null
}

/** What is written at once, or not at all. */
export interface UsageBatch {
  readonly environment: string
  /** Who reports it; "" for the nodes themselves. */
  readonly principal: string
  /** Its name, by which it counts once. */
  readonly batch: string
  readonly uses: ReadonlyArray<Use>
  readonly exposures: ReadonlyArray<Exposure>
  readonly tracks: ReadonlyArray<Track>
}

/** What became of a batch. */
export interface Recorded {
  /** It had been written before, with this result. */
  readonly replayed: boolean
  /** Exposures and tracks beyond what the environment takes of one day. */
  readonly overLimit: number
  /** Rows of counts beyond what the environment keeps of one day. */
  readonly leftOut: number
}

/** When a flag was used last. */
export interface LastUse {
  readonly flag: string
  /** When somebody asked for this flag, or told of an evaluation, in milliseconds since 1970. */
  readonly asked: { readonly at: number; readonly door: Door; readonly sdk: string } | undefined
  /** When it was given with all flags; of `ALL`, when somebody took all of them. */
  readonly givenAt: number | undefined
}

/** An exposure as it is kept: the first and, within ten minutes, the last of its day. */
export interface Exposed extends Omit<Exposure, "at"> {
  /** Days since 1970, UTC. */
  readonly day: number
  readonly firstAt: number
  readonly lastAt: number
}
