/** What consumers of subscriptions say over the WebSocket of topics, and what they are told, as JSON. Pure. */
import { Schema } from "effect"
import { type Answer, answerKinds } from "../../../subscriptions/Answer.ts"
import type { Heard, Told } from "../../../subscriptions/ConsumerConnections.ts"
import type { Joined } from "../../../subscriptions/Consuming.ts"
import { CAUSE } from "../../../subscriptions/SavedCursor.ts"
import { Plain } from "../../../text/Plain.ts"
import { eventText, type Shown } from "../../http/topics/StreamText.ts"
import { TopicName, Whole } from "../../http/Wire.ts"

/** Of one message. */
const MOST_ANSWERS = 10_000
/** Characters of a consumer's name. */
const NAME = 128
/** Milliseconds. */
const LONGEST_DELAY = 86_400_000

/** Names what is under way on a socket; chosen by the client. */
export const Id = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(64))

/** `granted`: events, `grantedBytes`: bytes of messages that may come, both counted from the beginning. `life`: as in the protocol of gRPC. */
export const Consume = Schema.Struct({
  type: Schema.Literal("consume"),
  id: Id,
  topic: TopicName,
  subscription: Plain(1_000),
  consumer: Schema.optionalKey(Plain(NAME)),
  life: Schema.optionalKey(Whole),
  granted: Schema.optionalKey(Whole),
  grantedBytes: Schema.optionalKey(Whole),
  as: Schema.optionalKey(Schema.Literals(["json", "text"]))
})
export type Consume = typeof Consume.Type

/** Events of the delivery from `first` to `last`, or `first` alone. */
const AnswerBody = Schema.Struct({
  kind: Schema.Literals(answerKinds),
  token: Whole,
  first: Whole,
  last: Schema.optionalKey(Whole),
  delayMillis: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: LONGEST_DELAY }))),
  reason: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(CAUSE)))
})

export const Answers = Schema.Struct({
  type: Schema.Literal("answer"),
  id: Id,
  answers: Schema.Array(AnswerBody).check(Schema.isMaxLength(MOST_ANSWERS)),
  receipt: Schema.optionalKey(Whole),
  granted: Schema.optionalKey(Whole),
  grantedBytes: Schema.optionalKey(Whole)
})
export type Answers = typeof Answers.Type

/** A delay of 0 is none, as over gRPC. */
export const heardOf = ({ answers, receipt = 0, granted = 0 }: Answers): Heard => ({
  ...{ receipt, granted },
  answers: answers.map(({ delayMillis = 0, reason, last, ...answer }) => ({
    ...{ ...answer, last: last ?? answer.first },
    ...(delayMillis === 0 ? {} : { delayMillis }),
    ...(reason === undefined ? {} : { reason })
  })) satisfies ReadonlyArray<Answer>
})

/** Without the brace that it begins with, as all that a client is told of one of its ids. */
const textOf = (message: Readonly<Record<string, unknown>>): string => JSON.stringify(message).slice(1)

export const joinedText = ({ name, subscription }: Joined): string => {
  const { id: subscriptionId, type: subscriptionType, ackTimeoutMillis, maxAttempts } = subscription
  return textOf({ type: "joined", consumer: name, subscriptionId, subscriptionType, ackTimeoutMillis, maxAttempts })
}

const deliveryText = (topic: string, delivery: Told & { readonly is: "delivery" }, as: Shown): string => {
  const { token, partition, logEpoch: epoch, events, floor, epoch: subscriptionEpoch } = delivery
  const head = { type: "delivery", token, partition, epoch, subscriptionEpoch, ...(floor > 0 ? { floor } : {}) }
  const shown = events.map(({ offset, attempt, at, event }) =>
    eventText({ topic, partition, epoch, offset }, event, at, as, { attempt })
  )
  return `${textOf(head).slice(0, -1)},"events":[${shown.join(",")}]}`
}

export const toldText = (topic: string, told: Told, as: Shown): string => {
  switch (told.is) {
    case "delivery":
      return deliveryText(topic, told, as)
    case "gap": {
      const { partition, logEpoch: epoch, from, to, why } = told
      return textOf({ type: "gap", partition, epoch, from, to, why })
    }
    case "state": {
      const { status, blocked, reason } = told
      return textOf({ type: "state", status, blocked, ...(reason === "" ? {} : { reason }) })
    }
    case "refused":
      return textOf({ type: "refused", ...told.refused })
    case "durable":
      return textOf({ type: "durable", receipt: told.receipt })
    case "recall": {
      const { partition, logEpoch: epoch, offset, hash: keyHash } = told
      return textOf({ type: "recalled", partition, epoch, offset, keyHash })
    }
  }
}
