/**
 * What is known of a number of observations: three sums, which can be added up over nodes, hours and stages. Pure.
 *
 *   VS1  What is no sample is refused (RangeError): a number that is not finite, fewer than no observations, a proportion whose sum is below zero or
 *        above the number of observations.
 */

/** Observations: how many, their sum, and the sum of their squares. Of a proportion each is 0 or 1 (or between), and the squares aren't looked at. */
export interface Sample {
  readonly n: number
  readonly sum: number
  readonly sumSquares: number
}

/**
 * What a value was estimated as, and between what it lies. What isn't known is not finite, and null in JSON: an estimate of no observations (NaN), a
 * side on which nothing is excluded yet (±Infinity).
 */
export interface Interval {
  readonly estimate: number
  readonly low: number
  readonly high: number
}

/** A sample of `n` observations, of which `hits` are 1 and all others 0. */
export const counted = (n: number, hits: number): Sample => ({ n, sum: hits, sumSquares: hits })

const refuse = (what: string): never => {
  throw new RangeError(what)
}

/** α is the share of runs that may be wrong, at whatever look. RangeError. */
export const checkAlpha = (alpha: number): void => {
  if (!(alpha > 0 && alpha < 1)) refuse(`alpha is between 0 and 1, not ${alpha}`)
}

/** RangeError, unless it is a sample of numbers. VS1 */
export const checkSample = ({ n, sum, sumSquares }: Sample): void => {
  if (!(Number.isFinite(n) && n >= 0)) refuse(`a number of observations is 0 or more, not ${n}`)
  if (!Number.isFinite(sum)) refuse(`a sum is a number, not ${sum}`)
  if (!(Number.isFinite(sumSquares) && sumSquares >= 0)) refuse(`a sum of squares is 0 or more, not ${sumSquares}`)
  if (n === 0 && (sum !== 0 || sumSquares !== 0)) refuse("no observations have no sum")
}

/** RangeError, unless it is a sample of what is between 0 and 1. VS1 */
export const checkProportion = ({ n, sum }: Sample): void => {
  if (!(Number.isFinite(n) && n >= 0)) refuse(`a number of observations is 0 or more, not ${n}`)
  if (!(sum >= 0 && sum <= n)) refuse(`of ${n} observations 0 to ${n} can be 1, not ${sum}`)
}
