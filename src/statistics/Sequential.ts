/**
 * Intervals that may be looked at after every observation: with a probability of at least 1 − α the true value is inside at all looks together, so whoever
 * stops at the look that pleases is not wrong more often. Formulas, sources and simulations: docs/experiments.md, "How sure is it". Pure.
 *
 *   VA1  A proportion's interval is exact, for any number of observations: {p : e(p) < 1/α} with the mixture e(p) = ∫ θ^S·(1−θ)^(n−S) dBeta(½,½)(θ) /
 *        (p^S·(1−p)^(n−S)), a martingale where p is true (Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021; Ville's inequality). It holds for values
 *        between 0 and 1, too.
 *   VA2  All others are asymptotic (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, theorem 2.2): a value is excluded when its distance, in standard
 *        errors, is above `critical`. Distances are z for means, and the signed root of twice the profile likelihood ratio for proportions, which stays
 *        right where few are 1. What they count as time is 1/(1/n + 1/m), which grows like information does, so shares may change on the way.
 *   VA3  Of means nothing is excluded below 100 observations of each side, nor where a side's are all equal.
 */

import { crossing, crossingAbove } from "./Crossing.ts"
import { divergence, price } from "./Divergence.ts"
import { checkAlpha, checkProportion, checkSample, type Interval, type Sample } from "./Sample.ts"

/** What observations are: of which kind the true value is. */
export type Of = "proportion" | "mean"

/** Of each side, before anything is said of means. VA3 */
export const LEAST = 100

/** At how many observations (of one sample; of two, 1/(1/n + 1/m)) intervals are as narrow as they can be: two variants of 5,000. */
export const TUNED = 2_500

const NOTHING = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }

/**
 * How many standard errors from the estimate something is excluded: √(2·(1 + 1/x)·log(√(1 + x)/α)) with x = ρ²·n, and ρ² = (−2·log α +
 * log(1 − 2·log α))/2500, their equation (11). 3.0 at its narrowest (α = 5 %), 3.7 at a million, where looking once would have 1.96. VA2
 */
export const critical = (n: number, alpha: number): number => {
  const x = ((-2 * Math.log(alpha) + Math.log1p(-2 * Math.log(alpha))) / TUNED) * n
  return Math.sqrt(2 * (1 + 1 / x) * (Math.log1p(x) / 2 - Math.log(alpha)))
}

/** Of a share of what is observed: conversions of units, errors of requests. Exact. VA1 */
export const proportion = (sample: Sample, alpha: number): Interval => {
  checkAlpha(alpha)
  checkProportion(sample)
  const { n, sum } = sample
  const estimate = sum / n
  if (n === 0) return { estimate, low: 0, high: 1 }
  const most = -Math.log(alpha) - price(n, sum)
  const holds = (p: number) => divergence(n, sum, p) < most
  return {
    estimate,
    low: sum === 0 ? 0 : crossing(holds, estimate, 0),
    high: sum === n ? 1 : crossing(holds, estimate, 1)
  }
}

/** The mean, and the variance of the mean: undefined where nothing may be said of it yet. VA3 */
const momentsOf = ({ n, sum, sumSquares }: Sample): { mean: number; variance: number | undefined } => {
  const mean = sum / n
  const variance = (sumSquares - sum * mean) / (n - 1) / n
  return { mean, variance: n >= LEAST && variance > 0 ? variance : undefined }
}

/** Of a mean of any values. VA2 */
export const mean = (sample: Sample, alpha: number): Interval => {
  checkAlpha(alpha)
  checkSample(sample)
  const { mean: estimate, variance } = momentsOf(sample)
  if (variance === undefined) return { estimate, ...NOTHING }
  const width = critical(sample.n, alpha) * Math.sqrt(variance)
  return { estimate, low: estimate - width, high: estimate + width }
}

/** What counts as time where two samples are compared. VA2 */
const timeOf = (control: Sample, treatment: Sample): number => 1 / (1 / control.n + 1 / treatment.n)

const checkBoth = (control: Sample, treatment: Sample, alpha: number, of: Of): void => {
  checkAlpha(alpha)
  for (const sample of [control, treatment]) of === "mean" ? checkSample(sample) : checkProportion(sample)
}

/** The most that two proportions of which one is `d` above the other may be like, in nats. */
const apart = (control: Sample, treatment: Sample, d: number): number => {
  const [least, most] = [Math.max(0, -d), Math.min(1, 1 - d)]
  const slope = ({ n, sum }: Sample, p: number) => (p <= 0 ? -sum : p >= 1 ? n - sum : (n * p - sum) / (p * (1 - p)))
  // The likelihood falls on both sides of its best place: where it stops rising is that.
  const best = crossing((p) => slope(control, p) + slope(treatment, p + d) < 0, least, most)
  return (
    divergence(control.n, control.sum, best) +
    divergence(treatment.n, treatment.sum, Math.min(1, Math.max(0, best + d)))
  )
}

