/** A batch that waits to be appended to a log. Pure. */
import type { Deferred } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Batch, Outcome, Placed, Producing } from "./Batch.ts"
import { withoutFirst } from "./Frames.ts"
import type { Frame } from "./Message.ts"

export class WaitingBatch {
  readonly batch: Batch
  readonly done: Deferred.Deferred<Outcome, HeraldError>
  /** Nanoseconds of the monotonic clock: it does not go out later. */
  readonly until: bigint
  /** What of it was there before. */
  there: ReadonlyArray<Placed> = []
  /** What of it is still to be appended. */
  events: Frame
  producing: Producing | undefined
  /** It may have gone out. */
  sent = false
  /** Nobody waits for it any more, or it was answered. */
  left = false

  constructor(batch: Batch, done: WaitingBatch["done"], until: bigint) {
    this.batch = batch
    this.done = done
    this.until = until
    this.events = batch.events
    this.producing = batch.producing
  }

  get size(): number {
    return this.batch.events.bytes.length
  }

  /** Its first `skip` events are there. */
  cut(there: ReadonlyArray<Placed>, skip: number): void {
    this.there = [...this.there, ...there]
    if (skip === 0) return
    this.events = withoutFirst(this.events, skip)
    this.producing = this.producing && { ...this.producing, sequence: this.producing.sequence + skip }
  }
}
