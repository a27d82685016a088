/**
 * Rates of several instances. Requests of one are not by themselves: an instance has its own rate, and fails many times in a row. Taken one by one they would
 * say much more than they know. Pure.
 *
 *   VK1  A sample counts as many requests as would vary by themselves as much as instances do: n/deff and errors/deff (Rao and Scott 1992), at least 1 each.
 *        The variance between them is the one of a jackknife, so that what one instance says is one observation, however much it says: it proves
 *        nothing alone.
 *   VK2  What varies are `GROUPS` groups that instances are in by their names (random groups): two sums a group are all that has to be known, and can be added
 *        up over instances, nodes and restarts. An instance that comes by way of several nodes is still in one group.
 *   VK3  Instances of both sides differ as much, if one has too few to tell: each side's design effect is at least the other's.
 *   VK4  Fewer than 18 groups on both sides together count the less the fewer they are, for they may be alike by chance.
 */
import type { Sample } from "./Sample.ts"

/** VK2 */
export const GROUPS = 32

/** A group of instances that had `n` requests and `sum` errors. */
export interface Group {
  readonly n: number
  readonly sum: number
}

interface Side {
  readonly groups: ReadonlyArray<Group>
  readonly n: number
  readonly sum: number
  /** The mean size of a group, as a request sees it. */
  readonly size: number
}

const sideOf = (all: ReadonlyArray<Group>): Side => {
  const groups = all.filter(({ n }) => n > 0)
  const n = groups.reduce((sum, one) => sum + one.n, 0)
  const sum = groups.reduce((sum, one) => sum + one.sum, 0)
  return { groups, n, sum, size: n === 0 ? 0 : groups.reduce((sum, one) => sum + one.n * (one.n / n), 0) }
}

/** How many times more the rate varies than if requests were by themselves; infinite for one group, and where one has nearly all of them. VK1 */
const designOf = ({ groups, n, sum }: Side): number => {
  if (groups.length === 0) return 1
  if (groups.some((one) => one.n >= 0.9 * n)) return Number.POSITIVE_INFINITY
  const rate = sum / n
  const alone = n * rate * (1 - rate)
  if (alone <= 0) return 1
  const between = groups.reduce((all, one) => all + ((one.sum - rate * one.n) / (1 - one.n / n)) ** 2, 0)
  return Math.max(1, between / alone)
}

/** Degrees of freedom of what is between groups: one less than there are, were all as large. */
const freedom = ({ n, size }: Side): number => (n === 0 ? 0 : n / size - 1)

/**
 * With fewer on both sides, what is between groups may look much smaller than it is, and one burst each may look like a rate: 5 and 5 count an eighth,
 * 3 and 3 a sixty-fourth. Found by simulation. VK4
 */
const FREEDOM = 16

/** What both sides are worth together, as samples. VK1, VK3, VK4 */
export const effective = (
  candidates: ReadonlyArray<Group>,
  controls: ReadonlyArray<Group>
): { candidate: Sample; control: Sample } => {
  const [candidate, control] = [sideOf(candidates), sideOf(controls)]
  const [one, two] = [designOf(candidate), designOf(control)]
  const few = Math.max(1, (FREEDOM / (freedom(candidate) + freedom(control))) ** 3)
  const ofOther = (its: Side, other: Side, design: number): number =>
    other.groups.length < 2 ? 1 : 1 + (design - 1) * Math.max(1, its.size / other.size)
  const sample = (its: Side, design: number): Sample => {
    const n = its.n / design
    const sum = Math.min(n, its.sum / design)
    return { n, sum, sumSquares: sum }
  }
  return {
    candidate: sample(candidate, few * Math.max(one, ofOther(candidate, control, two))),
    control: sample(control, few * Math.max(two, ofOther(control, candidate, one)))
  }
}
