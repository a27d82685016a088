/**
 * What the tests of gates and experiments do when they are looked at a thousand times, in 10,000 runs each, by a seed: how often they are wrong, and how
 * soon they find what is there. Figures of docs/experiments.md; no server.
 *
 *   node bench/statistics.ts        some minutes; --short: 200 runs
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
  // Fifty instances are drawn one by one at each look.
  const ofFleets = runs / 5
  const wrong: Array<string> = []
  const often = ({ begin }: Scenario, of: number): number => (100 * simulate(SEED, of, LOOKS, begin).often) / of
  const alarm = (scenario: Scenario, of: number): Row => {
    const share = often(scenario, of)
    const reach = 100 * scenario.alpha
    if (!short && share > reach) wrong.push(`${scenario.what}: ${share} % of the runs`)
    return { what: `wrong at some look: ${scenario.what}`, reach: `≤ ${reach} %`, unit: "%", values: [share] }
  }
  const find = ({ what, begin, each, of }: (typeof FINDS)[number]): Row => {
    const values = [simulate(SEED, ofFleets, LOOKS, begin).median * each]
    return { what: `half have found it: ${what}`, reach: "–", unit: of, values }
  }
  const other = (scenario: Scenario, of: number): Row => ({
    what: `for comparison: ${scenario.what}`,
    reach: `says ≤ ${100 * scenario.alpha} %`,
    unit: "%",
    values: [often(scenario, of)]
  })
  const say = (n: number): string => n.toLocaleString("en-US")
  return {
    rows: [
      ...FALSE_ALARMS.map((scenario) => alarm(scenario, runs)),
      ...OF_INSTANCES.map((scenario) => alarm(scenario, ofFleets)),
      ...FINDS.map(find),
      ...LOOKED_AT_ONCE.map((scenario) => other(scenario, runs)),
      ...ONE_BY_ONE.map((scenario) => other(scenario, ofFleets))
    ],
    notes: [
      `${say(runs)} runs of ${say(LOOKS)} looks each, ${say(ofFleets)} of instances and until something is found, seed ${SEED}`
    ],
    wrong
  }
}

await main("statistics", measure)