/**
 * The most that two proportions of which one is `ratio` times the other may be like, in nats, with `weight` on the first one. The best place is a root of
 * a quadratic equation.
 */
export const likeRatio = (control: Sample, treatment: Sample, ratio: number, weight = 1): number => {
  const n = weight * control.n
  const sum = weight * control.sum
  const a = ratio * (n + treatment.n)
  const b = n + treatment.sum + ratio * (sum + treatment.n)
  const c = sum + treatment.sum
  const root = (2 * c) / (b + Math.sqrt(Math.max(0, b * b - 4 * a * c)))
  const best = Math.min(root, 1, 1 / ratio)
  return (
    weight * divergence(control.n, control.sum, best) +
    divergence(treatment.n, treatment.sum, Math.min(1, best * ratio))
  )
}

/** Where a ratio of two proportions isn't excluded by `holds`, which is true around what was seen. */
export const ratiosThat = (holds: (ratio: number) => boolean, control: Sample, treatment: Sample): Interval => {
  const estimate = treatment.sum / treatment.n / (control.sum / control.n)
  if (control.n === 0 || treatment.n === 0) return { estimate, low: 0, high: Number.POSITIVE_INFINITY }
  if (treatment.sum === 0) {
    const high = control.sum === 0 ? Number.POSITIVE_INFINITY : crossingAbove(holds, 0)
    return { estimate, low: 0, high }
  }
  let inside = control.sum === 0 ? 1 : estimate
  while (!holds(inside) && inside < 1e300) inside *= 4
  return {
    estimate,
    low: crossing(holds, inside, 0),
    high: control.sum === 0 ? Number.POSITIVE_INFINITY : crossingAbove(holds, inside)
  }
}

/** How much the treatment has more than the control, in the unit of what is observed. VA2 */
export const difference = (control: Sample, treatment: Sample, alpha: number, of: Of): Interval => {
  checkBoth(control, treatment, alpha, of)
  const distance = critical(timeOf(control, treatment), alpha)
  if (of === "mean") {
    const [was, is] = [momentsOf(control), momentsOf(treatment)]
    const estimate = is.mean - was.mean
    if (was.variance === undefined || is.variance === undefined) return { estimate, ...NOTHING }
    const width = distance * Math.sqrt(was.variance + is.variance)
    return { estimate, low: estimate - width, high: estimate + width }
  }
  const estimate = treatment.sum / treatment.n - control.sum / control.n
  if (control.n === 0 || treatment.n === 0) return { estimate, low: -1, high: 1 }
  const holds = (d: number) => apart(control, treatment, d) <= (distance * distance) / 2
  return {
    estimate,
    low: holds(-1) ? -1 : crossing(holds, estimate, -1),
    high: holds(1) ? 1 : crossing(holds, estimate, 1)
  }
}

/**
 * How much the treatment has more than the control, as a share of the control's: 0.1 is 10 % more. Not limited on a side where the control can't be told from
 * 0: of means by Fieller's theorem (1954), of proportions by their likelihood. Where a control's mean is below 0, more is still above 0. VA2
 */
export const lift = (control: Sample, treatment: Sample, alpha: number, of: Of): Interval => {
  checkBoth(control, treatment, alpha, of)
  const distance = critical(timeOf(control, treatment), alpha)
  if (of === "proportion") {
    const holds = (ratio: number) => likeRatio(control, treatment, ratio) <= (distance * distance) / 2
    const { estimate, low, high } = ratiosThat(holds, control, treatment)
    return { estimate: estimate - 1, low: low - 1, high: high - 1 }
  }
  const [was, is] = [momentsOf(control), momentsOf(treatment)]
  const estimate = (is.mean - was.mean) / Math.abs(was.mean)
  if (was.variance === undefined || is.variance === undefined) return { estimate, ...NOTHING }
  const squared = distance * distance
  const a = was.mean * was.mean - squared * was.variance
  if (a <= 0) return { estimate, ...NOTHING }
  const root = distance * Math.sqrt(Math.max(0, is.variance * a + was.variance * is.mean * is.mean))
  const ends = [(is.mean * was.mean - root) / a - 1, (is.mean * was.mean + root) / a - 1].map(
    (end) => Math.sign(was.mean) * end
  )
  return { estimate, low: Math.min(...ends), high: Math.max(...ends) }
}
