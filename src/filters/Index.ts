/**
 * Finds filters by the values that an event has. Pure state.
 *
 *   IX7  A filter stands under one of its terms, the one by which fewest others are found with it; without a term it is found for every event.
 *   IX8  What stands under one value, and what is found for every event, is bounded by the steps that it takes.
 */
import type { Filter, Values } from "./Filter.ts"
import { type Term, type Value, valueOf } from "./Terms.ts"

/** Variables by whose values filters are found. */
export const INDEXED = 8
/** Steps, of about ten nanoseconds, of all that is found for every event, and by one value. IX8 */
export const EVERY_EVENT = 100_000
export const BY_VALUE = 50_000

/** What is found together. */
export class Bucket<A> {
  readonly filters = new Set<A>()
  /** Steps. */
  load = 0
}

export class Index<A> {
  readonly #by = new Map<string, Map<Value, Bucket<A>>>()
  readonly #rest = new Bucket<A>()

  /** Where it stands now; undefined: there is no room. IX7, IX8 */
  add(thing: A, filter: Filter): ReadonlyArray<Bucket<A>> | undefined {
    const load = loadOf(filter)
    let [best, least]: [Term | undefined, number] = [undefined, Number.POSITIVE_INFINITY]
    for (const term of filter.terms) {
      const values = this.#by.get(term.variable)
      if (values === undefined && this.#by.size >= INDEXED) continue
      let most = 0
      for (const value of term.values) most = Math.max(most, values?.get(value)?.load ?? 0)
      if (most + load <= BY_VALUE && most < least) [best, least] = [term, most]
    }
    if (best === undefined) return this.#rest.load + load > EVERY_EVENT ? undefined : [into(this.#rest, thing, load)]
    let values = this.#by.get(best.variable)
    if (values === undefined) this.#by.set(best.variable, (values = new Map()))
    const buckets: Array<Bucket<A>> = []
    for (const value of best.values) {
      let bucket = values.get(value)
      if (bucket === undefined) values.set(value, (bucket = new Bucket()))
      buckets.push(into(bucket, thing, load))
    }
    return buckets
  }

  remove(thing: A, filter: Filter, buckets: ReadonlyArray<Bucket<A>>): void {
    for (const bucket of buckets) {
      if (!bucket.filters.delete(thing)) continue
      bucket.load -= loadOf(filter)
    }
    if (buckets[0] === this.#rest) return
    for (const { variable, values } of filter.terms) {
      const all = this.#by.get(variable)
      if (all === undefined) continue
      for (const value of values) if (all.get(value)?.filters.size === 0) all.delete(value)
      if (all.size === 0) this.#by.delete(variable)
    }
  }

  /** Each that can be true with these values, once. `found`: its term holds. */
  each(values: Values, visit: (thing: A, found: boolean) => void): void {
    for (const [variable, byValue] of this.#by) {
      const value = valueOf(values[variable])
      if (value === undefined) continue
      const bucket = byValue.get(value)
      if (bucket !== undefined) for (const thing of bucket.filters) visit(thing, true)
    }
    for (const thing of this.#rest.filters) visit(thing, false)
  }
}

/** What needs no evaluation takes one step. */
const loadOf = ({ alone, load }: Filter): number => (alone ? 1 : load)

const into = <A>(bucket: Bucket<A>, thing: A, load: number): Bucket<A> => {
  bucket.filters.add(thing)
  bucket.load += load
  return bucket
}
