/**
 * Whether variants have as many units as their shares say. If not, something loses or adds units by variant (a crash, a redirect, a bot), and what is
 * compared are different people. Pure.
 *
 *   VR1  While units come by the planned shares, a mismatch is ever found in at most one experiment of a thousand, however often it is looked at: 1/p is an
 *        e-process, exact at any size. The mixture is over Dirichlet(100·shares): Lindon and Malek, "Anytime-valid inference for multinomial count data"
 *        (2022).
 */

import { deviance, stirling } from "./Divergence.ts"

/** A mismatch, at or below it. */
export const MISMATCH = 0.001

/** How near to the plan mixtures look: narrowest where some thousand units were seen. */
const NEAR = 100

export interface SampleRatio {
  /** How likely a difference as large as the largest so far is, if units come by their shares. */
  readonly p: number
  readonly mismatch: boolean
}

/** log Γ(x) but for x·log x and x, which cancel in the sum of all (what logarithms leave is in the deviances), and ½·log 2π, of which there are as many. */
const rest = (x: number): number => stirling(x) - Math.log(x) / 2

/** log [B(counts + prior)/B(prior)] − Σ counts·log share, with prior = 100·share. VD1 */
export const logEvidenceOf = (counts: ReadonlyArray<number>, shares: ReadonlyArray<number>): number => {
  const of = shares.reduce((sum, share) => sum + share, 0)
  const total = counts.reduce((sum, count) => sum + count, 0)
  let log = rest(NEAR) - rest(total + NEAR)
  counts.forEach((count, n) => {
    const share = shares[n]! / of
    const prior = NEAR * share
    log += deviance(count + prior, share * (total + NEAR)) + rest(count + prior) - rest(prior)
  })
  return log
}

/** Counts and shares of the variants, in one order. Shares are above 0, of any sum. RangeError. */
export const sampleRatio = (counts: ReadonlyArray<number>, shares: ReadonlyArray<number>): SampleRatio => {
  if (counts.length !== shares.length) throw new RangeError(`${counts.length} counts have ${shares.length} shares`)
  if (!counts.every((count) => Number.isFinite(count) && count >= 0)) throw new RangeError("a count is 0 or more")
  if (!shares.every((share) => Number.isFinite(share) && share > 0)) throw new RangeError("a share is above 0")
  const p = Math.min(1, Math.exp(-logEvidenceOf(counts, shares)))
  return { p, mismatch: p <= MISMATCH }
}
