/**
 * All filters of a topic's readers on a node. An event is read once for all of them, and each different filter is evaluated once at most. Pure state.
 *
 *   IX3  What an event matches is what each filter says of it, whichever way it was found.
 *   IX4  A filter is evaluated for an event only if the event has a value that the filter asks for, where it asks for one.
 *   IX5  Filters are bounded in number, in bytes, in fields that they name, and in what one event can make them do. Who comes when it is full is
 *        refused; nobody loses what he has, also not by another schema. One principal has four fifths of each bound at most.
 *   IX6  A filter is here while somebody holds it, and no longer.
 *   IX9  Of each filter it is counted what became of the events that came, also of those that it was not found for: an event without the value by which it
 *        would have been found lacks it. IX10 in Figures.ts
 */
import { Result } from "effect"
import { fieldOf, presenceOf, slotOf } from "./Engine.ts"
import { type Counts, type Figures, figuresOf, NO_FIGURES, noCounts, sinceThen } from "./Figures.ts"
import { EVENT_STEPS, type Filter } from "./Filter.ts"
import { type Bucket, Index, SHARE } from "./Index.ts"
import { JsonFields } from "./JsonFields.ts"
import type { FilterProblem } from "./Problem.ts"
import { rememberedFilter } from "./Remembered.ts"
import type { EventName, Variables } from "./Variables.ts"
import { countOf, type Wanted, wantAll } from "./Wanted.ts"
import { ELEMENT_BYTES } from "./Work.ts"

/** What filters look at. Only what one of them names is asked for. */
export interface FilteredEvent {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint | number
  /** Null: none; a filter sees "". */
  readonly key: string | null
  readonly headers: ReadonlyMap<string, string>
  /** By when Herald had it, milliseconds since 1970. */
  readonly publishedAt: number
  readonly payload: Uint8Array
}

export interface FilterBounds {
  readonly entries: number
  /** About, of memory. */
  readonly bytes: number
}

export const BOUNDS: FilterBounds = { entries: 100_000, bytes: 67_108_864 }
const NO_BOUNDS: FilterBounds = { entries: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }
/** Fields that all of them may name together, with those within others. IX5 */
export const NAMED = 1_000

/** A filter that somebody holds: the same for all who hold one of this text. */
export interface Held {
  readonly filter: Filter
  /** Of events for which it was evaluated. */
  readonly counts: Counts
}

/** Why a filter was not taken. */
export type NotHeld = { readonly problem: FilterProblem } | { readonly full: string }

interface Entry extends Held {
  /** Who came with it first. */
  readonly owner: string | undefined
  holders: number
  bucket: ReadonlyArray<Bucket<Entry>>
  /** What was counted when it came: events, and those without the variable that it stands under. */
  since: readonly [events: number, absent: number]
  /** The variable that the last event lacked for which it was evaluated and that lacked one, and the number of that event. */
  lacked: readonly [variable: string, event: number]
}

export class Filters {
  readonly counts = noCounts()
  /** Events whose payload is no JSON object, although a filter names a field. */
  unreadable = 0
  /** That came, for each filter that there was. */
  #looked = 0
  #told = NO_FIGURES
  readonly #variables: Variables
  readonly #bounds: FilterBounds
  readonly #entries = new Map<string, Entry>()
  readonly #index: Index<Entry>
  readonly #matched: Array<Held> = []
  readonly #shares = new Map<string, { entries: number; bytes: number }>()
  #bytes = 0
  #wanted = new Map<string, Wanted>()
  #event = new Set<EventName>()
  #present = new Set<string>()
  /** Undefined: it has to be made anew. */
  #fields: JsonFields | undefined
  #slots: ReadonlyArray<string> = []
  #values: Record<string, unknown> = {}
  #sizes: Record<string, number> = {}
  /** Filters that went since what is wanted was put together. */
  #gone = 0

