/**
 * Time and chance, as the SDK sees them. Tests bring their own.
 *
 *   CK1  `now` is monotonic: it never follows the wall clock, so a clock that jumps a year changes nothing.
 */
export interface Clock {
  /** Milliseconds since some moment; only differences mean something. */
  readonly now: () => number
  /** Runs `task` once after `millis`; call what it returns to cancel that. */
  readonly after: (millis: number, task: () => void) => () => void
  /** Runs `task` once what arrived together has been handled (at most a few milliseconds). */
  readonly soon: (task: () => void) => void
  /** From 0 to just below 1. */
  readonly random: () => number
}
