/**
 * How far a slice of a partition is done, as it is kept. Pure.
 *
 *   CB1  What was done is done after a crash, and what failed counts as often as it did: floor, ranges and attempts are written together.
 *   CB2  Nothing goes out at or above the mark that is kept. So after a crash whatever is below it and not done may have been with a consumer, and
 *        counts one attempt more, but for the last: that one is counted when it was kept before that this is its last.
 *   CB3  It is as large as what is open: `OPEN` events at most are neither done nor behind `scan`, and what is said of why they failed has
 *        `CAUSES` characters or little more, however many failed.
 */
import { Ranges } from "./Ranges.ts"

/** Events of a cursor that are seen and not done, at most; then it stops until some are. */
export const OPEN = 10_000
/** Characters of why something failed. */
export const CAUSE = 1_000

/** Of why the events of a cursor failed, all together; the more there are, the less is kept of each. CB3 */
const CAUSES = 262_144

/** Characters that are kept of each cause, of so many. CB3 */
export const causeOf = (count: number): number => Math.max(16, Math.min(CAUSE, Math.floor(CAUSES / Math.max(1, count))))

/** One that failed and is not done. */
export interface Failed {
  readonly offset: number
  readonly attempts: number
  /** Milliseconds since 1970; not before. */
  readonly due: number
  /** Its next attempt is its last, and may be under way. */
  readonly alone: boolean
  readonly cause: string
  /** Its consumer said that it will never work: it goes out no more, and to the dead letters. */
  readonly rejected: boolean
}

export interface SavedCursor {
  /** Of the partition's log. */
  readonly logEpoch: number
  readonly floor: number
  /** `Ranges.encode`. */
  readonly ranges: Uint8Array
  readonly failed: ReadonlyArray<Failed>
  readonly mark: number
  /** It was given up with nothing under way: what is below the mark counts as it is written. */
  readonly clean: boolean
}

export const beginAt = (logEpoch: number, floor: number): SavedCursor => ({
  logEpoch,
  floor,
  ranges: new Uint8Array(),
  failed: [],
  mark: floor,
  clean: true
})

/** As text, for a row; a time and a cause are rare enough. */
export const failedText = (failed: ReadonlyArray<Failed>): string =>
  JSON.stringify(
    failed.map(({ offset, attempts, due, alone, cause, rejected }) => [offset, attempts, due, alone, cause, rejected])
  )

export const failedOf = (text: string): ReadonlyArray<Failed> =>
  (JSON.parse(text) as ReadonlyArray<readonly [number, number, number, boolean, string, boolean]>).map(
    ([offset, attempts, due, alone, cause, rejected]) => ({ offset, attempts, due, alone, cause, rejected })
  )

/** Fails with what nobody wrote. */
export const rangesOf = ({ floor, ranges }: Pick<SavedCursor, "floor" | "ranges">): Ranges => {
  const read = Ranges.decode(floor, ranges)
  if (read === undefined) throw new Error("the ranges of a cursor can't be read")
  return read
}
