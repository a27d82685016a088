/** Describes a batch that waits to be appended to Kafka. */
import { Deferred, Effect } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import type { Batch, Outcome, Placed, Producing } from "../../../src/topics/Batch.ts"
import { withoutFirst } from "../../../src/topics/Frames.ts"
import type { Frame } from "../../../src/topics/Message.ts"

export class Waiting {
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
  /** Others that went with it were refused because of one of them. */
  alone = false

  constructor(batch: Batch, done: Waiting["done"], until: bigint) {
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

export const tooLate = failure("Timeout", "too many events wait for Kafka, or it does not answer")

export const away = (cause: unknown): HeraldError =>
  failure("TopicLogUnavailable", `Kafka did not do it: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause
  })

export const never = (error: HeraldError): HeraldError =>
  failure(error.name, `${error.message}. Nothing was published, and nothing of it ever will be`, { cause: error })

/** KP3 */
export const unknown = (error: HeraldError): HeraldError =>
  failure(
    "OutcomeUnknown",
    `Kafka's answer to the events was lost (${error.message}): they may be in the topic, or come into it when Kafka takes what it was sent. With a producer they can be sent again; nothing is there twice`,
    { cause: error }
  )

export const end = (one: Waiting, outcome: Effect.Effect<Outcome, HeraldError>): void => {
  one.left = true
  Deferred.doneUnsafe(one.done, outcome)
}

/** Of those that still wait. */
export const giveUp = (batches: ReadonlyArray<Waiting>, error: HeraldError): void => {
  for (const one of batches) if (!one.left) end(one, Effect.fail(one.sent ? unknown(error) : never(error)))
}
