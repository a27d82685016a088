/**
 * Sums what instances of this node count, from when they have the change, or could have it. Pure state.
 *
 *   CI1  Of each counter an instance's first report is the beginning, and what it grew by counts. One that went back began anew.
 *   CI2  An instance stays one, however often it connects again: what it counted before is kept with what it counts then. Of those that are
 *        not here any more the newest `FORMER` are known.
 *   CI3  Sums only grow, so writing them twice, or late, changes nothing.
 */

import type { Gate } from "../plans/Plan.ts"
import { addendsOf, countersOf } from "../rollouts/Rates.ts"
import type { Counted } from "../rollouts/Sighting.ts"

export type Side = Counted["side"]
export type Sum = Pick<Counted, "side" | "metric" | "total">

/** CI2 */
const FORMER = 10_000

interface Instance {
  readonly side: Side
  /** Of its last report; undefined: the next one is a beginning. */
  values: Map<string, number> | undefined
  /** What its counters rose by. */
  readonly counted: Record<string, number>
  /** What it adds to the sums. */
  addends: Readonly<Record<string, number>>
}

export class Counting {
  readonly #gates: ReadonlyArray<Gate>
  readonly #names: ReadonlySet<string>
  readonly #here = new Map<string, Instance>()
  readonly #former = new Map<string, Instance>()
  readonly #totals: Readonly<Record<Side, Map<string, number>>> = { cohort: new Map(), control: new Map() }
  /** Of what was written. */
  readonly #written: Readonly<Record<Side, Map<string, number>>> = { cohort: new Map(), control: new Map() }
  #isNews = false

  constructor(gates: ReadonlyArray<Gate>) {
    this.#gates = gates
    this.#names = countersOf(gates)
  }

  /** No gate asks. */
  get isIdle(): boolean {
    return this.#names.size === 0
  }

  get size(): number {
    return this.#here.size + this.#former.size
  }

  report(instance: string, side: Side, metrics: Readonly<Record<string, number>>): void {
    if (this.isIdle) return
    const its = this.#instance(instance, side)
    const before = its.values
    its.values = new Map(before)
    let grew = false
    for (const name of this.#names) {
      const value = metrics[name]
      if (value === undefined || !(value >= 0) || value > Number.MAX_SAFE_INTEGER) continue
      const last = before?.get(name)
      its.values.set(name, value)
      if (last === undefined || last === value) continue
      its.counted[name] = (its.counted[name] ?? 0) + (value > last ? value - last : value) // CI1
      grew = true
    }
    if (grew) this.#add(instance, its)
  }

  /** Its session is over. */
  left(instance: string): void {
    const its = this.#here.get(instance)
    if (its === undefined) return
    this.#here.delete(instance)
    this.#former.set(instance, { ...its, values: undefined })
    if (this.#former.size > FORMER) for (const [oldest] of this.#former) return void this.#former.delete(oldest) // CI2
  }

  *totals(): Generator<Sum, void> {
    for (const side of ["cohort", "control"] as const)
      for (const [metric, total] of this.#totals[side]) yield { side, metric, total }
  }

  /** Sums that are not written yet. */
  news(): ReadonlyArray<Sum> {
    if (!this.#isNews) return []
    const news = [...this.totals()].filter(({ side, metric, total }) => this.#written[side].get(metric) !== total)
    if (news.length === 0) this.#isNews = false
    return news
  }

  wrote({ side, metric, total }: Sum): void {
    this.#written[side].set(metric, total)
  }

  /** Nothing is known to be written any more. */
  again(): void {
    for (const written of Object.values(this.#written)) written.clear()
    this.#isNews = true
  }

  #instance(instance: string, side: Side): Instance {
    const here = this.#here.get(instance)
    if (here?.side === side) return here
    const former = this.#former.get(instance)
    this.#former.delete(instance)
    const its = former?.side === side ? former : { side, values: undefined, counted: {}, addends: {} }
    this.#here.set(instance, its)
    return its
  }

  #add(instance: string, its: Instance): void {
    const addends = addendsOf(this.#gates, instance, its.counted)
    const totals = this.#totals[its.side]
    for (const [name, addend] of Object.entries(addends)) {
      const more = addend - (its.addends[name] ?? 0)
      if (more > 0 && Number.isFinite(more)) totals.set(name, (totals.get(name) ?? 0) + more)
    }
    its.addends = addends
    this.#isNews = true
  }
}
