/**
 * What became of the events that a filter, or several of them, were asked about. Pure.
 *
 *   IX10 Of events that lack a field it is known which one it was of the last of them, also where figures are added up and told again.
 */
import type { Outcome } from "./Filter.ts"

export interface Figures {
  /** How often an event was looked at for a filter; those that nothing below counts, it is not true of. */
  readonly looked: number
  readonly matched: number
  /** The event has no value, or one of another type, for a field that the filter needs. FZ9 */
  readonly missing: number
  /** It ended with an error. FZ9 */
  readonly failed: number
  /** It would have cost too much. FZ9 */
  readonly costly: number
  /** The field that the last of `missing` lacked; "": there is none. IX10 */
  readonly missingField: string
}

/** Evaluations. */
export type Counts = { [outcome in Outcome]: number }

export const noCounts = (): Counts => ({ match: 0, other: 0, missing: 0, failed: 0, costly: 0 })

/** `absent`: of those that were looked at, without an evaluation as they lacked what would have found the filter. */
export const figuresOf = (looked: number, counts: Counts, absent: number, missingField: string): Figures => ({
  ...{ looked, matched: counts.match, missing: counts.missing + absent, failed: counts.failed, costly: counts.costly },
  missingField
})

export const NO_FIGURES: Figures = { looked: 0, matched: 0, missing: 0, failed: 0, costly: 0, missingField: "" }

/** `b` is newer. */
export const sumOf = (a: Figures, b: Figures): Figures => ({
  looked: a.looked + b.looked,
  matched: a.matched + b.matched,
  missing: a.missing + b.missing,
  failed: a.failed + b.failed,
  costly: a.costly + b.costly,
  missingField: b.missingField === "" ? a.missingField : b.missingField
})

/** What came to `before` until now. */
export const sinceThen = (now: Figures, before: Figures): Figures => {
  const missing = now.missing - before.missing
  return {
    looked: now.looked - before.looked,
    matched: now.matched - before.matched,
    missing,
    failed: now.failed - before.failed,
    costly: now.costly - before.costly,
    missingField: missing === 0 ? "" : now.missingField
  }
}