  /** `before`: where those are held who are in already. */
  constructor(variables: Variables, bounds: FilterBounds = BOUNDS, before?: Filters) {
    this.#variables = variables
    this.#bounds = bounds
    this.#index = new Index(before === undefined ? undefined : before.#index)
  }

  /** Different ones. */
  get size(): number {
    return this.#entries.size
  }

  /** About, of memory. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * One more holds a filter of this text; `release` when it doesn't any more. `owner`: the principal who comes with it, if it is one. `read`: the
   * filter, where it is at hand. `wasIn`: he had it by another schema, which no bound takes from him. IX5
   */
  hold(text: string, owner?: string, read?: Filter, wasIn = false): Result.Result<Held, NotHeld> {
    const there = this.#entries.get(text)
    if (there !== undefined) {
      there.holders++
      return Result.succeed(there)
    }
    const { entries, bytes } = wasIn ? NO_BOUNDS : this.#bounds
    if (this.#entries.size >= entries) return full(`${entries} different filters`)
    if (this.#bytes + text.length > bytes) return full(`${bytes} bytes of filters`)
    const made = read === undefined ? rememberedFilter(text, this.#variables, owner) : Result.succeed(read)
    if (Result.isFailure(made)) return Result.fail({ problem: made.failure })
    const filter = made.success
    if (this.#bytes + filter.bytes > bytes) return full(`${bytes} bytes of filters`)
    const share = owner === undefined ? undefined : (this.#shares.get(owner) ?? { entries: 0, bytes: 0 })
    if (share !== undefined && (share.entries >= entries * SHARE || share.bytes + filter.bytes > bytes * SHARE))
      return full("as many different filters as one principal may have")
    if (!wasIn && !this.#room(filter, owner)) return full(`filters that name ${NAMED} fields together`)
    const entry: Entry = {
      ...{ filter, owner, counts: noCounts(), holders: 1, bucket: [], since: [0, 0], lacked: ["", 0] }
    }
    const bucket = this.#index.add(entry, wasIn)
    if (bucket === undefined) return full("as many filters as one event can be looked at with")
    entry.bucket = bucket
    entry.since = [this.#index.events, bucket[0]?.under?.absent ?? 0]
    this.#entries.set(text, entry)
    this.#weigh(entry, 1)
    this.#want(filter)
    return Result.succeed(entry)
  }

  /** IX6 */
  release(held: Held): void {
    const entry = this.#entries.get(held.filter.text)
    if (entry !== held || --entry.holders > 0) return
    this.#entries.delete(held.filter.text)
    this.#weigh(entry, -1)
    this.#index.remove(entry, entry.bucket)
    if (++this.#gone > this.#entries.size) this.#gather()
  }

  /**
   * So many steps are taken besides for each event that a filter takes, or for all events: what is made of them. Gives what ends that; undefined: there is no
   * room. IX8
   */
  reserve(held: Held | undefined, steps: number, owner?: string, wasIn = false): (() => void) | undefined {
    return this.#index.reserve((held as Entry | undefined)?.bucket, steps, owner, wasIn)
  }

  #weigh({ filter, owner }: Entry, sign: 1 | -1): void {
    this.#bytes += sign * filter.bytes
    if (owner === undefined) return
    const share = this.#shares.get(owner) ?? { entries: 0, bytes: 0 }
    share.entries += sign
    share.bytes += sign * filter.bytes
    if (share.entries > 0) this.#shares.set(owner, share)
    else this.#shares.delete(owner)
  }

  /** Of one since it came, or of all. IX9 */
  figures(held?: Held): Figures {
    const { events, absent, lacked } = this.#index
    if (held === undefined) return figuresOf(this.#looked, this.counts, absent, fieldOf(lacked))
    const { counts, since, bucket, lacked: own } = held as Entry
    const under = bucket[0]?.under
    const missed = (under?.absent ?? 0) - since[1]
    const last = under !== undefined && missed > 0 && under.absentAt > own[1] ? under.variable : own[0]
    return figuresOf(events - since[0], counts, missed, fieldOf(last))
  }

  /** Of all, since this was called last. IX9 */
  take(): Figures {
    const now = this.figures()
    const news = sinceThen(now, this.#told)
    this.#told = now
    return news
  }

  /** The filters that are true of an event, in no order; the list is used again for the next one. IX3 */
  match(event: FilteredEvent): ReadonlyArray<Held> {
    const matched = this.#matched
    matched.length = 0
    if (this.#entries.size === 0) return matched
    this.#looked += this.#entries.size
    this.#read(event)
    const allowance = { left: EVENT_STEPS }
    // What can't be evaluated throws, often: without a stack that costs a third.
    const kept = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    try {
      this.#index.each(this.#values, (entry, found) => {
        const outcome =
          found && entry.filter.alone ? "match" : entry.filter.evaluate(this.#values, this.#sizes, allowance)
        entry.counts[outcome]++
        this.counts[outcome]++
        if (outcome === "match") matched.push(entry)
        else if (outcome === "missing") {
          const lacked = entry.filter.lackedIn(this.#values)
          this.#index.lacked = lacked
          entry.lacked = [lacked, this.#index.events]
        }
      })
    } finally {
      Error.stackTraceLimit = kept
    }
    return matched
  }

  /** Sets what filters name to what this event has. */
  #read(event: FilteredEvent): void {
    const [values, sizes] = [this.#values, this.#sizes]
    if (this.#wanted.size > 0) {
      if (this.#fields === undefined) {
        this.#fields = new JsonFields(this.#wanted)
        this.#slots = [...this.#wanted.keys()].map(slotOf)
      }
      if (!this.#fields.read(event.payload)) this.unreadable++
      for (let slot = 0; slot < this.#slots.length; slot++) {
        values[this.#slots[slot]!] = this.#fields.values[slot]
        sizes[this.#slots[slot]!] = this.#fields.sizes[slot]!
      }
    }
    for (const field of this.#present) values[presenceOf(field)] = values[slotOf(field)] !== undefined
    for (const name of this.#event) {
      if (name === "headers") {
        values[name] = event.headers
        let size = 0
        for (const [header, value] of event.headers) size += header.length + value.length + ELEMENT_BYTES
        sizes[name] = size
      } else if (name === "published_at") values[name] = new Date(event.publishedAt)
      else if (name === "partition" || name === "offset") values[name] = BigInt(event[name])
      else {
        const own = event[name] ?? ""
        values[name] = own
        sizes[name] = own.length
      }
    }
  }

  /** IX5 */
  #room(filter: Filter, owner: string | undefined): boolean {
    const named = (wanted: Iterable<ReadonlyMap<string, Wanted>>) => {
      const all = new Map<string, Wanted>()
      for (const one of wanted) wantAll(all, one)
      return countOf(all)
    }
    const fits = () => {
      const all = named([this.#wanted, filter.wanted])
      if (owner === undefined || all <= NAMED * SHARE) return all <= NAMED
      const own = [...this.#entries.values()].filter((one) => one.owner === owner)
      return all <= NAMED && named([...own.map((one) => one.filter.wanted), filter.wanted]) <= NAMED * SHARE
    }
    if (countOf(this.#wanted) + countOf(filter.wanted) <= NAMED * SHARE || fits()) return true
    this.#gather()
    return fits()
  }

  /** Puts together what is wanted of those that are here. */
  #gather(): void {
    this.#wanted = new Map()
    this.#event = new Set()
    this.#present = new Set()
    this.#fields = undefined
    this.#values = {}
    this.#sizes = {}
    this.#gone = 0
    for (const { filter } of this.#entries.values()) this.#want(filter)
  }

  #want(filter: Filter): void {
    if (wantAll(this.#wanted, filter.wanted)) this.#fields = undefined
    for (const name of filter.event) this.#event.add(name)
    for (const field of filter.present) this.#present.add(field)
  }
}

const full = (why: string): Result.Result<never, NotHeld> => Result.fail({ full: `this topic has ${why} already` })
