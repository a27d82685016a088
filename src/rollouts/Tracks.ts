/**
 * What gates say of people: how many of those who were shown the raised variant did something, against a limit or those who were shown another. Pure.
 *
 *   VT1  It is bad when the share is beyond what it may be by an e-process of 1/α or more, which may be looked at at any time (VE1). Each person
 *        counts once, by what he was shown first since the stage began; whoever was shown two variants counts for none (XE8).
 *   VT2  It is good when as many were shown the variant as the gate asks for, with no evidence above 1. Otherwise nobody knows.
 */
import type { TrackGate } from "../plans/Plan.ts"
import { exceeds } from "../statistics/Exceeds.ts"
import { counted, type Sample } from "../statistics/Sample.ts"
import { shareText, timesText, whole } from "../text/Amounts.ts"
import { type Reading, readingOf } from "./Evidence.ts"

/** People, and those of them who did it. */
export interface People {
  readonly n: number
  readonly did: number
}

const hits = ({ n, did }: People): Sample => counted(n, did)

/** Is it beyond what it may be? It is too far below the others when they are too far above it. */
const beyond = ({ is, against, alpha }: TrackGate, cohort: People, control: People) => {
  if ("limit" in against) return exceeds(hits(cohort), against.limit, alpha)
  if (is === "<=") return exceeds(hits(cohort), hits(control), alpha, against.control)
  const { interval, ...said } = exceeds(hits(control), hits(cohort), alpha, 1 / against.control)
  return { ...said, interval: { low: 1 / interval.high, high: 1 / interval.low } }
}

/** VT1, VT2 */
export const tracks = (gate: TrackGate, variant: string, cohort: People, control: People): Reading => {
  const { event, is, against, alpha, minimum } = gate
  const said = (verdict: Reading["verdict"], why: string, of: Parameters<typeof readingOf>[3] = {}) =>
    readingOf(gate, verdict, why, of)
  if (cohort.n === 0) return said("unknown", `nobody was reported who was shown ${variant}`)
  const byControl = "control" in against
  if (byControl && control.n === 0) return said("unknown", "nobody was reported who was shown another variant")
  const { e, rejected, interval } = beyond(gate, cohort, control)
  const share = cohort.did / cohort.n
  const other = control.did / control.n
  const value = byControl ? share / other : share
  const [show, bound] = byControl ? [timesText, against.control] : [shareText, against.limit]
  const had = `${whole(cohort.did)} of ${whole(cohort.n)} who were shown ${variant} had ${event} (${shareText(share)})`
  const others = byControl ? ` against ${shareText(other)} of ${whole(control.n)}` : ""
  const between = `${had}${others}, ${show(interval.low)} to ${show(interval.high)} at ${shareText(1 - alpha)}, ${is === "<=" ? "at most" : "at least"} ${show(bound)}`
  const bounds = Object.fromEntries(
    Object.entries({ value, low: interval.low, high: interval.high }).filter(([, one]) => Number.isFinite(one))
  )
  const evidence = e > 1e6 ? "over 1,000,000" : whole(e)
  if (rejected) return said("bad", `${between}; evidence ${evidence}, and ${whole(1 / alpha)} takes it back`, bounds)
  if (cohort.n < minimum) return said("unknown", `${between}; fewer than ${whole(minimum)} decide nothing`, bounds)
  const leans = `evidence ${evidence}: above 1 it does not go on, at ${whole(1 / alpha)} it is taken back`
  return e > 1 ? said("unknown", `${between}; ${leans}`, bounds) : said("good", between, bounds)
}
