/**
 * Rates of several instances. Requests of one are not by themselves: an instance has its own rate, and fails many times in a row. Taken one by one they would
 * say much more than they know. Pure.
 *
 *   VK1  A sample counts as many requests as would vary by themselves as much as instances do: n/deff and errors/deff (Rao and Scott 1992), at least 1 each.
 *        The variance between instances is the one of a jackknife, with the largest one's share bounded by a norm, so that what one instance says is
 *        one observation, however much it says: it proves nothing alone.
 *   VK2  It is known from seven sums, which can be added up over instances, nodes and restarts.
 *   VK3  Instances of both sides differ as much, if one has too few to tell: each side's design effect is at least the other's.
 *   VK4  Fewer than 18 instances on both sides together count the less the fewer they are, for they may be alike by chance.
 */
import type { Sample } from "./Sample.ts"

/** Of instances that each had `n` requests and `sum` errors. VK2 */
export interface Clusters {
  readonly count: number
  readonly n: number
  readonly sum: number
  /** Of n², n·sum, sum² and n⁴. */
  readonly nn: number
  readonly ns: number
  readonly ss: number
  readonly nnnn: number
}

export const noClusters: Clusters = { count: 0, n: 0, sum: 0, nn: 0, ns: 0, ss: 0, nnnn: 0 }

/** One instance; of none that had no requests. */
export const clusterOf = (n: number, sum: number): Clusters =>
  n <= 0 ? noClusters : { count: 1, n, sum, nn: n * n, ns: n * sum, ss: sum * sum, nnnn: n ** 4 }

/** How many times more the rate varies than if requests were by themselves; infinite for one instance, and where one has nearly all of them. VK1 */
const ownDesign = ({ count, n, sum, nn, ns, ss, nnnn }: Clusters): number => {
  if (count === 0) return 1
  if (count < 2) return Number.POSITIVE_INFINITY
  const rate = sum / n
  const largest = Math.min(1, (nnnn / n ** 4) ** 0.25)
  if (largest >= 0.9) return Number.POSITIVE_INFINITY
  const between = Math.max(0, ss - 2 * rate * ns + rate * rate * nn) / (1 - largest) ** 2
  const alone = n * rate * (1 - rate)
  if (alone <= 0) return 1
  return Math.max(1, between / alone)
}

/** The mean size of an instance, as a request sees it. */
const sizeOf = ({ n, nn }: Clusters): number => (n === 0 ? 0 : nn / n)

/** Degrees of freedom of what is between instances: one less than there are, were all as large. */
const freedom = ({ n, nn }: Clusters): number => (n === 0 ? 0 : (n * n) / nn - 1)

/**
 * With fewer on both sides, what is between instances may look much smaller than it is, and one burst each may look like a rate: 5 and 5 count an eighth,
 * 3 and 3 a sixty-fourth. Found by simulation. VK4
 */
const FREEDOM = 16

/** What both sides are worth together, as samples. VK1, VK3, VK4 */
export const effective = (candidate: Clusters, control: Clusters): { candidate: Sample; control: Sample } => {
  const one = ownDesign(candidate)
  const two = ownDesign(control)
  const few = Math.max(1, (FREEDOM / (freedom(candidate) + freedom(control))) ** 3)
  const ofOther = (its: Clusters, other: Clusters, design: number): number =>
    other.count < 2 ? 1 : design * Math.max(1, sizeOf(its) / sizeOf(other))
  const sample = (its: Clusters, design: number): Sample => {
    const [n, sum] = [its.n / design, its.sum / design]
    return { n, sum: Math.min(n, sum), sumSquares: Math.min(n, sum) }
  }
  return {
    candidate: sample(candidate, few * Math.max(one, ofOther(candidate, control, two))),
    control: sample(control, few * Math.max(two, ofOther(control, candidate, one)))
  }
}
