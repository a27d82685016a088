/** Limits of values. Without an import, so that the command line has them at no cost. */

/** Bytes of one value, as UTF-8. */
export const VALUE_BYTES = 1_048_576
/** Values in a value: more than any JSON of the largest size has. YAML aliases can expand to more. */
export const NODES = 600_000
/** Changes in one release, each with a value. */
export const RELEASE_CHANGES = 500
