/**
 * What the readers of a topic on this node want of its events: filters, each evaluated once for an event, and fields.
 *
 *   BX23 An event that comes is read once for all filters of its topic, and looked at once by each different one. Who catches up pays for itself.
 *   BX31 Looking at a batch is left between two of its events, and so is what is made of them, whoever it is for: how much one event may take is bounded
 *        (FZ8), how many there are in a batch is not.
 *   BX24 Of a payload that is no JSON object, a reader who asked for fields gets none.
 *   BX35 What is made of each event for readers, beside looking at it, is bounded as filters are (IX8): different fields, and differences.
 */
import { Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { type Figures, NO_FIGURES } from "../filters/Figures.ts"
import { Filters, type Held } from "../filters/Filters.ts"
import { type Projection, projectionOf } from "../filters/Projection.ts"
import { type Variables, variablesIn } from "../filters/Variables.ts"
import { frameOf, messageOf } from "../topics/Message.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Batch } from "./Batch.ts"
import type { Counted, Looker, Selection } from "./Group.ts"
import { batchOf, eventsOf, type Picked } from "./Picking.ts"
import { eventIn } from "./Rows.ts"

const NOTHING = new Uint8Array(0)
/** Steps of ten nanoseconds, of an event of 120 bytes. BX35 */
export const MADE = 500

export interface Wish {
  /** CEL; empty: all events. */
  readonly filter: string
  /** None: payloads as they are. */
  readonly fields: ReadonlyArray<string>
  readonly delta: boolean
  /** The principal. */
  readonly owner: string
}

export interface HeldSelection {
  /** Undefined: everything as it is. */
  readonly selection: Selection | undefined
  /** The same for the same filter and fields. */
  readonly key: string
  readonly release: () => void
}

export const ALL: HeldSelection = { selection: undefined, key: "", release: () => {} }

/** What is made of events for some readers, and of how many. BX35 */
interface Making {
  holders: number
  readonly end: () => void
}

export class Selections implements Looker {
  readonly schemaVersion: number
  readonly #topic: string
  readonly #looked: Counted
  readonly #variables: Variables
  readonly #filters: Filters
  readonly #makings = new Map<string, Making>()
  /** The batch that came last, and what of it each filter takes. BX23 */
  #last: Batch | undefined
  #taken = new Map<object, Array<Picked>>()

  /** `looked`: told what became of events by all filters. `before`: those of another schema, in whose place these are. BX42 */
  constructor(
    { name, schema, schemaVersion }: Pick<Topic, "name" | "schema" | "schemaVersion">,
    looked: Counted = () => {},
    before?: Selections
  ) {
    this.#looked = looked
    this.schemaVersion = schemaVersion
    this.#topic = name
    this.#variables = variablesIn(schema)
    this.#filters = new Filters(this.#variables, undefined, before === undefined ? undefined : before.#filters)
  }

  /** Fails `InvalidFilter`, `TooManyFilters`, `InvalidInput`. `wasIn`: by another schema; no bound ends that. BX42 */
  hold({ filter, fields, delta, owner }: Wish, wasIn = false): HeldSelection | HeraldError {
    if (filter === "" && fields.length === 0 && !delta) return ALL
    const projection = fields.length === 0 ? undefined : projectionOf(fields)
    if (projection !== undefined && Result.isFailure(projection)) return failure("InvalidInput", projection.failure)
    const wanted = projection?.success
    const held = filter === "" ? undefined : this.#filters.hold(filter, owner, undefined, wasIn)
    if (held !== undefined && Result.isFailure(held)) {
      const why = held.failure
      return "full" in why ? failure("TooManyFilters", why.full) : failure("InvalidFilter", why.problem.message)
    }
    const { success: only } = held ?? {}
    const key = filter === "" && wanted === undefined ? "" : JSON.stringify([filter, wanted?.id ?? ""])
    const made = this.#make(`${key} ${delta}`, only, Number(wanted !== undefined) + Number(delta), owner, wasIn)
    const release = () => {
      made?.()
      if (only !== undefined) this.#filters.release(only)
    }
    if (made === undefined) {
      release()
      return failure(
        "TooManyFilters",
        "this topic has as many different fields and differences as can be made of an event"
      )
    }
    return { selection: key === "" ? undefined : this.#selection(filter, only, wanted), key, release }
  }

  /** Of memory, about. */
  get bytes(): number {
    return this.#filters.bytes
  }

  /** BX35. Undefined: there is no room. */
  #make(key: string, held: Held | undefined, things: number, owner: string, wasIn: boolean): (() => void) | undefined {
    if (things === 0) return () => {}
    let making = this.#makings.get(key)
    if (making === undefined) {
      const end = this.#filters.reserve(held, things * MADE, owner, wasIn)
      if (end === undefined) return undefined
      this.#makings.set(key, (making = { holders: 0, end }))
    }
    making.holders++
    return () => {
      if (--making.holders > 0) return
      this.#makings.delete(key)
      making.end()
    }
  }

  #selection(filter: string, held: Held | undefined, projection: Projection | undefined): Selection {
    const [variables, filters] = [this.#variables, this.#filters]
    const match = this.#match.bind(this)
    const of = function* (batch: Batch, counted?: Counted): Generator<void, Batch> {
      if (filter === "") return yield* made(batch, eventsOf(batch), projection)
      // Of its own each time: it is of one reader who catches up, and nothing of it stays. BX23
      const own = new Filters(variables)
      own.hold(filter, undefined, held?.filter)
      const taken: Array<Picked> = []
      const figures = yield* match(batch, own, (_, picked) => taken.push(picked))
      counted?.(figures)
      return yield* made(batch, taken, projection)
    }
    const taken = (batch: Batch) => (this.#last === batch && held !== undefined ? this.#taken.get(held) : undefined)
    return {
      looker: this,
      filter: held,
      of,
      figures: () => (held === undefined ? NO_FIGURES : filters.figures(held)),
      *live(batch) {
        const picked = taken(batch)
        return yield* picked === undefined ? of(batch) : made(batch, picked, projection)
      }
    }
  }

  /** BX31 */
  *looking(batch: Batch): Generator<void, Iterable<object>> {
    const taken = new Map<object, Array<Picked>>()
    yield* this.#match(batch, this.#filters, (held, picked) => {
      const its = taken.get(held)
      if (its === undefined) taken.set(held, [picked])
      else its.push(picked)
    })
    this.#last = batch
    this.#taken = taken
    return taken.keys()
  }

  *#match(batch: Batch, filters: Filters, taken: (held: Held, picked: Picked) => void): Generator<void, Figures> {
    const { partition } = batch
    for (const picked of eventsOf(batch)) {
      const { key, headers, payload } = messageOf(eventIn(picked.entry))
      const where = { topic: this.#topic, partition, offset: picked.offset, publishedAt: picked.at }
      for (const held of filters.match({ ...where, key, headers, payload })) taken(held, picked)
      yield
    }
    const figures = filters.take()
    this.#looked(figures)
    return figures
  }
}

function* made(
  { partition, epoch, first, next }: Batch,
  picked: Iterable<Picked>,
  projection: Projection | undefined
): Generator<void, Batch> {
  const events: Array<Picked> = []
  for (const one of picked) {
    if (projection !== undefined) yield
    events.push(projection === undefined ? one : projected(one, projection))
  }
  return batchOf({ partition, epoch, first, next }, events)
}

/** BX24 */
const projected = (picked: Picked, projection: Projection): Picked => {
  const message = messageOf(eventIn(picked.entry))
  const payload = projection.of(message.payload) ?? NOTHING
  return { ...picked, entry: frameOf([{ ...message, payload }]).bytes }
}
