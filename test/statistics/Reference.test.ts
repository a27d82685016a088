/** Against an independent reckoning from the definitions, with 50 digits and roots and minima found by other ways: reference.py made reference.json. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { divergence, price } from "../../src/statistics/Divergence.ts"
import { logEvidence } from "../../src/statistics/Exceeds.ts"
import { counted, type Interval, type Sample } from "../../src/statistics/Sample.ts"
import { logEvidenceOf } from "../../src/statistics/SampleRatio.ts"
import { critical, difference, lift, mean, proportion } from "../../src/statistics/Sequential.ts"

type Counts = [n: number, sum: number]
type Sums = [n: number, sum: number, sumSquares: number]
type Ends = [low: number, high: number]

interface Reference {
  logE: Array<[n: number, sum: number, p: number, log: number]>
  proportion: Array<[n: number, sum: number, alpha: number, ends: Ends]>
  critical: Array<[n: number, alpha: number, distance: number]>
  two: Array<[control: Counts, treatment: Counts, alpha: number, ends: [difference: Ends, lift: Ends]]>
  means: Array<[control: Sums, treatment: Sums, alpha: number, ends: [difference: Ends, lift: Ends]]>
  mean: Array<[sums: Sums, alpha: number, ends: Ends]>
  exceeds: Array<[candidate: Counts, control: Counts, times: number, log: number]>
  sampleRatio: Array<[counts: Array<number>, shares: Array<number>, log: number]>
}

const reference: Reference = JSON.parse(readFileSync(fileURLToPath(new URL("reference.json", import.meta.url)), "utf8"))

const near = (is: number, should: number, within: number): void =>
  assert.isAtMost(Math.abs(is - should), within * Math.max(1, Math.abs(should)), `${is}, not ${should}`)
const nearEnds = ({ low, high }: Interval, [from, to]: Ends, within = 1e-9): void => {
  near(low / from || 1, 1, within)
  near(high / to || 1, 1, within)
  near(low, from, within)
  near(high, to, within)
}
const sampleOf = ([n, sum, sumSquares]: Sums): Sample => ({ n, sum, sumSquares })

describe("as reckoned elsewhere", () => {
  it("VD1 likelihoods of up to 10^12 observations", () => {
    for (const [n, sum, p, log] of reference.logE) near(price(n, sum) + divergence(n, sum, p), log, 1e-8)
  })

  it("VA1 intervals of proportions", () => {
    for (const [n, sum, alpha, ends] of reference.proportion) nearEnds(proportion(counted(n, sum), alpha), ends)
  })

  it("VA2 critical values, means, differences and lifts", () => {
    for (const [n, alpha, distance] of reference.critical) near(critical(n, alpha), distance, 1e-12)
    for (const [sums, alpha, ends] of reference.mean) nearEnds(mean(sampleOf(sums), alpha), ends)
    for (const [control, treatment, alpha, [by, of]] of reference.means) {
      nearEnds(difference(sampleOf(control), sampleOf(treatment), alpha, "mean"), by)
      nearEnds(lift(sampleOf(control), sampleOf(treatment), alpha, "mean"), of)
    }
    for (const [control, treatment, alpha, [by, of]] of reference.two) {
      nearEnds(difference(counted(...control), counted(...treatment), alpha, "proportion"), by)
      nearEnds(lift(counted(...control), counted(...treatment), alpha, "proportion"), of)
    }
  })

  it("VE2 evidence against another's rate", () => {
    for (const [candidate, control, times, log] of reference.exceeds)
      near(logEvidence(counted(...candidate), counted(...control), times), log, 1e-8)
  })

  it("VR1 evidence against shares", () => {
    for (const [counts, shares, log] of reference.sampleRatio) near(logEvidenceOf(counts, shares), log, 1e-8)
  })
})
