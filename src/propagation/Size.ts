/** About how many bytes of memory things hold, for bounds: two a character, and what is around it. Pure. */
import type { Configuration } from "../configuration/Configuration.ts"
import type { Revision } from "./Revision.ts"

const OVERHEAD = 500

export const configurationBytes = ({ key, value, schema, changeLog }: Configuration): number =>
  OVERHEAD + 2 * (key.length + value.length + changeLog.length + (schema === null ? 0 : JSON.stringify(schema).length))

export const revisionBytes = ({ changes, message }: Revision): number =>
  changes.reduce((sum, change) => sum + configurationBytes(change), OVERHEAD + 2 * message.length)
