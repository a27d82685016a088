/**
 * What the readers of a topic on this node want of its events: filters, each evaluated once for an event, and fields.
 *
 *   BX23 An event that comes is read once for all filters of its topic, and looked at once by each different one. Who catches up pays for itself.
 *   BX31 Looking at a batch is left between two of its events: how much one event may take is bounded (FZ8), how many there are in a batch is not.
 *   BX24 Of a payload that is no JSON object, a reader who asked for fields gets none.
 */
import { Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Filters, type Held } from "../filters/Filters.ts"
import { type Projection, projectionOf } from "../filters/Projection.ts"
import { UNDECLARED, type Variables, variablesOf } from "../filters/Variables.ts"
import { frameOf, messageOf } from "../topics/Message.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Batch } from "./Batch.ts"
import type { Selection } from "./Group.ts"
import { batchOf, eventsOf, type Picked } from "./Picking.ts"
import { eventIn } from "./Rows.ts"

const NOTHING = new Uint8Array(0)

export interface HeldSelection {
  /** Undefined: everything as it is. */
  readonly selection: Selection | undefined
  /** The same for the same filter and fields. */
  readonly key: string
  readonly release: () => void
}

const ALL: HeldSelection = { selection: undefined, key: "", release: () => {} }

export class Selections {
  readonly #topic: string
  readonly #variables: Variables
  readonly #filters: Filters
  /** The batch that came last, and what of it each filter takes that was there when looking at it began. BX23 */
  #last: Batch | undefined
  #taken = new Map<Held, Array<Picked>>()
  /** Batches that were begun, and how many there were when a filter came. */
  #begun = 0
  readonly #since = new WeakMap<Held, number>()

  constructor({ name, schema }: Pick<Topic, "name" | "schema">) {
    this.#topic = name
    this.#variables = schema === null ? UNDECLARED : variablesOf(JSON.parse(schema))
    this.#filters = new Filters(this.#variables)
  }

  /** Fails `InvalidFilter`, `TooManyFilters`, `InvalidInput`. */
  hold(filter: string, fields: ReadonlyArray<string>): HeldSelection | HeraldError {
    if (filter === "" && fields.length === 0) return ALL
    const projection = fields.length === 0 ? undefined : projectionOf(fields)
    if (projection !== undefined && Result.isFailure(projection)) return failure("InvalidInput", projection.failure)
    const held = filter === "" ? undefined : this.#filters.hold(filter)
    if (held !== undefined && Result.isFailure(held)) {
      const why = held.failure
      return "full" in why ? failure("TooManyFilters", why.full) : failure("InvalidFilter", why.problem.message)
    }
    const { success: only } = held ?? {}
    const wanted = projection?.success
    if (only !== undefined && !this.#since.has(only)) this.#since.set(only, this.#begun)
    const of = this.#own(filter, wanted)
    return {
      selection: {
        looking: (batch) => this.#looking(batch),
        live: (batch) => this.#live(batch, only, wanted) ?? of(batch),
        of
      },
      key: JSON.stringify([filter, wanted?.id ?? ""]),
      release: () => {
        if (only !== undefined) this.#filters.release(only)
        this.#taken.clear()
        this.#last = undefined
      }
    }
  }

  /** BX31 */
  *#looking(batch: Batch): Generator<void, void> {
    if (this.#last === batch) return
    this.#begun++
    const taken = new Map<Held, Array<Picked>>()
    yield* this.#match(batch, this.#filters, (held, picked) => {
      const its = taken.get(held)
      if (its === undefined) taken.set(held, [picked])
      else its.push(picked)
    })
    this.#last = batch
    this.#taken = taken
  }

  /** Undefined: it is not known for this filter, which came later. */
  #live(batch: Batch, held: Held | undefined, projection: Projection | undefined): Batch | undefined {
    if (held === undefined) return made(batch, [...eventsOf(batch)], projection)
    if (this.#last !== batch || this.#since.get(held)! >= this.#begun) return undefined
    return made(batch, this.#taken.get(held) ?? [], projection)
  }

  /** For one reader alone. */
  #own(filter: string, projection: Projection | undefined): Selection["of"] {
    let own: Filters | undefined
    return (batch) => {
      if (filter === "") return made(batch, [...eventsOf(batch)], projection)
      if (own === undefined) {
        own = new Filters(this.#variables)
        own.hold(filter)
      }
      const taken: Array<Picked> = []
      for (const _ of this.#match(batch, own, (_, picked) => taken.push(picked)));
      return made(batch, taken, projection)
    }
  }

  *#match(batch: Batch, filters: Filters, taken: (held: Held, picked: Picked) => void): Generator<void, void> {
    for (const picked of eventsOf(batch)) {
      const { key, headers, payload } = messageOf(eventIn(picked.entry))
      const { partition } = batch
      const event = {
        topic: this.#topic,
        partition,
        offset: picked.offset,
        key,
        headers,
        publishedAt: picked.at,
        payload
      }
      for (const held of filters.match(event)) taken(held, picked)
      yield
    }
  }
}

const made = (batch: Batch, picked: ReadonlyArray<Picked>, projection: Projection | undefined): Batch => {
  const { partition, epoch, first, next } = batch
  const events = projection === undefined ? picked : picked.map((one) => projected(one, projection))
  return batchOf({ partition, epoch, first, next }, events)
}

/** BX24 */
const projected = (picked: Picked, projection: Projection): Picked => {
  const message = messageOf(eventIn(picked.entry))
  const payload = projection.of(message.payload) ?? NOTHING
  return { ...picked, entry: frameOf([{ ...message, payload }]).bytes }
}
