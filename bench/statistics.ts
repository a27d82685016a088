/**
 * What the tests of gates and experiments do when they are looked at a thousand times, in 10,000 runs each, by a seed: how often they are wrong, and how
 * soon they find what is there. Figures of docs/experiments.md; no server.
 *
 *   node bench/statistics.ts        --short: 200 runs
 */
import {
  FALSE_ALARMS,
  FINDS,
  LOOKED_AT_ONCE,
  LOOKS,
  OF_INSTANCES,
  ONE_BY_ONE,
  type Scenario
} from "../test/statistics/Scenarios.ts"
import { simulate } from "../test/statistics/Simulation.ts"
import { main, type Options, type Report, type Row } from "./support/Report.ts"

const SEED = 7

const measure = async ({ short }: Options): Promise<Report> => {
  const runs = short ? 200 : 10_000
  const wrong: Array<string> = []
  const often = ({ begin }: Scenario): number => (100 * simulate(SEED, runs, LOOKS, begin).often) / runs
  const alarms = [...FALSE_ALARMS, ...OF_INSTANCES].map((scenario): Row => {
    const share = often(scenario)
    if (!short && share > 100 * scenario.alpha) wrong.push(`${scenario.what}: ${share} % of the runs`)
    return {
      what: `wrong at some look: ${scenario.what}`,
      reach: `≤ ${100 * scenario.alpha} %`,
      unit: "%",
      values: [share]
    }
  })
  const finds = FINDS.map(({ what, begin, each, of }): Row => {
    const values = [simulate(SEED, runs, LOOKS, begin).median * each]
    return { what: `half have found it: ${what}`, reach: "–", unit: of, values }
  })
  const others = [...LOOKED_AT_ONCE, ...ONE_BY_ONE].map(
    (scenario): Row => ({
      what: `for comparison: ${scenario.what}`,
      reach: `says ≤ ${100 * scenario.alpha} %`,
      unit: "%",
      values: [often(scenario)]
    })
  )
  return {
    rows: [...alarms, ...finds, ...others],
    notes: [`${runs.toLocaleString("en-US")} runs of ${LOOKS.toLocaleString("en-US")} looks each, seed ${SEED}`],
    wrong
  }
}

await main("statistics", measure)
