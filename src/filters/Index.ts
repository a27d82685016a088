/**
 * Finds filters by the values that an event has. Pure state.
 *
 *   IX7  A filter stands under one of its terms, the one by which fewest others are found with it; without a term it is found for every event.
 *   IX8  What stands under one value, and what is found for every event, is bounded by the steps that it takes, and by those of what is made of the events
 *        that are found. Nobody has more than four fifths of that alone. What was in before the schema changed is bounded by what it was then.
 */
import { type Filter, MOST_LOAD, type Values } from "./Filter.ts"
import { type Term, type Value, valueOf } from "./Terms.ts"

/** Variables by whose values filters are found. */
export const INDEXED = 8
/** Steps, of about ten nanoseconds, of all that is found for every event, and by one value. IX8 */
export const EVERY_EVENT = MOST_LOAD
export const BY_VALUE = 50_000

/** Of what one principal may have of a bound. IX8, IX5 */
export const SHARE = 0.8

/** What stands here. `owner`: undefined: it is no principal's. */
export interface Standing {
  readonly filter: Filter
  readonly owner: string | undefined
}

/** The filters that are found by the values of one variable. */
interface Under<A extends Standing> {
  readonly values: Map<Value, Bucket<A>>
  readonly variable: string
  size: number
  /** Events that had no value for it. */
  absent: number
  /** The number of the last of them. */
  absentAt: number
}

/** What is found together. */
export class Bucket<A extends Standing> {
  readonly filters = new Set<A>()
  /** Undefined: what is found for every event. */
  readonly under: Under<A> | undefined
  /** Steps. */
  load = 0
  /** Of them, those of what is made of the events that are found here, by owner. */
  reserved: Map<string | undefined, number> | undefined

  constructor(under?: Under<A>) {
    this.under = under
  }

  loadBy(owner: string): number {
    let load = this.reserved?.get(owner) ?? 0
    for (const one of this.filters) if (one.owner === owner) load += loadOf(one.filter)
    return load
  }
}

/** IX8. Whose a bucket's steps are is looked up only where it could matter. */
const hasRoom = <A extends Standing>(
  bucket: Bucket<A> | undefined,
  load: number,
  most: number,
  owner: string | undefined
): boolean => {
  const all = (bucket?.load ?? 0) + load
  if (all > most) return false
  if (owner === undefined || all <= most * SHARE) return true
  return (bucket?.loadBy(owner) ?? 0) + load <= most * SHARE
}

export class Index<A extends Standing> {
  readonly #by = new Map<string, Under<A>>()
  readonly #rest = new Bucket<A>()
  /** Where what was in before is to find its variables. */
  readonly #kept: ReadonlySet<string>
  /** How often a filter was not found as an event had no value for its variable. */
  absent = 0
  /** Events that came. */
  events = 0
  /** The variable that the last event lacked which lacked one that is needed; "": none did. */
  lacked = ""

  /** `before`: where those stood that are in already. */
  constructor(before?: Index<A>) {
    this.#kept = new Set(before === undefined ? [] : before.#by.keys())
  }

  /** Where it stands now; undefined: there is no room. `wasIn`: there is room for it. IX7, IX8 */
  add(thing: A, wasIn = false): ReadonlyArray<Bucket<A>> | undefined {
    const { filter, owner } = thing
    const load = loadOf(filter)
    let [best, least]: [Term | undefined, number] = [undefined, Number.POSITIVE_INFINITY]
    for (const term of filter.terms) {
      const values = this.#by.get(term.variable)?.values
      if (values === undefined && !this.#takes(term.variable, wasIn)) continue
      let most = 0
      let fits = true
      for (const value of term.values) {
        const bucket = values?.get(value)
        most = Math.max(most, bucket?.load ?? 0)
        fits &&= wasIn || hasRoom(bucket, load, BY_VALUE, owner)
      }
      if (fits && most < least) [best, least] = [term, most]
    }
    if (best === undefined)
      return wasIn || hasRoom(this.#rest, load, EVERY_EVENT, owner) ? [into(this.#rest, thing, load)] : undefined
    let under = this.#by.get(best.variable)
    if (under === undefined) {
      under = { values: new Map(), variable: best.variable, size: 0, absent: 0, absentAt: 0 }
      this.#by.set(best.variable, under)
    }
    under.size++
    const buckets: Array<Bucket<A>> = []
    for (const value of best.values) {
      let bucket = under.values.get(value)
      if (bucket === undefined) under.values.set(value, (bucket = new Bucket(under)))
      buckets.push(into(bucket, thing, load))
    }
    return buckets
  }

  /** Whether there may be one variable more. Who comes waits until all who were in are here. */
  #takes(variable: string, wasIn: boolean): boolean {
    if (!wasIn) return this.#by.size < INDEXED
    return this.#kept.has(variable) || this.#kept.union(this.#by).size < INDEXED
  }

  /** So many steps more for what is made of what is found there, or for every event; gives them back when called. Undefined: there is no room. IX8 */
  reserve(
    buckets: ReadonlyArray<Bucket<A>> | undefined,
    load: number,
    owner: string | undefined,
    wasIn = false
  ): (() => void) | undefined {
    const all = buckets ?? [this.#rest]
    for (const bucket of all)
      if (!wasIn && !hasRoom(bucket, load, bucket === this.#rest ? EVERY_EVENT : BY_VALUE, owner)) return undefined
    const reserve = (by: number) => {
      for (const bucket of all) {
        bucket.load += by
        bucket.reserved ??= new Map()
        const its = (bucket.reserved.get(owner) ?? 0) + by
        if (its > 0) bucket.reserved.set(owner, its)
        else bucket.reserved.delete(owner)
      }
    }
    reserve(load)
    return () => reserve(-load)
  }

  remove(thing: A, buckets: ReadonlyArray<Bucket<A>>): void {
    const { filter } = thing
    for (const bucket of buckets) {
      if (!bucket.filters.delete(thing)) continue
      bucket.load -= loadOf(filter)
    }
    const under = buckets[0]?.under
    if (under === undefined) return
    under.size--
    for (const { variable, values } of filter.terms) {
      const all = this.#by.get(variable)?.values
      if (all === undefined) continue
      for (const value of values) if (all.get(value)?.filters.size === 0) all.delete(value)
      if (all.size === 0) this.#by.delete(variable)
    }
  }

  /** Each that can be true with these values, once. `found`: its term holds. */
  each(values: Values, visit: (thing: A, found: boolean) => void): void {
    this.events++
    for (const [variable, under] of this.#by) {
      const own = values[variable]
      if (own === undefined) {
        under.absent++
        under.absentAt = this.events
        this.absent += under.size
        this.lacked = variable
        continue
      }
      const value = valueOf(own)
      if (value === undefined) continue
      const bucket = under.values.get(value)
      if (bucket !== undefined) for (const thing of bucket.filters) visit(thing, true)
    }
    for (const thing of this.#rest.filters) visit(thing, false)
  }
}

/** What needs no evaluation takes one step. */
const loadOf = ({ alone, load }: Filter): number => (alone ? 1 : load)

const into = <A extends Standing>(bucket: Bucket<A>, thing: A, load: number): Bucket<A> => {
  bucket.filters.add(thing)
  bucket.load += load
  return bucket
}
