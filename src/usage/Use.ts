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
