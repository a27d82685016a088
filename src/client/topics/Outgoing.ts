/**
 * What a producer has to publish: which batch goes next, and what its answer changes. Pure state: time is told to it.
 *
 *   QO1  A partition's events go out in the order in which they were given, numbered from the newest sequence without gaps; several batches may be
 *        under way.
 *   QO2  What was sent and not answered is sent again under the same sequences, before anything behind it: the server knows it by them.
 *   QO3  Behind one that failed nothing of its partition is sent before all that is under way there is answered: then from the failed one on, in order.
 *   QO4  One that will never be taken is given back, alone; what is behind it moves up. Where it may be in the topic already, or the application
 *        numbers its events itself, nothing moves up: that would put two events under one sequence.
 *   QO5  What waits is bounded in bytes and entries, and so is what is under way.
 */
import type { Problem, Placed as SentPlaced } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { PublishError } from "../ClientError.ts"
import { errors } from "../Errors.ts"
import {
  type Batch,
  cut,
  FENCED,
  type Item,
  isRetryable,
  OUTCOME_UNKNOWN,
  SEQUENCE_GAP,
  sequenceOf,
  textOf,
  UNKNOWN_PRODUCER
} from "./Batch.ts"
import { placedOf } from "./Event.ts"

/** Makes the error of what is given back. */
export type Ending = (outcome: "failed" | "unknown") => PublishError

interface Lane {
  readonly partition: number
  /** The next sequence. */
  next: number
  /** Not sent yet. */
  readonly queue: Array<Item>
  /** To be sent again, ascending. */
  again: Array<Batch>
  out: number
  /** QO3 */
  failed: boolean
  notBefore: number
}

const most = { items: 100_000, bytes: 64 * 1_048_576, batchBytes: 262_144, batchEvents: 1_000 }
/** Milliseconds before another try, when the server does not say. */
const waits = { first: 50, longest: 5_000 }

export class Outgoing {
  readonly #lanes = new Map<number, Lane>()
  readonly #flight = new Map<number, Batch>()
  readonly #inFlight: number
  #turn = 0
  #id = 0
  bytes = 0
  items = 0
  flightBytes = 0

  constructor(inFlight: number) {
    this.#inFlight = inFlight
  }

  get full(): boolean {
    return this.items >= most.items || this.bytes >= most.bytes
  }

  get flight(): number {
    return this.#flight.size
  }

  /** The server has everything up to it. */
  known(partition: number, sequence: number): void {
    this.#lane(partition).next = sequence + 1
  }

  /** The sequence of the next event of a partition. */
  nextOf(partition: number): number {
    return this.#lane(partition).next
  }

  /** `item.sequence`: 0 for the next one. QO1 */
  add(item: Item): void {
    const lane = this.#lane(item.partition)
    if (item.sequence === 0) item.sequence = lane.next
    lane.next = Math.max(lane.next, item.sequence + item.events.length)
    lane.queue.push(item)
    this.items++
    this.bytes += item.bytes
  }

