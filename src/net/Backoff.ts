/**
 * Says how long to wait before something is tried again: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 *   BA1  A wait doubles with each failure in a row, up to the longest and never beyond, however many failures there were.
 */
export interface BackoffTerms {
  /** Milliseconds after the first failure. */
  readonly first: number
  /** Milliseconds. */
  readonly longest: number
  /** The part of a wait that is random, 0 to 1. With 1, those who failed together come back spread over all of it. */
  readonly spread: number
}

/** Milliseconds. `before`: failures in a row before this one. `random`: from 0 to 1. */
export const backoff = ({ first, longest, spread }: BackoffTerms, before: number, random: number): number =>
  Math.min(longest, first * 2 ** Math.min(before, 30)) * (1 - spread + spread * random)
