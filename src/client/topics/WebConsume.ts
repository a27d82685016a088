/** Translates between what the SDK's consumers say in herald.topics.v1, and the JSON of the WebSocket. Pure but for bytes and texts. */
import type {
  Answer,
  ConsumeRequest,
  ConsumeResponse,
  Delivered,
  SubscriptionType
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { eventOf, type Said, type SaidEvent } from "./WebJson.ts"

interface SaidDelivered extends SaidEvent {
  readonly attempt: number
}

/** As the protocol numbers them. */
const kinds = ["accept", "release", "fail", "reject", "extend"] as const
const types = ["", "exclusive", "shared", "failover", "key_shared"]

const answerSaid = ({ kind, token, first, lastOffset, delayMs, reason }: Answer) => ({
  ...{ kind: kinds[kind as number], token: Number(token), first: Number(first!.offset), last: Number(lastOffset) },
  ...(delayMs === 0n ? {} : { delayMillis: Number(delayMs) }),
  ...(reason === "" ? {} : { reason })
})

/** The first message. */
export const consumeSaid = (id: string, request: ConsumeRequest, grantedBytes: number) => {
  const { topic, subscription, consumer, life, granted } = request
  return {
    ...{ type: "consume", id, topic, subscription, life: Number(life), granted: Number(granted), grantedBytes },
    ...(consumer === "" ? {} : { consumer }),
    as: "text"
  }
}

/** Every other one. */
export const answersSaid = (id: string, { answers, receipt, granted }: ConsumeRequest, grantedBytes: number) => ({
  ...{ type: "answer", id, answers: answers.map(answerSaid), granted: Number(granted), grantedBytes },
  ...(receipt === 0n ? {} : { receipt: Number(receipt) })
})

const deliveredOf = ({ offset, attempt, ...event }: SaidDelivered): Delivered => ({
  ...{ offset: BigInt(offset), attempt, publishedMs: BigInt(event.publishedAt) },
  event: eventOf({ offset, ...event })
})

const numberIn = (said: Said, name: string): number => Number(said[name])
const bigIn = (said: Said, name: string): bigint => BigInt(numberIn(said, name))
const textIn = (said: Said, name: string): string => String(said[name] ?? "")

/** Undefined: it is nothing that a consumer is told. */
export const consumedOf = (said: Said): ConsumeResponse | undefined => {
  const place = { partition: numberIn(said, "partition"), epoch: numberIn(said, "epoch") }
  switch (said.type) {
    case "joined": {
      const type = Math.max(0, types.indexOf(textIn(said, "subscriptionType"))) as SubscriptionType
      const value = { consumer: textIn(said, "consumer"), leaseMs: bigIn(said, "ackTimeoutMillis"), type }
      const more = { maxAttempts: numberIn(said, "maxAttempts"), subscriptionId: textIn(said, "subscriptionId") }
      return { what: { $case: "joined", value: { ...value, ...more } } }
    }
    case "delivery": {
      const events = (said["events"] as ReadonlyArray<SaidDelivered>).map(deliveredOf)
      const [floor, subscriptionEpoch] = [said["floor"] ?? 0, said["subscriptionEpoch"] ?? 0].map((n) =>
        BigInt(n as number)
      )
      const more = { floor: floor!, subscriptionEpoch: subscriptionEpoch! }
      return { what: { $case: "delivery", value: { ...place, token: bigIn(said, "token"), events, ...more } } }
    }
    case "gap": {
      const value = { ...place, from: bigIn(said, "from"), to: bigIn(said, "to"), why: textIn(said, "why") }
      return { what: { $case: "gap", value } }
    }
    case "state": {
      const value = { status: textIn(said, "status"), blocked: textIn(said, "blocked") }
      return { what: { $case: "state", value: { ...value, reason: String(said["reason"] ?? "") } } }
    }
    case "refused": {
      const value = { token: bigIn(said, "token"), firstOffset: bigIn(said, "first"), lastOffset: bigIn(said, "last") }
      return { what: { $case: "refused", value: { ...value, why: textIn(said, "why") } } }
    }
    case "durable":
      return { what: { $case: "durable", value: bigIn(said, "receipt") } }
    case "recalled": {
      const value = { ...place, offset: bigIn(said, "offset"), keyHash: numberIn(said, "keyHash") }
      return { what: { $case: "parked", value } }
    }
    default:
      return undefined
  }
}
