/**
 * Resolutions as flagd.evaluation.v2 has them. Pure.
 *
 *   FP1  A value that is served is on the wire, false, "", 0 and {} too; where the caller's own default is served, there is neither value nor variant.
 *   FP2  Statuses are those by which providers know the error: NOT_FOUND, INVALID_ARGUMENT for another type, DATA_LOSS for a rule that can't be
 *        read, INTERNAL for all else. UNKNOWN and UNAVAILABLE would be tried again for seconds.
 *   FP3  A number is an int only without loss; any other is of another type.
 */
import type { Schema } from "effect"
import type { Resolution } from "../../../evaluation/Resolution.ts"
import { Code } from "../Code.ts"
import type { CallStatus } from "../ServerCall.ts"

export type Wanted = "boolean" | "string" | "float" | "int" | "object"

export interface Resolved {
  readonly value: unknown
  readonly variant: string | undefined
  readonly reason: string
  readonly metadata: Readonly<Record<string, unknown>>
}

const statuses: Readonly<Record<string, number>> = {
  FLAG_NOT_FOUND: Code.NOT_FOUND,
  PARSE_ERROR: Code.DATA_LOSS,
  TYPE_MISMATCH: Code.INVALID_ARGUMENT
}

/** As a gRPC message carries text. */
const ascii = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?")

const NONE: unique symbol = Symbol("none")

/** The value as the wire has it, `NONE` when it is of another type. FP3 */
const valueOf = (value: Schema.Json, wanted: Wanted): unknown => {
  switch (wanted) {
    case "boolean":
    case "string":
      return typeof value === wanted ? value : NONE
    case "float":
      return typeof value === "number" ? value : NONE
    case "int":
      return Number.isSafeInteger(value) ? BigInt(value as number) : NONE
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value) ? value : NONE
  }
}

/** Whether a value can be told to who wants one of that type. FP3 */
export const fits =
  (wanted: Wanted) =>
  (value: Schema.Json): boolean =>
    valueOf(value, wanted) !== NONE

/** FP1, FP2 */
export const resolved = (key: string, resolution: Resolution, wanted: Wanted): Resolved | CallStatus => {
  const { value, variant, reason, errorCode, errorDetails = "", metadata } = resolution
  if (errorCode !== undefined) return { code: statuses[errorCode] ?? Code.INTERNAL, details: ascii(errorDetails) }
  if (value === undefined) return { value: undefined, variant: undefined, reason, metadata }
  const its = valueOf(value, wanted)
  return its === NONE
    ? { code: Code.INVALID_ARGUMENT, details: ascii(`the flag ${key} is not of the type ${wanted}`) }
    : { value: its, variant, reason, metadata }
}

export const isStatus = (answer: Resolved | CallStatus): answer is CallStatus => "code" in answer
