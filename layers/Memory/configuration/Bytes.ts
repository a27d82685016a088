/** What a version counts for in a page: the bytes that PostgreSQL counts. */
import type { Configuration } from "../../../src/configuration/Configuration.ts"
import { bytesOf } from "../../../src/values/Value.ts"

export const bytesIn = ({ value, schema }: Configuration): number =>
  bytesOf(value) + (schema === null ? 0 : bytesOf(JSON.stringify(schema)))
