/** Limits of request bodies. Pure. */
import { limits } from "../../configuration/Configuration.ts"
import { BATCH_BYTES } from "../../topics/Limits.ts"
import { SCHEMA_BYTES } from "../../values/JsonSchema.ts"
import { VALUE_BYTES } from "../../values/Limits.ts"

/** Bytes. As a JSON string, a value may take twice its size. */
export const bodyLimits = {
  small: 65_536,
  /** 1,000 items, as in a message of gRPC. */
  report: 262_144,
  publish: 2 * (VALUE_BYTES + SCHEMA_BYTES) + 65_536,
  /** A batch of events, in JSON. */
  events: 2 * BATCH_BYTES,
  release: 2 * limits.release + 65_536
} as const

/** Bytes of a text of ids. */
export const IDS_BODY = 50_331_648

/** Bytes. No route reads a larger one. */
export const LARGEST_BODY = Math.max(...Object.values(bodyLimits))
