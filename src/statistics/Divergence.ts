/**
 * How far counts are from what was supposed, in nats, without a number that grows with the counts: what is large cancels on paper, not in the machine. Pure.
 *
 *   VD1  Right to eleven digits for counts of 0 to 10^12. C. Loader, "Fast and accurate computation of binomial probabilities" (2000).
 */

const LOG_2PI = Math.log(2 * Math.PI)

/** x·log(x/m) + m − x, which is never below 0: the part of a count `x` where `m` was expected. */
export const deviance = (x: number, m: number): number => {
  if (x === 0) return m
  if (m === 0) return Number.POSITIVE_INFINITY
  const difference = x - m
  if (Math.abs(difference) >= 0.1 * (x + m)) return x * Math.log(x / m) - difference
  const v = difference / (x + m)
  let sum = difference * v
  let term = 2 * x * v
  for (let j = 1; j < 1_000; j++) {
    term *= v * v
    const next = sum + term / (2 * j + 1)
    if (next === sum) break
    sum = next
  }
  return sum
}

/** n·KL(sum/n ‖ p): the logarithm of how much likelier the sum is under its own proportion than under `p`. */
export const divergence = (n: number, sum: number, p: number): number =>
  deviance(sum, n * p) + deviance(n - sum, n * (1 - p))

/** What Stirling's formula leaves: lgamma(x) − ((x − ½)·log x − x + ½·log 2π), for x > 0. */
export const stirling = (x: number): number => {
  let rest = 0
  let at = x
  for (; at < 10; at++) rest += (at + 0.5) * Math.log1p(1 / at) - 1
  const s = 1 / (at * at)
  return rest + (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - s / 1188) * s) * s) * s) / at
}

/** lgamma(x + ½) − (x·log x − x + ½·log 2π), for x ≥ 0. */
const half = (x: number): number => stirling(x + 0.5) + (x === 0 ? 0 : x * Math.log1p(1 / (2 * x))) - 0.5

/**
 * What it costs not to know a proportion, in nats: log of ∫ θ^sum·(1−θ)^(n−sum) dBeta(½, ½) against its maximum. Never above 0; about −½·log(π·n/2).
 */
export const price = (n: number, sum: number): number =>
  n === 0 ? 0 : half(sum) + half(n - sum) - stirling(n) + (LOG_2PI - Math.log(n)) / 2 - Math.log(Math.PI)
