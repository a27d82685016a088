/** Gathers batches that wait into what one call appends: a segment of each partition. Pure. */
import type { Producing } from "../../../src/topics/Batch.ts"
import { partitionKey } from "../../../src/topics/Piece.ts"
import type { Waiting } from "./Waiting.ts"

/** Events and bytes of a segment, and bytes of a round: one batch more than these at most. */
export const SEGMENT_EVENTS = 2_000
export const SEGMENT_BYTES = 262_144
export const ROUND_BYTES = 4_194_304
export const ROUND_SEGMENTS = 128

/** Batches of one producer, whose sequences follow each other. */
interface Group {
  readonly producing: Producing
  readonly batches: Array<Waiting>
  next: number
}

export interface Gathered {
  readonly topic: number
  readonly partition: number
  /** As they stand in the segment: those of a producer one behind the other. */
  readonly batches: ReadonlyArray<Waiting>
  /** By producer: its id, epoch, first sequence, how many, and the place of the first in the segment. */
  readonly producers: ReadonlyArray<readonly [string, number, number, number, number]>
}

/** Takes from the head of what waits for one partition; what it takes goes from `queue`. Undefined: nobody waits any more. */
export const gather = (queue: Array<Waiting>): Gathered | undefined => {
  const groups = new Map<string, Group>()
  const order: Array<Array<Waiting>> = []
  let events = 0
  let bytes = 0
  let taken = 0
  for (const one of queue) {
    if (one.left) {
      taken++
      continue
    }
    if (events >= SEGMENT_EVENTS || bytes >= SEGMENT_BYTES) break
    const { producing } = one
    if (producing === undefined) order.push([one])
    else {
      const group = groups.get(producing.producer)
      if (group === undefined) {
        const batches = [one]
        groups.set(producing.producer, { producing, batches, next: producing.sequence + one.events.count })
        order.push(batches)
      } else {
        // What does not follow is judged by what those before it come to: in the next round.
        if (producing.epoch !== group.producing.epoch || producing.sequence !== group.next) break
        group.batches.push(one)
        group.next += one.events.count
      }
    }
    taken++
    events += one.events.count
    bytes += one.events.bytes.length
  }
  queue.splice(0, taken)
  const batches = order.flat()
  const first = batches[0]
  if (first === undefined) return undefined
  return { topic: first.batch.topic, partition: first.batch.partition, batches, producers: producersOf(order) }
}

const producersOf = (order: ReadonlyArray<ReadonlyArray<Waiting>>): Gathered["producers"] => {
  const producers: Array<Gathered["producers"][number]> = []
  let at = 0
  for (const batches of order) {
    const count = batches.reduce((sum, one) => sum + one.events.count, 0)
    const producing = batches[0]!.producing
    if (producing !== undefined) {
      const { producer, epoch, sequence } = producing
      producers.push([producer, epoch, sequence, count, at])
    }
    at += count
  }
  return producers
}

/** What waits, by partition; partitions have turns. */
export class Queues {
  readonly #queues = new Map<string, Array<Waiting>>()

  get empty(): boolean {
    return this.#queues.size === 0
  }

  add(one: Waiting): void {
    const key = partitionKey(one.batch)
    const queue = this.#queues.get(key)
    if (queue === undefined) this.#queues.set(key, [one])
    else queue.push(one)
  }

  /** In front of what waits for their partition, in this order. */
  putBack(batches: ReadonlyArray<Waiting>): void {
    if (batches.length === 0) return
    const key = partitionKey(batches[0]!.batch)
    this.#queues.set(key, [...batches, ...(this.#queues.get(key) ?? [])])
  }

  /** In the order of topics and partitions, as rounds must not wait for each other in a circle. */
  round(): ReadonlyArray<Gathered> {
    const round: Array<Gathered> = []
    let bytes = 0
    for (const [key, queue] of [...this.#queues]) {
      if (round.length >= ROUND_SEGMENTS || bytes >= ROUND_BYTES) break
      const gathered = gather(queue)
      this.#queues.delete(key)
      if (queue.length > 0) this.#queues.set(key, queue) // behind the others
      if (gathered === undefined) continue
      round.push(gathered)
      bytes += gathered.batches.reduce((sum, one) => sum + one.events.bytes.length, 0)
    }
    return round.sort((a, b) => a.topic - b.topic || a.partition - b.partition)
  }
}
