/**
 * Resolutions as flagd.evaluation.v1 has them, whose answers always have a value. Pure, but for what it remembers.
 *
 *   FP7  A flag that is disabled has the zero of its type and no variant; one whose rule decides nothing, and that has no default, is not found. Of all
 *        flags, the latter are left out, and those that can't be evaluated are there with the reason ERROR and without a value.
 */
import {
  type AnyFlag,
  ResolveAllResponse_FlagsEntry
} from "../../../../proto/generated/flagd/evaluation/v1/evaluation.ts"
import type { FlagType } from "../../../evaluation/Definition.ts"
import type { Resolution } from "../../../evaluation/Resolution.ts"
import { Code } from "../Code.ts"
import type { CallStatus } from "../ServerCall.ts"
import { varint } from "./Varint.ts"
import { isStatus, type Resolved, type Wanted } from "./Wire.ts"

const zeros: Readonly<Record<Wanted, unknown>> = { boolean: false, string: "", float: 0, int: 0n, object: {} }

/** An answer of the second version as the first has it. FP7 */
export const inFirst = (key: string, answer: Resolved | CallStatus, wanted: Wanted): Resolved | CallStatus => {
  if (isStatus(answer) || answer.value !== undefined) return answer
  return answer.reason === "DISABLED"
    ? { ...answer, value: zeros[wanted], variant: "" }
    : { code: Code.NOT_FOUND, details: `the flag ${key.replace(/[^\x20-\x7e]/g, "?")} has no default` }
}

type Value = AnyFlag["value"]

const valueOf = (value: unknown, type: FlagType): NonNullable<Value> => {
  switch (type) {
    case "boolean":
      return { $case: "boolValue", value: (value ?? false) as boolean }
    case "string":
      return { $case: "stringValue", value: (value ?? "") as string }
    case "number":
      return { $case: "doubleValue", value: (value ?? 0) as number }
    case "object":
      return { $case: "objectValue", value: (value ?? {}) as Record<string, unknown> }
  }
}

const anyFlag = ({ value, variant = "", reason, metadata }: Resolution, type: FlagType | undefined): AnyFlag => ({
  ...{ reason, variant, metadata },
  value: reason === "ERROR" || type === undefined ? undefined : valueOf(value, type)
})

/** The field `flags` of ResolveAllResponse. */
const FLAGS = 0x0a

/** Kept, as resolutions are shared by all who get them. */
const parts = new WeakMap<Resolution, Buffer>()
const texts = new WeakMap<Resolution, string>()
const NOTHING = Buffer.alloc(0)

/** Of all flags it is left out. FP7 */
const isLeftOut = ({ value, reason }: Resolution): boolean => value === undefined && reason === "DEFAULT"

/** A flag as a part of ResolveAllResponse, whose parts stand one after the other. `type`: undefined, when it can't be evaluated. FP7 */
export const partOfAll = (key: string, resolution: Resolution, type: FlagType | undefined): Buffer => {
  let part = parts.get(resolution)
  if (part === undefined) {
    const entry = ResolveAllResponse_FlagsEntry.encode({ key, value: anyFlag(resolution, type) }).finish()
    part = isLeftOut(resolution) ? NOTHING : Buffer.concat([Buffer.from([FLAGS, ...varint(entry.length)]), entry])
    parts.set(resolution, part)
  }
  return part
}

/** The same as a member of the JSON of `flags`, as protobuf has it; undefined: it is left out. */
export const memberOfAll = (key: string, resolution: Resolution, type: FlagType | undefined): string | undefined => {
  if (isLeftOut(resolution)) return undefined
  let text = texts.get(resolution)
  if (text === undefined) {
    const { reason, variant, value, metadata } = anyFlag(resolution, type)
    const said = { reason, variant: variant === "" ? undefined : variant, metadata }
    text = `${JSON.stringify(key)}:${JSON.stringify(value === undefined ? said : { ...said, [value.$case]: value.value })}`
    texts.set(resolution, text)
  }
  return text
}
