/**
 * Compares places in the log; nothing else does. Pure.
 *
 *   PO1  Revisions of different epochs are never compared: neither is newer than, covers or comes after the other.
 */

/**
 * `revision` counts commits from 1 without gaps, within its epoch: one history of the database. A promoted or restored server begins
 * another, in which the same number is another commit.
 */
export interface Position {
  readonly epoch: string
  readonly revision: bigint
}

export const sameEpoch = (a: Pick<Position, "epoch">, b: Pick<Position, "epoch">): boolean => a.epoch === b.epoch

export const samePosition = (a: Position, b: Position): boolean => sameEpoch(a, b) && a.revision === b.revision

/** Later in the same history. */
export const isNewer = (a: Position, b: Position): boolean => sameEpoch(a, b) && a.revision > b.revision

/** At least as far in the same history: who has `a` has `b`, too. */
export const covers = (a: Position, b: Position): boolean => sameEpoch(a, b) && a.revision >= b.revision

/** The commit right after `b`. */
export const isNext = (a: Position, b: Position): boolean => sameEpoch(a, b) && a.revision === b.revision + 1n

/** Whether `a` should be kept in place of `held`: unless `held` covers it. So what is of another history is replaced. */
export const replaces = (a: Position, held: Position | undefined): boolean => held === undefined || !covers(held, a)

/** A key for maps. */
export const positionKey = ({ epoch, revision }: Position): string => `${epoch}/${revision}`
