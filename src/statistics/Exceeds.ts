/**
 * Whether a rate is above what it may be: a limit, or so many times another's. For who acts by itself, as gates of rollouts do. Pure.
 *
 *   VE1  `e` is an e-process: while nothing is wrong, whatever the rates, the numbers and the shares are, and however the latter change, the probability
 *        that it is ever 1/α or more is at most α. No number of observations is too small for that (Ville's inequality; VA1).
 *   VE2  Against another's rate it is the mean of two, each the smallest over all pairs of rates that are allowed: one with all that is known of the other,
 *        one with an eighth (a power below 1 of an e-process is one, and so is a mean). The latter is there for controls a hundred times as large.
 *   VE3  It is rejected only if what was seen is above the limit, and then the interval is, too.
 */

import { divergence, price } from "./Divergence.ts"
import { checkAlpha, checkProportion, type Interval, type Sample } from "./Sample.ts"
import { likeRatio, proportion, ratiosThat } from "./Sequential.ts"

export interface Evidence {
  /** How much more likely what was seen is when something is wrong: 100 is enough for α = 1 %. */
  readonly e: number
  /** `e` has reached 1/α: it is above what it may be. */
  readonly rejected: boolean
  /** Of the rate against a limit, of the ratio of both against another's: at every look together right with 1 − α. */
  readonly interval: Interval
}

const EIGHTH = 1 / 8

/** log of (exp a + exp b)/2. */
const logMean = (a: number, b: number): number => {
  const most = Math.max(a, b)
  return most === Number.POSITIVE_INFINITY ? most : most + Math.log((Math.exp(a - most) + Math.exp(b - most)) / 2)
}

/** log e against "the candidate's rate is `ratio` times the control's". VE2 */
const againstRatio = (candidate: Sample, control: Sample, ratio: number): number => {
  const [its, others] = [price(candidate.n, candidate.sum), price(control.n, control.sum)]
  return logMean(
    its + others + likeRatio(control, candidate, ratio),
    its + EIGHTH * others + likeRatio(control, candidate, ratio, EIGHTH)
  )
}

/** As `exceeds`, the logarithm of `e` alone: some hundred nanoseconds. */
export const logEvidence = (candidate: Sample, against: Sample | number, times = 1): number => {
  const its = price(candidate.n, candidate.sum)
  if (typeof against === "number") {
    const limit = against * times
    const above = candidate.sum > limit * candidate.n
    return its + (above ? divergence(candidate.n, candidate.sum, limit) : 0)
  }
  if (candidate.n === 0 || against.n === 0) return 0
  const above = candidate.sum * against.n > times * against.sum * candidate.n
  if (above) return againstRatio(candidate, against, times)
  const others = price(against.n, against.sum)
  return its + logMean(others, EIGHTH * others)
}

/**
 * Is the candidate's rate above the limit, or above `times` the rate of another sample? Both are counts of what is right or wrong (errors of requests), and
 * each observation is by itself: errors that come in bursts are fewer than they look.
 */
export const exceeds = (candidate: Sample, against: Sample | number, alpha: number, times = 1): Evidence => {
  checkAlpha(alpha)
  checkProportion(candidate)
  if (!(times > 0 && Number.isFinite(times))) throw new RangeError(`so many times is above 0, not ${times}`)
  if (typeof against === "number") {
    if (!(against >= 0 && against <= 1)) throw new RangeError(`the limit of a rate is between 0 and 1, not ${against}`)
  } else checkProportion(against)
  const log = logEvidence(candidate, against, times)
  const most = -Math.log(alpha)
  const interval =
    typeof against === "number"
      ? proportion(candidate, alpha)
      : ratiosThat((ratio) => againstRatio(candidate, against, ratio) < most, against, candidate)
  return { e: Math.min(Math.exp(log), Number.MAX_VALUE), rejected: log >= most, interval }
}
