/** Says why events were not placed. */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Outcome } from "./Batch.ts"
import { noSuchTopic } from "./KnownTopics.ts"

/** What is told of a part that was not placed. */
export const errorOf = (
  outcome: Exclude<Outcome, { readonly is: "placed" }>,
  topic: string,
  who: string
): HeraldError => {
  switch (outcome.is) {
    case "fenced":
      return failure("ProducerFenced", `${who} was opened again, as epoch ${outcome.epoch}`)
    case "sequence-gap":
      return failure("SequenceGap", `the next event of ${who} here has the sequence ${outcome.expected}`, {
        details: { expected: outcome.expected }
      })
    case "unknown-producer":
      return failure("UnknownProducer", `${topic} knows no producer ${who} of that epoch`)
    case "gone":
      return noSuchTopic(topic)
    case "late":
      return failure("Timeout", "the events could not be appended in time; they were not, and will not be")
  }
}

/** The one that says most of all parts: that something is unknown must not be lost. */
export const worst = (errors: ReadonlyArray<{ readonly error: HeraldError }>): HeraldError =>
  (errors.find(({ error }) => error.unknown) ?? errors[0]!).error
