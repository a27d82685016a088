/** What an evaluation answers, in OpenFeature's words. Pure. */

import type { Metadata } from "./Definition.ts"
import type { Json } from "./Json.ts"

/** `SPLIT` and `CACHED` are never said: flagd says `TARGETING_MATCH` for buckets, and the rest is the client's. */
export type Reason = "STATIC" | "TARGETING_MATCH" | "DEFAULT" | "DISABLED" | "ERROR"
export type ErrorCode = "FLAG_NOT_FOUND" | "PARSE_ERROR" | "TYPE_MISMATCH" | "GENERAL" | "INVALID_CONTEXT"

/** It is shared by all who get it, and frozen. */
export interface Resolution {
  /** Undefined: the caller's own default is served. */
  readonly value: Json | undefined
  readonly variant: string | undefined
  readonly reason: Reason
  readonly errorCode: ErrorCode | undefined
  readonly errorDetails: string | undefined
  readonly metadata: Metadata
}

/** Attributes of who is evaluated, JSON; `targetingKey` is one of them. It is read and never changed. */
export type Context = Readonly<Record<string, unknown>>
