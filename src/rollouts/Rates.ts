/**
 * What gates of rates say: errors of requests, of the cohort against a limit or against those who don't have the change. Pure.
 *
 *   VG1  It is bad when the rate is above what it may be by an e-process of 1/α or more, which may be looked at after each report: a good change is taken
 *        back by it at most with probability α (VE1). Instances are what varies, not requests (VK1): one alone takes nothing back.
 *   VG2  It is good when the cohort has had so many requests as the gate asks for, and either has the rate that it may have or so many that tell by
 *        themselves, with no evidence above 1, as nearly all that is as usual has. Otherwise nobody knows.
 *   VG4  It is not good by what one of them counts: without the group that counted most, of the cohort or of the control, nothing is above 1 either. So
 *        one that says that it served a billion requests without an error hides no other's errors.
 *   VG3  An instance counts with what it counted since it has the change (or could have it), at most as many errors as requests.
 */
import { hashText } from "../evaluation/Murmur.ts"
import type { Gate, RateGate } from "../plans/Plan.ts"
import { effective, GROUPS, type Group } from "../statistics/Clusters.ts"
import { exceeds } from "../statistics/Exceeds.ts"
import { shareText, timesText, whole } from "../text/Amounts.ts"
import { type Evidence, type Reading, readingOf } from "./Evidence.ts"

/** A counter's name has neither of both signs. */
const nameOf = ({ numerator, denominator }: RateGate, part: string): string => `${numerator}/${denominator}#${part}`

const ratesOf = (gates: ReadonlyArray<Gate>): ReadonlyArray<RateGate> => gates.filter((gate) => gate.type === "rate")

/** Names of the counters that these gates need of health reports. */
export const countersOf = (gates: ReadonlyArray<Gate>): ReadonlySet<string> =>
  new Set(ratesOf(gates).flatMap(({ numerator, denominator }) => [numerator, denominator]))

/**
 * What one instance adds to the sums of its side (`Counted`), by name: from what its counters rose by since it has the change, or could have it. A later
 * report of the same instance takes the place of what it added before. The same name is in the same group on every node. VG3, VK2
 */
export const addendsOf = (
  gates: ReadonlyArray<Gate>,
  instance: string,
  counted: Readonly<Record<string, number>>
): Readonly<Record<string, number>> => {
  const sums: Record<string, number> = {}
  const group = (hashText(instance) >>> 0) % GROUPS
  for (const gate of ratesOf(gates)) {
    const n = Math.max(0, counted[gate.denominator] ?? 0)
    if (n === 0) continue
    sums[nameOf(gate, "count")] = 1
    sums[nameOf(gate, `n${group}`)] = n
    sums[nameOf(gate, `sum${group}`)] = Math.min(n, Math.max(0, counted[gate.numerator] ?? 0))
  }
  return sums
}

interface Side extends Group {
  /** Instances, for people: who comes by way of two nodes is two. */
  readonly count: number
  readonly groups: ReadonlyArray<Group>
}

/** What is known of the cohort, or of those who don't have the change. */
export const sideOf = (gate: RateGate, metrics: Evidence["metrics"], side: "cohort" | "control"): Side => {
  const of = (part: string): number => Math.max(0, metrics[nameOf(gate, part)]?.[side] ?? 0)
  const groups = Array.from({ length: GROUPS }, (_, group): Group => {
    const n = of(`n${group}`)
    return { n, sum: Math.min(n, of(`sum${group}`)) }
  })
  const sumOf = (part: keyof Group): number => groups.reduce((sum, one) => sum + one[part], 0)
  return { count: of("count"), n: sumOf("n"), sum: sumOf("sum"), groups }
}

/** What one says is left out; where there is no other, nothing is. VG4 */
const withoutLargest = (groups: ReadonlyArray<Group>): ReadonlyArray<Group> => {
  const most = Math.max(...groups.map(({ n }) => n))
  const at = groups.findIndex(({ n }) => n === most)
  return groups.filter(({ n }) => n > 0).length < 2 ? groups : groups.filter((_, nth) => nth !== at)
}

const instances = (count: number): string => (count === 1 ? "1 instance" : `${whole(count)} instances`)

/** VG1, VG2 */
export const rate = (gate: RateGate, metrics: Evidence["metrics"]): Reading => {
  const { against, alpha, minimum, numerator, denominator } = gate
  const [cohort, control] = [sideOf(gate, metrics, "cohort"), sideOf(gate, metrics, "control")]
  const said = (verdict: Reading["verdict"], why: string, of: Parameters<typeof readingOf>[3] = {}) =>
    readingOf(gate, verdict, why, of)
  if (cohort.n === 0) return said("unknown", `no instance of the cohort has counted ${denominator} yet`)
  const byControl = "control" in against
  if (byControl && control.n === 0) return said("unknown", `nobody without the change has counted ${denominator} yet`)
  const test = (candidates: ReadonlyArray<Group>, controls: ReadonlyArray<Group>) => {
    const worth = effective(candidates, controls)
    return byControl
      ? { worth, ...exceeds(worth.candidate, worth.control, alpha, against.control) }
      : { worth, ...exceeds(worth.candidate, against.limit, alpha) }
  }
  const { worth, e, rejected, interval } = test(cohort.groups, control.groups)
  const is = cohort.sum / cohort.n
  const value = byControl ? is / (control.sum / control.n) : is
  const most = byControl ? against.control : against.limit
  const show = byControl ? timesText : shareText
  const had = `${whole(cohort.sum)} ${numerator} of ${whole(cohort.n)} ${denominator} of ${instances(cohort.count)} (${shareText(is)})`
  const other = byControl ? ` against ${shareText(control.sum / control.n)} of ${instances(control.count)}` : ""
  const between = `${had}${other}, ${show(interval.low)} to ${show(interval.high)} at ${shareText(1 - alpha)}, limit ${show(most)}`
  const bounds = Object.fromEntries(
    Object.entries({ value, low: interval.low, high: interval.high }).filter(([, bound]) => Number.isFinite(bound))
  )
  const evidence = e > 1e6 ? "over 1,000,000" : whole(e)
  if (rejected) return said("bad", `${between}; evidence ${evidence}, and ${whole(1 / alpha)} takes it back`, bounds)
  if (cohort.n < minimum)
    return said("unknown", `${between}; fewer than ${whole(minimum)} ${denominator} decide nothing`, bounds)
  if (value > most && worth.candidate.n < minimum) {
    const why = cohort.count < 2 ? "one instance decides nothing" : "instances differ too much, or are too few, to tell"
    return said("unknown", `${between}; ${why}`, bounds)
  }
  const leans = `evidence ${evidence}: above 1 it does not go on, at ${whole(1 / alpha)} it is taken back`
  if (e > 1) return said("unknown", `${between}; ${leans}`, bounds)
  // VG4
  const hides =
    test(withoutLargest(cohort.groups), control.groups).e > 1 ||
    (byControl && test(cohort.groups, withoutLargest(control.groups)).e > 1)
  if (hides)
    return said(
      "unknown",
      `${between}; without the instances that counted most it looks worse: they decide nothing`,
      bounds
    )
  return said("good", between, bounds)
}
