/** What became of the events that a node handed out, in numbers that only rise. Pure. */

import type { Fate as Told } from "./Fates.ts"

/**
 * delivered: to a consumer. again: those of them that had failed before. accepted, released, failed, rejected: as it was answered. expired: nobody
 * answered in time. broken: its consumer's connection broke, and it did not come back. refused: answers that came too late, or to what was called back.
 */
export const fates = [
  "delivered",
  "again",
  "accepted",
  "released",
  "failed",
  "rejected",
  "expired",
  "broken",
  "refused"
] as const
export type Tally = { [Fate in (typeof fates)[number]]: number } & {
  /** Told of each delivery that came to something, or to nothing. */
  told?: (fate: Told) => void
}

export const noTally = (): Tally => ({
  ...{ delivered: 0, again: 0, accepted: 0, released: 0, failed: 0, rejected: 0, expired: 0, broken: 0, refused: 0 }
})
