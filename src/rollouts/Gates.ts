/**
 * What gates say of what is known. Pure.
 *
 *   GE1  A census gate is bad when more of those who are known are bad than its limit allows, and so many distinct instances as the plan says, or
 *        all of a cohort that is smaller: one alone takes nothing back that reaches several.
 *   GE2  It is good when the cohort is known to the gate's coverage, and no more of them are bad than the limit allows. Otherwise nobody knows:
 *        who says nothing is neither healthy nor applied.
 *   GE3  Each gate of a plan has a reading, whatever is missing, and in the plan's order.
 */

import type { Census, CensusGate, Gate, Plan, RateGate } from "../plans/Plan.ts"
import { shareText } from "../text/Amounts.ts"
import { type Counts, type Evidence, type Reading, readingOf } from "./Evidence.ts"

/** What the store is asked, so that a plan's gates can be read. */
export const askedOf = ({ gates, lostAfterMillis, crashes }: Pick<Plan, "gates" | "lostAfterMillis" | "crashes">) => ({
  lostAfterMillis,
  crashes,
  slow: [...new Set(gates.flatMap((gate) => (gate.type === "census" && gate.of === "slow" ? [gate.withinMillis] : [])))]
})

/** Those that have a say: all but those that said that they leave. */
export const cohortOf = (counts: Counts): number =>
  counts.offered + counts.delivered + counts.applied + counts.healthy + counts.unhealthy + counts.rejected + counts.gone

/** Those that have applied the change and are there. */
export const appliedOf = ({ applied, healthy, unhealthy }: Counts): number => applied + healthy + unhealthy

const are: Readonly<Record<Census, string>> = {
  rejected: "refused it",
  unhealthy: "are unhealthy",
  lost: "are lost",
  slow: "have not applied it in time"
}

/** How many are bad, and of how many it is known whether they are. */
const countsOf = (
  { of, withinMillis }: CensusGate,
  counts: Counts
): { readonly bad: number; readonly known: number } => {
  const { rejected, unhealthy, healthy, lost } = counts
  const answered = appliedOf(counts) + rejected
  switch (of) {
    case "rejected":
      return { bad: rejected, known: answered }
    case "unhealthy":
      return { bad: unhealthy, known: healthy + unhealthy }
    case "lost": {
      // Who is gone for less than the plan allows may come back; who was sent nothing can't be lost by it.
      const maybe = Math.max(0, counts.gone - lost)
      return { bad: lost, known: Math.max(lost, cohortOf(counts) - counts.offered - maybe) }
    }
    case "slow": {
      const slow = counts.slow[String(withinMillis)] ?? 0
      return { bad: slow, known: answered + slow }
    }
  }
}

/** GE1, GE2 */
const census = (gate: CensusGate, counts: Counts): Reading => {
  const cohort = cohortOf(counts)
  const { bad, known } = countsOf(gate, counts)
  const { limit, atLeast, coverage } = gate
  const share = known === 0 ? 0 : bad / known
  const over = share > limit
  const enough = bad >= Math.min(atLeast, cohort)
  const covered = cohort > 0 ? known >= coverage * cohort : coverage === 0
  const counted = `${bad} of ${known} that are known ${are[gate.of]} (${shareText(share)}), limit ${shareText(limit)}`
  const bounds =
    cohort === 0
      ? {}
      : { value: share, low: bad / cohort, high: Math.min(1, (bad + Math.max(0, cohort - known)) / cohort) }
  const said = (verdict: Reading["verdict"], text: string) => readingOf(gate, verdict, text, bounds)
  if (over && enough) return said("bad", counted)
  if (over) return said("unknown", `${counted}; fewer than ${atLeast} instances decide nothing`)
  if (covered) return said("good", counted)
  if (cohort === 0) return said("unknown", "no instance of the cohort is there")
  return said(
    "unknown",
    `${counted}; ${known} of ${cohort} are known (${shareText(known / cohort)}), and ${shareText(coverage)} have to be`
  )
}

export const unknown = (gate: Gate, why: string): Reading => readingOf(gate, "unknown", why)

/** How the gates are read that count no instances. */
export interface Others {
  /** Of the sums that clients reported. */
  readonly rate: (gate: RateGate, metrics: Evidence["metrics"]) => Reading
  /** What was last heard of the gate at this place of the plan; undefined: nothing yet. */
  readonly external: (place: number) => Reading | undefined
}

/** GE3 */
export const readingsOf = (
  { gates }: Pick<Plan, "gates">,
  evidence: Evidence | undefined,
  { rate, external }: Others
): ReadonlyArray<Reading> =>
  gates.map((gate, place) => {
    if (gate.type === "prometheus" || gate.type === "webhook" || gate.type === "track")
      return external(place) ?? unknown(gate, "not asked yet")
    if (evidence === undefined) return unknown(gate, "what clients say can't be read")
    return gate.type === "census" ? census(gate, evidence.counts) : rate(gate, evidence.metrics)
  })
