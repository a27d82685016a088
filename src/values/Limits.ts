/** Limits of values. Without an import, so that the command line has them at no cost. */

/** Bytes of one value, as UTF-8. */
export const VALUE_BYTES = 1_048_576
