/** What is simulated: by the unit tests in small, by `node bench/statistics.ts` in full. */
import { logEvidence } from "../../src/statistics/Exceeds.ts"
import type { Sample } from "../../src/statistics/Sample.ts"
import { logEvidenceOf, MISMATCH } from "../../src/statistics/SampleRatio.ts"
import { critical, difference, lift, likeRatio } from "../../src/statistics/Sequential.ts"
import { BURSTS, DIFFERENT, ofInstances, SAME } from "./Fleets.ts"
import { type Draw, Growing, type Run } from "./Simulation.ts"

export interface Scenario {
  readonly what: string
  /** At most this share of the runs may be wrong; of runs that are to find something, what is asked for. */
  readonly alpha: number
  readonly begin: (draw: Draw) => Run
}

export const LOOKS = 1_000

/** Requests, or units, of candidate and control between two looks; `better`: the candidate is, so far. */
type Shares = (look: number, better: boolean) => readonly [candidate: number, control: number]

const EQUAL: Shares = () => [10, 10]
const HUNDREDTH: Shares = () => [10, 990]
/** Stages of 1 %, 10 % and 50 %, of a thousand requests a look. */
const STAGES: Shares = (look) => (look <= LOOKS / 3 ? [10, 990] : look <= (2 * LOOKS) / 3 ? [100, 900] : [500, 500])

/** Who looks better gets more. */
const FOLLOWED: Shares = (_, better) => (better ? [20, 4] : [4, 20])

/** The candidate fails at `rate`, and `limit` is not to be exceeded. */
export const againstLimit =
  (rate: number, limit: number, alpha: number, requests: number) =>
  (draw: Draw): Run => {
    const candidate = new Growing()
    return () => {
      candidate.add(requests, draw.hits(requests, rate))
      return logEvidence(candidate, limit) >= -Math.log(alpha)
    }
  }

/** The candidate fails at `rate`, the control at `usual`, and `times` that is not to be exceeded. */
export const againstControl =
  (rate: number, usual: number, alpha: number, shares: Shares, times = 1) =>
  (draw: Draw): Run => {
    const [candidate, control] = [new Growing(), new Growing()]
    return (look) => {
      const [n, m] = shares(look, false)
      candidate.add(n, draw.hits(n, rate))
      control.add(m, draw.hits(m, usual))
      return logEvidence(candidate, control, times) >= -Math.log(alpha)
    }
  }

/** What others do who look once, looking each time: two proportions, z above what it may be. */
const classic =
  (rate: number, usual: number, distance: number, shares: Shares) =>
  (draw: Draw): Run => {
    const [candidate, control] = [new Growing(), new Growing()]
    return (look) => {
      const [n, m] = shares(look, false)
      candidate.add(n, draw.hits(n, rate))
      control.add(m, draw.hits(m, usual))
      const pooled = (candidate.sum + control.sum) / (candidate.n + control.n)
      const error = Math.sqrt(pooled * (1 - pooled) * (1 / candidate.n + 1 / control.n))
      return Math.abs(candidate.sum / candidate.n - control.sum / control.n) > distance * error
    }
  }

const timeOf = (control: Sample, treatment: Sample): number => 1 / (1 / control.n + 1 / treatment.n)

/** The interval of the lift of a conversion misses what is true. Without it, it is what `lift` is made of: a test holds that both say the same. */
const missesConversion =
  (control: number, treatment: number, alpha: number, shares: Shares) =>
  (draw: Draw): Run => {
    const [was, is] = [new Growing(), new Growing()]
    const truth = treatment / control
    return (look) => {
      const [n, m] = shares(look, is.sum * was.n > was.sum * is.n)
      is.add(n, draw.hits(n, treatment))
      was.add(m, draw.hits(m, control))
      return likeRatio(was, is, truth) > critical(timeOf(was, is), alpha) ** 2 / 2
    }
  }

const findsConversion =
  (control: number, treatment: number, alpha: number, shares: Shares) =>
  (draw: Draw): Run => {
    const [was, is] = [new Growing(), new Growing()]
    return (look) => {
      const [n, m] = shares(look, false)
      is.add(n, draw.hits(n, treatment))
      was.add(m, draw.hits(m, control))
      return likeRatio(was, is, 1) > critical(timeOf(was, is), alpha) ** 2 / 2
    }
  }

/** What one unit is worth, and the mean of it. */
type Worth = readonly [value: (draw: Draw) => number, mean: number]

