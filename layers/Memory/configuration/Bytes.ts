/** Counts the bytes of a version in a page, as PostgreSQL does. */
import type { Configuration } from "../../../src/configuration/Configuration.ts"
import { bytesOf } from "../../../src/values/Value.ts"

export const bytesIn = ({ value, schema }: Configuration): number =>
  bytesOf(value) + (schema === null ? 0 : bytesOf(JSON.stringify(schema)))
