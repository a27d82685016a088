/**
 * Translates between what consumers say and hear in herald.topics.v1 and the model.
 *
 *   QY1  Every field of a consumer is checked against its limit before anything else sees it.
 *   QY2  An event goes out as it is in the log, byte for byte; nothing of it is read on its way.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire"
import {
  AnswerKind,
  ConsumeRequest,
  ConsumeResponse,
  type Answer as Said
} from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { wrongTopicName } from "../../../keys/TopicName.ts"
import type { Answer, AnswerKind as Kind } from "../../../subscriptions/Answer.ts"
import type { Told } from "../../../subscriptions/ConsumerConnections.ts"
import type { Joined, Wish } from "../../../subscriptions/Consuming.ts"
import { CAUSE } from "../../../subscriptions/SavedCursor.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { decoderOf } from "../Decode.ts"
import { typeOnWire } from "../subscriptions/Wire.ts"

/** Of one message. QY1 */
export const MOST_ANSWERS = 10_000
/** Characters of a consumer's name. */
const NAME = 128
/** Milliseconds. */
const LONGEST_DELAY = 86_400_000

export const consumeRequest = decoderOf("herald.topics.v1")(ConsumeRequest, {
  5: ["answers", MOST_ANSWERS, "entries"]
})

const invalid = (message: string) => failure("InvalidInput", message)
const isSafe = (number: bigint): boolean => number <= BigInt(Number.MAX_SAFE_INTEGER)

/** Of the first message. QY1 */
export const wishOf = ({ topic, subscription, consumer, life }: ConsumeRequest): Wish | HeraldError => {
  const wrong = wrongTopicName(topic)
  if (wrong !== undefined) return invalid(`topic: ${excerpt(topic)} ${wrong}`)
  if (consumer.length > NAME || /\p{Cc}/u.test(consumer))
    return invalid(`consumer: at most ${NAME} characters, none of them a control character`)
  if (!isSafe(life)) return invalid("life: a whole number below 2^53")
  return { topicName: topic, subscriptionName: subscription, consumer, life: Number(life) }
}

const kinds: Readonly<Record<AnswerKind, Kind | undefined>> = {
  [AnswerKind.ANSWER_KIND_ACCEPT]: "accept",
  [AnswerKind.ANSWER_KIND_RELEASE]: "release",
  [AnswerKind.ANSWER_KIND_FAIL]: "fail",
  [AnswerKind.ANSWER_KIND_REJECT]: "reject",
  [AnswerKind.ANSWER_KIND_EXTEND]: "extend",
  [AnswerKind.UNRECOGNIZED]: undefined
}

const answerOf = ({ kind, token, first, lastOffset, delayMs, reason }: Said, at: number): Answer | HeraldError => {
  const its = kinds[kind]
  if (its === undefined) return invalid(`answers[${at}].kind is none that there is: ${kind}`)
  if (first === undefined) return invalid(`answers[${at}].first is missing`)
  if (!isSafe(token) || !isSafe(first.offset) || !isSafe(lastOffset))
    return invalid(`answers[${at}]: no token and no offset is that high`)
  if (delayMs > BigInt(LONGEST_DELAY)) return invalid(`answers[${at}].delay_ms is at most ${LONGEST_DELAY}`)
  if (reason.length > CAUSE) return invalid(`answers[${at}].reason has at most ${CAUSE} characters`)
  return {
    ...{ kind: its, token: Number(token), first: Number(first.offset), last: Number(lastOffset), reason },
    ...(delayMs === 0n ? {} : { delayMillis: Number(delayMs) })
  }
}

/** QY1 */
export const answersOf = ({ answers }: ConsumeRequest): ReadonlyArray<Answer> | HeraldError => {
  const all: Array<Answer> = []
  for (const [at, said] of answers.entries()) {
    const answer = answerOf(said, at)
    if (answer instanceof HeraldError) return answer
    all.push(answer)
  }
  return all
}

/** What is beyond what numbers can say exactly is as much. */
export const countOf = (count: bigint): number => (isSafe(count) ? Number(count) : Number.MAX_SAFE_INTEGER)

const encoded = (what: NonNullable<ConsumeResponse["what"]>): Buffer =>
  Buffer.from(ConsumeResponse.encode({ what }).finish())

export const joinedOnWire = ({ name, subscription }: Joined): Buffer =>
  encoded({
    $case: "joined",
    value: {
      ...{ consumer: name, leaseMs: BigInt(subscription.ackTimeoutMillis), maxAttempts: subscription.maxAttempts },
      ...{ type: typeOnWire(subscription.type), subscriptionId: subscription.id }
    }
  })

/** Of ConsumeResponse, Delivery and Delivered. */
const DELIVERY = 10
const OF_DELIVERY = { token: 8, partition: 16, epoch: 24, events: 34, floor: 40, moved: 48 }
const OF_EVENT = { offset: 8, attempt: 16, published: 24, event: 34 }

/** QY2 */
const deliveryOnWire = (delivery: Told & { readonly is: "delivery" }): Buffer => {
  const { token, partition, logEpoch, events, floor, epoch } = delivery
  const writer = new BinaryWriter()
  writer.uint32(DELIVERY).fork()
  writer.uint32(OF_DELIVERY.token).uint64(token)
  if (partition > 0) writer.uint32(OF_DELIVERY.partition).uint32(partition)
  writer.uint32(OF_DELIVERY.epoch).uint32(logEpoch)
  for (const { offset, attempt, at, event } of events) {
    writer.uint32(OF_DELIVERY.events).fork()
    if (offset > 0) writer.uint32(OF_EVENT.offset).uint64(offset)
    writer.uint32(OF_EVENT.attempt).uint32(attempt)
    if (at > 0) writer.uint32(OF_EVENT.published).int64(at)
    writer.uint32(OF_EVENT.event).bytes(event)
    writer.join()
  }
  if (floor > 0) writer.uint32(OF_DELIVERY.floor).uint64(floor)
  writer.uint32(OF_DELIVERY.moved).uint64(epoch)
  writer.join()
  return Buffer.from(writer.finish())
}

export const toldOnWire = (output: Told): Buffer => {
  switch (output.is) {
    case "delivery":
      return deliveryOnWire(output)
    case "gap": {
      const { partition, logEpoch: epoch, from, to, why } = output
      return encoded({ $case: "gap", value: { partition, epoch, from: BigInt(from), to: BigInt(to), why } })
    }
    case "state":
      return encoded({
        $case: "state",
        value: { status: output.status, blocked: output.blocked, reason: output.reason }
      })
    case "refused": {
      const { token, first, last, why } = output.refused
      const value = { token: BigInt(token), firstOffset: BigInt(first), lastOffset: BigInt(last), why }
      return encoded({ $case: "refused", value })
    }
    case "durable":
      return encoded({ $case: "durable", value: BigInt(output.receipt) })
    case "recall": {
      const { partition, logEpoch: epoch, offset, hash: keyHash } = output
      return encoded({ $case: "parked", value: { partition, epoch, offset: BigInt(offset), keyHash } })
    }
  }
}