const EVEN: Worth = [(draw) => draw.next(), 0.5]
/** As waiting times are. */
const WAITING: Worth = [(draw) => -Math.log(1 - draw.next()), 1]
/** As spending is: one in twenty spends, and some of them much. */
const SPENDING: Worth = [(draw) => (draw.next() < 0.05 ? Math.exp(draw.normal()) : 0), 0.05 * Math.exp(0.5)]

const missesMean =
  ([value, mean]: Worth, factor: number, alpha: number, shares: Shares, of: typeof lift) =>
  (draw: Draw): Run => {
    const [was, is] = [new Growing(), new Growing()]
    const truth = of === lift ? factor - 1 : (factor - 1) * mean
    return (look) => {
      const [n, m] = shares(look, false)
      for (let unit = 0; unit < n; unit++) {
        const one = value(draw) * factor
        is.add(1, one, one * one)
      }
      for (let unit = 0; unit < m; unit++) {
        const one = value(draw)
        was.add(1, one, one * one)
      }
      const { low, high } = of(was, is, alpha, "mean")
      return truth < low || truth > high
    }
  }

const mismatches =
  (come: ReadonlyArray<number>, planned: ReadonlyArray<number>, units: number) =>
  (draw: Draw): Run => {
    const counts = come.map(() => 0)
    const sum = come.reduce((all, share) => all + share, 0)
    return () => {
      for (let unit = 0; unit < units; unit++) {
        let at = draw.next() * sum
        let variant = 0
        while (at >= come[variant]!) at -= come[variant++]!
        counts[variant]!++
      }
      return logEvidenceOf(counts, planned) >= -Math.log(MISMATCH)
    }
  }

const chiSquare =
  (units: number, distance: number) =>
  (draw: Draw): Run => {
    const all = new Growing()
    return () => {
      all.add(units, draw.hits(units, 0.5))
      return Math.abs(all.sum - all.n / 2) > (distance * Math.sqrt(all.n)) / 2
    }
  }

/** Nothing is wrong: how many runs say that something is. */
export const FALSE_ALARMS: ReadonlyArray<Scenario> = [
  { what: "gate: errors 1 %, limit 1 %", alpha: 0.01, begin: againstLimit(0.01, 0.01, 0.01, 10) },
  { what: "gate: errors 0.01 %, limit 0.01 %", alpha: 0.01, begin: againstLimit(0.0001, 0.0001, 0.01, 100) },
  { what: "gate: errors 1 % of both, equal shares", alpha: 0.01, begin: againstControl(0.01, 0.01, 0.01, EQUAL) },
  { what: "gate: errors 1 % of both, candidate 1 %", alpha: 0.01, begin: againstControl(0.01, 0.01, 0.01, HUNDREDTH) },
  { what: "gate: errors 1 % of both, 1 %, 10 %, 50 %", alpha: 0.01, begin: againstControl(0.01, 0.01, 0.01, STAGES) },
  {
    what: "gate: errors 1.2 × control, 1.2 × allowed",
    alpha: 0.01,
    begin: againstControl(0.012, 0.01, 0.01, HUNDREDTH, 1.2)
  },
  {
    what: "experiment: conversion 5 %, no lift, equal shares",
    alpha: 0.05,
    begin: missesConversion(0.05, 0.05, 0.05, EQUAL)
  },
  { what: "experiment: conversion 5 % and 6 %", alpha: 0.05, begin: missesConversion(0.05, 0.06, 0.05, EQUAL) },
  { what: "experiment: conversion 0.2 %, no lift", alpha: 0.05, begin: missesConversion(0.002, 0.002, 0.05, EQUAL) },
  {
    what: "experiment: conversion 5 %, no lift, shares 1 %, 10 %, 50 %",
    alpha: 0.05,
    begin: missesConversion(0.05, 0.05, 0.05, STAGES)
  },
  {
    what: "experiment: conversion 5 %, no lift, shares that follow the result",
    alpha: 0.05,
    begin: missesConversion(0.05, 0.05, 0.05, FOLLOWED)
  },
  {
    what: "experiment: mean of even values, difference",
    alpha: 0.05,
    begin: missesMean(EVEN, 1, 0.05, EQUAL, difference)
  },
  {
    what: "experiment: mean of waiting times, lift 10 %",
    alpha: 0.05,
    begin: missesMean(WAITING, 1.1, 0.05, EQUAL, lift)
  },
  {
    what: "experiment: mean of spending (one in twenty, some much), difference",
    alpha: 0.05,
    begin: missesMean(SPENDING, 1, 0.05, EQUAL, difference)
  },
  { what: "experiment: mean of spending, lift 20 %", alpha: 0.05, begin: missesMean(SPENDING, 1.2, 0.05, EQUAL, lift) },
  { what: "shares: 50/50 as planned", alpha: 0.001, begin: mismatches([1, 1], [50, 50], 10) },
  { what: "shares: 80/10/10 as planned", alpha: 0.001, begin: mismatches([8, 1, 1], [80, 10, 10], 10) }
]

