/** Instances of a rollout that fail now and then, each at a rate of its own. */
import { effective, GROUPS, type Group } from "../../src/statistics/Clusters.ts"
import { logEvidence } from "../../src/statistics/Exceeds.ts"
import { counted, type Sample } from "../../src/statistics/Sample.ts"
import type { Draw, Run } from "./Simulation.ts"

/** Instances, each with a rate of its own around `rate`, all of them the mean of it; what fails once fails so many times together. */
class Fleet {
  readonly #rates: ReadonlyArray<number>
  readonly #n: Float64Array
  readonly #sum: Float64Array
  readonly #burst: number
  /** By their names, which are others in each run. */
  readonly #group: ReadonlyArray<number>

  constructor(draw: Draw, instances: number, rate: number, spread: number, burst: number) {
    const one = () => Math.min(1, rate * Math.exp(spread * draw.normal() - spread ** 2 / 2))
    this.#rates = Array.from({ length: instances }, one)
    this.#n = new Float64Array(instances)
    this.#sum = new Float64Array(instances)
    this.#burst = burst
    this.#group = Array.from({ length: instances }, () => Math.floor(GROUPS * draw.next()))
  }

  serve(draw: Draw, requests: number): void {
    this.#rates.forEach((rate, n) => {
      this.#n[n]! += requests
      this.#sum[n]! += Math.min(requests, this.#burst * draw.hits(requests, rate / this.#burst))
    })
  }

  get groups(): ReadonlyArray<Group> {
    const groups = Array.from({ length: GROUPS }, () => ({ n: 0, sum: 0 }))
    for (let n = 0; n < this.#n.length; n++) {
      const group = groups[this.#group[n]!]!
      group.n += this.#n[n]!
      group.sum += this.#sum[n]!
    }
    return groups
  }
}

const totalOf = (groups: ReadonlyArray<Group>): Sample => {
  const sumOf = (part: keyof Group) => groups.reduce((sum, one) => sum + one[part], 0)
  return counted(sumOf("n"), sumOf("sum"))
}

interface Fleets {
  readonly candidates: number
  readonly controls: number
  /** Of logarithms of rates. */
  readonly spread: number
  readonly burst: number
  /** How many times the control's rate the candidate has. */
  readonly times: number
}

/** As gates of rollouts read it, each instance by itself; or, `oneByOne`, as if each request were. */
export const ofInstances =
  ({ candidates, controls, spread, burst, times }: Fleets, oneByOne = false) =>
  (draw: Draw): Run => {
    const candidate = new Fleet(draw, candidates, 0.01 * times, spread, burst)
    const control = new Fleet(draw, controls, 0.01, spread, burst)
    return () => {
      candidate.serve(draw, 20)
      control.serve(draw, 20)
      const [its, others] = [candidate.groups, control.groups]
      const worth = oneByOne ? { candidate: totalOf(its), control: totalOf(others) } : effective(its, others)
      return logEvidence(worth.candidate, worth.control) >= -Math.log(0.01)
    }
  }

export const SAME: Fleets = { candidates: 10, controls: 40, spread: 0, burst: 1, times: 1 }
export const BURSTS: Fleets = { ...SAME, burst: 10 }
export const DIFFERENT: Fleets = { ...SAME, spread: 0.6 }