  /** What to send now; `credit`: bytes that may be under way. */
  next(now: number, credit: number): Batch | undefined {
    if (this.#flight.size >= this.#inFlight || (this.#flight.size > 0 && this.flightBytes >= credit)) return undefined
    const lanes = [...this.#lanes.values()]
    for (let i = 0; i < lanes.length; i++) {
      const lane = lanes[(this.#turn + i) % lanes.length]!
      if (lane.notBefore > now || (lane.failed && lane.out > 0)) continue // QO3
      lane.failed = false
      const batch = lane.again.shift() ?? this.#formed(lane)
      if (batch === undefined) continue
      this.#turn = (this.#turn + i + 1) % lanes.length
      lane.out++
      this.#flight.set(batch.id, batch)
      this.flightBytes += batch.bytes
      return batch
    }
    return undefined
  }

  /** When to ask again although nothing is heard. */
  get wake(): number | undefined {
    let wake: number | undefined
    for (const { notBefore, again, queue, out } of this.#lanes.values())
      if (out === 0 && notBefore > 0 && again.length + queue.length > 0) wake = Math.min(wake ?? notBefore, notBefore)
    return wake
  }

  /** False: nobody waits for it. */
  published(id: number, placed: ReadonlyArray<SentPlaced>): boolean {
    const batch = this.#taken(id)
    if (batch === undefined) return false
    this.#lane(batch.partition).notBefore = 0
    const parts = placed.map((part) => placedOf(part, batch.partition))
    for (const item of batch.items) {
      this.#left(item)
      item.placed(cut(parts, item.events.length))
    }
    return true
  }

  /** What ends the whole producer: to be given to `end`. Undefined when it goes on. */
  problem(id: number, problem: Problem, now: number): Ending | undefined {
    const batch = this.#taken(id)
    if (batch === undefined) return undefined
    const lane = this.#lane(batch.partition)
    const { code } = problem
    const error: Ending = (outcome) => new PublishError(code, textOf(problem), outcome)
    const isGap = code === SEQUENCE_GAP
    if (code === FENCED || code === UNKNOWN_PRODUCER || (isGap && !lane.failed)) return this.#ending(lane, batch, error)
    if (isGap) {
      if (batch.outrun) for (const item of batch.items) this.#fail(item, outrun())
      else this.#again(lane, batch)
      return undefined
    }
    lane.failed = true
    if (isRetryable(problem)) {
      batch.maybe ||= code === OUTCOME_UNKNOWN
      const wait = Math.min(waits.longest, waits.first * 2 ** Math.min(batch.tries++, 10))
      lane.notBefore = now + Math.max(wait, Number(problem.retryAfterMs))
      this.#again(lane, batch)
      return undefined
    }
    if (batch.maybe) return this.#ending(lane, batch, error) // QO4
    if (batch.items.length > 1) this.#again(lane, ...batch.items.map((item) => this.#batch(lane, [item])))
    else this.#refused(lane, batch.items[0]!, error("failed"))
    return undefined
  }

  /** The stream is over: what was under way goes out again. QO2 */
  broken(): void {
    for (const batch of this.#flight.values()) {
      batch.maybe = true
      this.#again(this.#lane(batch.partition), batch)
    }
    this.#flight.clear()
    this.flightBytes = 0
    for (const lane of this.#lanes.values()) lane.out = 0
  }

  /** Gives everything back. */
  end(error: Ending): void {
    const sent = [...this.#flight.values()]
    this.#flight.clear()
    this.flightBytes = 0
    for (const { again, queue } of this.#lanes.values()) {
      for (const { items, maybe } of again.splice(0))
        for (const item of items) this.#fail(item, error(maybe ? "unknown" : "failed"))
      for (const item of queue.splice(0)) this.#fail(item, error("failed"))
    }
    for (const { items } of sent) for (const item of items) this.#fail(item, error("unknown"))
  }

  #ending(lane: Lane, batch: Batch, error: Ending): Ending {
    this.#again(lane, batch)
    return error
  }

  #again(lane: Lane, ...batches: ReadonlyArray<Batch>): void {
    lane.again.push(...batches)
    lane.again.sort((a, b) => sequenceOf(a) - sequenceOf(b))
  }

  #lane(partition: number): Lane {
    let lane = this.#lanes.get(partition)
    if (lane === undefined) {
      lane = { partition, next: 1, queue: [], again: [], out: 0, failed: false, notBefore: 0 }
      this.#lanes.set(partition, lane)
    }
    return lane
  }

  #formed(lane: Lane): Batch | undefined {
    const items: Array<Item> = []
    let [bytes, events, next] = [0, 0, 0]
    for (const item of lane.queue) {
      if (!item.ready) break
      const fits = bytes + item.bytes <= most.batchBytes && events + item.events.length <= most.batchEvents
      if (items.length > 0 && (!fits || item.sequence !== next || item.numbered !== items[0]!.numbered)) break
      items.push(item)
      bytes += item.bytes
      events += item.events.length
      next = item.sequence + item.events.length
    }
    lane.queue.splice(0, items.length)
    return items.length === 0 ? undefined : this.#batch(lane, items)
  }

  #batch({ partition }: Lane, items: ReadonlyArray<Item>): Batch {
    const count = items.reduce((sum, { events }) => sum + events.length, 0)
    const bytes = items.reduce((sum, item) => sum + item.bytes, 0)
    return { id: ++this.#id, partition, items, count, bytes, maybe: false, tries: 0, outrun: false }
  }

  #taken(id: number): Batch | undefined {
    const batch = this.#flight.get(id)
    if (batch === undefined) return undefined
    this.#flight.delete(id)
    this.flightBytes -= batch.bytes
    this.#lane(batch.partition).out--
    return batch
  }

  /** QO4 */
  #refused(lane: Lane, item: Item, error: PublishError): void {
    const { sequence, events, numbered } = item
    this.#fail(item, error)
    const flight = [...this.#flight.values()].filter(({ partition }) => partition === lane.partition)
    if (numbered) {
      for (const batch of flight) batch.outrun = true
      lane.next = sequence
      for (const batch of lane.again.splice(0)) for (const one of batch.items) this.#fail(one, outrun())
      for (const one of lane.queue.splice(0)) this.#fail(one, outrun())
      return
    }
    lane.next -= events.length
    const behind = [...lane.again, ...flight].flatMap(({ items }) => items).concat(lane.queue)
    for (const one of behind) if (one.sequence > sequence) one.sequence -= events.length
  }

  #fail(item: Item, error: PublishError): void {
    this.#left(item)
    item.failed(error)
  }

  #left({ bytes }: Item): void {
    this.items--
    this.bytes -= bytes
  }
}

const outrun = () => new PublishError(errors.Outrun.code, `${errors.Outrun.title}. ${errors.Outrun.fix}`, "failed")
