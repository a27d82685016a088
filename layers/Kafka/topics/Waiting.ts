/** Describes a batch that waits to be appended to Kafka. */
import { Deferred, Effect } from "effect"
import { failure, type HeraldError, reworded } from "../../../src/errors/HeraldError.ts"
import type { Outcome } from "../../../src/topics/Batch.ts"
import { WaitingBatch } from "../../../src/topics/WaitingBatch.ts"
import { wordsFor } from "./Words.ts"

export class Waiting extends WaitingBatch {
  /** Others that went with it were refused because of one of them. */
  alone = false
}

export const tooLate = failure("Timeout", "too many events wait for Kafka, or it does not answer")

/** FL3 */
export const away = (cause: unknown): HeraldError =>
  failure("TopicLogUnavailable", `Kafka did not do it: ${wordsFor(cause)}`, { cause })

export const never = (error: HeraldError): HeraldError =>
  reworded(error, `${error.message}. Nothing was published, and nothing of it ever will be`, error)

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
