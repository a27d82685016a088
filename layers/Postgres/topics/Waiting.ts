/** Describes a batch that waits to be appended. */
import type { Deferred } from "effect"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Batch, Outcome, Placed, Producing } from "../../../src/topics/Batch.ts"
import { withoutFirst } from "../../../src/topics/Frames.ts"
import type { Frame } from "../../../src/topics/Message.ts"

export class Waiting {
  readonly batch: Batch
  readonly done: Deferred.Deferred<Outcome, HeraldError>
  /** Nanoseconds of the monotonic clock. */
  readonly until: bigint
  /** When nobody waits for it any longer, for whatever answer. */
  readonly gives: bigint
  /** What of it was there before. */
  there: ReadonlyArray<Placed> = []
  /** What of it is still to be appended. */
  events: Frame
  producing: Producing | undefined
  /** It was given to a connection. */
  sent = false
  /** Its answer was lost, so it may be in the log. */
  lost = false
  /** Nobody waits for it any more, or it was answered. */
  left = false

  constructor(batch: Batch, about: Pick<Waiting, "done" | "until" | "gives">) {
    this.batch = batch
    this.done = about.done
    this.until = about.until
    this.gives = about.gives
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

/** The earliest `until` of some, at least one. */
export const earliest = (batches: ReadonlyArray<Waiting>): bigint => {
  let found = batches[0]!.until
  for (const { until } of batches) if (until < found) found = until
  return found
}
