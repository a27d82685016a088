/** Limits of values. Imports nothing, so that the command line has them at no cost. */

/** Bytes of one value, as UTF-8. */
export const VALUE_BYTES = 1_048_576
/** Values inside a value. JSON within `VALUE_BYTES` never has as many; YAML with aliases may. */
export const NODES = 600_000
/** Changes in one release, each with a value. */
export const RELEASE_CHANGES = 500
