/** What programs say over the WebSocket of topics, as JSON; what they are told is in src/edge/http/topics/StreamText.ts. */
import { Schema } from "effect"
import { EPOCHS } from "../../../topics/MessageId.ts"
import { PARTITIONS } from "../../../topics/Topic.ts"
import { EventBody, Filter, From } from "../../http/topics/EventWire.ts"
import { Partition, Producer } from "../../http/topics/Wire.ts"
import { TopicName, Whole } from "../../http/Wire.ts"
import { Answers, Consume, Id } from "./ConsumeWire.ts"

/** The subprotocol. */
export const PROTOCOL = "herald.topics.v1"
export const PATH = "/v1/topics/stream"

/** Of one projection: `src/filters` says more of them. */
const FIELDS = 64

const PlaceBody = Schema.Struct({
  partition: Partition,
  epoch: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: EPOCHS - 1 })),
  offset: Whole
})

const Read = Schema.Struct({
  type: Schema.Literal("read"),
  id: Id,
  topic: TopicName,
  from: Schema.optionalKey(Schema.Union([From, Schema.Array(PlaceBody).check(Schema.isMaxLength(PARTITIONS))])),
  others: Schema.optionalKey(Schema.Literals(["earliest", "latest"])),
  partitions: Schema.optionalKey(Schema.Array(Partition).check(Schema.isMaxLength(PARTITIONS))),
  filter: Schema.optionalKey(Filter),
  fields: Schema.optionalKey(Schema.Array(Filter).check(Schema.isMaxLength(FIELDS))),
  overflow: Schema.optionalKey(Schema.Literals(["block", "conflate", "drop-oldest", "disconnect"])),
  as: Schema.optionalKey(Schema.Literals(["json", "text"])),
  granted: Schema.optionalKey(Whole)
})
export type Read = typeof Read.Type

const Publish = Schema.Struct({
  type: Schema.Literal("publish"),
  id: Id,
  topic: TopicName,
  events: Schema.Array(EventBody),
  partition: Schema.optionalKey(Partition),
  producer: Schema.optionalKey(Producer),
  epoch: Schema.optionalKey(Whole),
  sequence: Schema.optionalKey(Whole)
})
export type Publish = typeof Publish.Type

const Open = Schema.Struct({ type: Schema.Literal("open"), id: Id, topic: TopicName, producer: Producer })
/** Bytes that a reader may be sent; events and bytes, of a consumer. */
const Grant = Schema.Struct({
  type: Schema.Literal("grant"),
  id: Id,
  granted: Whole,
  grantedBytes: Schema.optionalKey(Whole)
})
export type Grant = typeof Grant.Type
const End = Schema.Struct({ type: Schema.Literal("end"), id: Id })

const said = {
  read: Read,
  publish: Publish,
  open: Open,
  grant: Grant,
  end: End,
  consume: Consume,
  answer: Answers
} as const
export type Said = { [Type in keyof typeof said]: (typeof said)[Type]["Type"] }[keyof typeof said]

/** The schema of a message by its `type`; undefined: there is none. */
export const schemaOf = (type: unknown): Schema.Codec<Said, unknown> | undefined =>
  typeof type === "string" && Object.hasOwn(said, type)
    ? (said[type as keyof typeof said] as unknown as Schema.Codec<Said, unknown>)
    : undefined

export const types = Object.keys(said)
