/** How large bodies may be. Pure. */
import { limits } from "../../configuration/Configuration.ts"
import { SCHEMA_BYTES } from "../../values/JsonSchema.ts"
import { VALUE_BYTES } from "../../values/Limits.ts"

/** Bytes. A value may double in size when it travels as a JSON string. */
export const bodyLimits = {
  small: 65_536,
  publish: 2 * (VALUE_BYTES + SCHEMA_BYTES) + 65_536,
  release: 2 * limits.release + 65_536
} as const

/** A larger one is read by no route. */
export const LARGEST_BODY = Math.max(...Object.values(bodyLimits))