/** What would come of tests for one look. Their α is what they'd say. */
export const LOOKED_AT_ONCE: ReadonlyArray<Scenario> = [
  { what: "z test at 1 %, errors 1 % of both", alpha: 0.01, begin: classic(0.01, 0.01, 2.5758, () => [100, 100]) },
  { what: "z test at 5 %, conversion 5 % of both", alpha: 0.05, begin: classic(0.05, 0.05, 1.96, () => [100, 100]) },
  { what: "chi-square at 0.1 %, shares as planned", alpha: 0.001, begin: chiSquare(100, 3.2905) }
]

/** As FALSE_ALARMS, of instances: as many looks cost more. */
export const OF_INSTANCES: ReadonlyArray<Scenario> = [
  { what: "gate: 10 instances and 40, all alike", alpha: 0.01, begin: ofInstances(SAME) },
  { what: "gate: 10 instances and 40, errors in bursts of 10", alpha: 0.01, begin: ofInstances(BURSTS) },
  { what: "gate: 10 instances and 40 that differ (0.3 to 3 %)", alpha: 0.01, begin: ofInstances(DIFFERENT) },
  ...(
    [
      [2, 48],
      [2, 10],
      [2, 2],
      [3, 3],
      [5, 5]
    ] as const
  ).map(([candidates, controls]) => ({
    what: `gate: ${candidates} instances and ${controls} that differ, in bursts of 10`,
    alpha: 0.01,
    begin: ofInstances({ candidates, controls, spread: 0.6, burst: 10, times: 1 })
  }))
]

/** The same, each request by itself: what would come of it. */
export const ONE_BY_ONE: ReadonlyArray<Scenario> = [
  { what: "each request by itself, errors in bursts of 10", alpha: 0.01, begin: ofInstances(BURSTS, true) },
  { what: "each request by itself, instances that differ", alpha: 0.01, begin: ofInstances(DIFFERENT, true) }
]

/** Something is wrong, or better: after how many observations of the candidate (or of a variant, or of all) half of the runs know. */
export const FINDS: ReadonlyArray<Scenario & { readonly each: number; readonly of: string }> = [
  { what: "gate: errors 2 %, limit 1 %", begin: againstLimit(0.02, 0.01, 0.01, 10), of: "requests" },
  {
    what: "gate: errors 2 %, control 1 %, equal shares",
    begin: againstControl(0.02, 0.01, 0.01, () => [20, 20]),
    of: "requests",
    each: 20
  },
  {
    what: "gate: errors 2 %, control 1 %, candidate 1 %",
    begin: againstControl(0.02, 0.01, 0.01, HUNDREDTH),
    of: "requests"
  },
  {
    what: "gate: errors 10 %, control 1 %, candidate 1 %",
    begin: againstControl(0.1, 0.01, 0.01, HUNDREDTH),
    of: "requests"
  },
  {
    what: "gate: errors 100 %, control 1 %, candidate 1 %",
    begin: againstControl(1, 0.01, 0.01, () => [1, 99]),
    of: "requests",
    each: 1
  },
  {
    what: "gate: errors 2 %, control 1 %, 10 instances and 40",
    begin: ofInstances({ ...SAME, times: 2 }),
    of: "requests",
    each: 200
  },
  {
    what: "gate: errors 10 %, control 1 %, 2 instances and 48",
    begin: ofInstances({ ...SAME, candidates: 2, controls: 48, times: 10 }),
    of: "requests",
    each: 40
  },
  {
    what: "gate: errors 50 %, control 1 %, 3 instances and 3",
    begin: ofInstances({ ...SAME, candidates: 3, controls: 3, times: 50 }),
    of: "requests",
    each: 60
  },
  {
    what: "gate: errors 10 %, control 1 %, 10 instances and 40 that differ",
    begin: ofInstances({ ...DIFFERENT, times: 10 }),
    of: "requests",
    each: 200
  },
  {
    what: "experiment: conversion 5 % and 6 %",
    alpha: 0.05,
    begin: findsConversion(0.05, 0.06, 0.05, () => [100, 100]),
    of: "units a variant",
    each: 100
  },
  { what: "shares: 52/48 for 50/50", alpha: 0.001, begin: mismatches([52, 48], [50, 50], 100), of: "units", each: 100 }
].map((one) => ({ alpha: 0.01, each: 10, ...one }))
