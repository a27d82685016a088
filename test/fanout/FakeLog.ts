/** A log in arrays, read in segments, of events whose payload is their place. */
import { Batch, type Gap } from "../../src/fanout/Batch.ts"
import type { Broadcast } from "../../src/fanout/Broadcast.ts"
import type { Answer } from "../../src/fanout/CatchingUp.ts"
import { Ring } from "../../src/fanout/Ring.ts"
import { eventIn } from "../../src/fanout/Rows.ts"
import { frameOf, messageOf } from "../../src/topics/Message.ts"
import type { Place } from "../../src/topics/MessageId.ts"
import type { dice } from "../support/Chance.ts"

export type Dice = ReturnType<typeof dice>

/** That a log begins with. */
export const EPOCH = 7

interface Stored {
  readonly first: number
  readonly count: number
  readonly at: number
  readonly rows: Uint8Array
}

export interface Event {
  readonly key: string | null
  readonly offset: number
  readonly at: number
}

class Partition {
  readonly segments: Array<Stored> = []
  readonly events: Array<Event> = []
  first = 0
  get next(): number {
    return this.events.length
  }
}

export class FakeLog {
  readonly partitions: ReadonlyArray<Partition>
  #now = 1_000

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, () => new Partition())
  }

  append(draw: Dice, partition = draw.below(this.partitions.length), count = 1 + draw.below(30)): void {
    const of = this.partitions[partition]!
    const first = of.next
    this.#now += draw.below(3)
    const events = Array.from({ length: count }, (_, i) => {
      const key = draw.below(4) === 0 ? null : `k${draw.below(5)}`
      of.events.push({ key, offset: first + i, at: this.#now })
      const payload = Buffer.from(`${partition}:${first + i}${"x".repeat(draw.below(60))}`)
      return { key, payload, eventTime: null, headers: new Map<string, string>() }
    })
    of.segments.push({ first, count, at: this.#now, rows: frameOf(events).bytes })
  }

  trim(draw: Dice): void {
    const of = draw.of(this.partitions)
    of.first = Math.max(of.first, draw.below(of.next + 1))
  }

  read(partition: number, { offset }: Place, packed: boolean): Answer {
    const of = this.partitions[partition]!
    const pieces: Array<Batch | Gap> = []
    let from = offset
    if (from < of.first) {
      pieces.push({ kind: "gap", partition, epoch: EPOCH, from, to: of.first, why: "retention" })
      from = of.first
    }
    for (const { first, count, at, rows } of of.segments) {
      if (first + count <= from || pieces.length > 3) continue
      const both = { partition, epoch: EPOCH, first, count, at, next: first + count }
      // Packed is what it says: nobody looks into it on the way.
      pieces.push(new Batch(packed ? { ...both, rows: [], compressed: rows } : { ...both, rows: [rows] }))
    }
    return { epoch: EPOCH, pieces }
  }

  rings(bound: number): ReadonlyArray<Ring> {
    return this.partitions.map((of, partition) => new Ring(partition, EPOCH, of.next, bound))
  }

  isFed(broadcast: Broadcast): boolean {
    return this.partitions.every(({ next }, partition) => broadcast.ring(partition)!.next === next)
  }

  /** What the rings do not have yet, as far as they take it. */
  feed(broadcast: Broadcast, draw: Dice): void {
    for (const [partition, { segments }] of this.partitions.entries()) {
      const ring = broadcast.ring(partition)!
      for (const segment of segments) if (segment.first === ring.next && draw.below(8) > 0) ring.push(segment)
    }
  }
}

export const offsetIn = (entry: Uint8Array): number =>
  Number(/^\d+:(\d+)/.exec(Buffer.from(messageOf(eventIn(entry)).payload).toString())![1])
