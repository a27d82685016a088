/** What became of the events that a filter, or several of them, were asked about. Pure. */

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
}

export const NO_FIGURES: Figures = { looked: 0, matched: 0, missing: 0, failed: 0, costly: 0 }

const NAMES = Object.keys(NO_FIGURES) as ReadonlyArray<keyof Figures>

const each = (of: (name: keyof Figures) => number): Figures =>
  Object.fromEntries(NAMES.map((name) => [name, of(name)])) as unknown as Figures

export const sumOf = (a: Figures, b: Figures): Figures => each((name) => a[name] + b[name])
/** What came to `before` until now. */
export const sinceThen = (now: Figures, before: Figures): Figures => each((name) => now[name] - before[name])
