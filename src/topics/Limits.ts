/** Limits of a batch. Imports nothing, so that doors and the command line have them at no cost. */

/** Events of one batch. */
export const BATCH_EVENTS = 10_000
/** Bytes of its events, as they are encoded. */
export const BATCH_BYTES = 4_194_304
