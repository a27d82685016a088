/** Decodes messages of herald.topics.v1. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire"
import {
  CreateTopicRequest,
  DeleteTopicRequest,
  GetTopicRequest,
  GetTopicStatsRequest,
  ListTopicsRequest,
  UpdateTopicRequest
} from "../../../../proto/generated/herald/topics/v1/managers.ts"
import { OpenProducerRequest } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { BATCH_BYTES, BATCH_EVENTS } from "../../../topics/Limits.ts"
import { HEADERS, type Message } from "../../../topics/Message.ts"
import { decoderOf } from "../Decode.ts"

/** Bytes of one message: those of a batch, and what is around it. */
export const TOPIC_MESSAGE_BYTES = BATCH_BYTES + 65_536

const decoder = decoderOf("herald.topics.v1")

export const createTopicRequest = decoder(CreateTopicRequest, {})
export const updateTopicRequest = decoder(UpdateTopicRequest, {})
export const deleteTopicRequest = decoder(DeleteTopicRequest, {})
export const getTopicRequest = decoder(GetTopicRequest, {})
export const getTopicStatsRequest = decoder(GetTopicStatsRequest, {})
export const listTopicsRequest = decoder(ListTopicsRequest, {})
export const openProducerRequest = decoder(OpenProducerRequest, {})

/** A `PublishEventsRequest` whose events are as the model has them. */
export interface Batch {
  readonly topic: string
  readonly events: ReadonlyArray<Message>
  readonly partition: number | undefined
  /** Empty: none. */
  readonly producer: string
  readonly epoch: number
  readonly sequence: number
}

export interface Numbered {
  readonly id: bigint
  readonly batch: Batch
}

const NOTHING = new Uint8Array(0)
const NO_HEADERS: ReadonlyMap<string, string> = new Map()

/** What is wrong with the bytes is thrown; with what they say, as a `HeraldError`. G8, G9 in ../Decode.ts */
const header = (reader: BinaryReader): readonly [string, string] => {
  const end = endOf(reader)
  let [name, value] = ["", ""]
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10) name = reader.string(true)
    else if (tag === 18) value = reader.string(true)
    else throw new RangeError("a header has a name and a value")
  }
  if (reader.pos !== end) throw new RangeError("a header is cut off")
  return [name, value]
}

const endOf = (reader: BinaryReader): number => {
  const end = reader.uint32() + reader.pos
  if (end > reader.len) throw new RangeError("premature end")
  return end
}

const wrongEvent = (index: number, said: string) =>
  failure("InvalidEvent", `event ${index}: ${said}`, { details: { index } })

/** TV1: what is not known of an event would be lost, so it is refused. */
const event = (reader: BinaryReader, index: number): Message => {
  const end = endOf(reader)
  let key: string | null = null
  let payload: Uint8Array = NOTHING
  let eventTime: number | null = null
  let headers: Map<string, string> | undefined
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10) key = reader.string(true) || null
    else if (tag === 18) payload = reader.bytes()
    else if (tag === 24) eventTime = Number(reader.int64()) || null
    else if (tag === 34) {
      headers ??= new Map()
      const [name, value] = header(reader)
      if (headers.has(name)) throw wrongEvent(index, "headers: a name is there twice")
      if (headers.size >= HEADERS) throw wrongEvent(index, `headers: at most ${HEADERS}`)
      headers.set(name, value)
    } else throw wrongEvent(index, `it has a field ${tag >>> 3} that this server does not know`)
  }
  if (reader.pos !== end) throw new RangeError("an event is cut off")
  return { key, payload, eventTime, headers: headers ?? NO_HEADERS }
}

const batch = (reader: BinaryReader, end: number): Batch => {
  const events: Array<Message> = []
  let [topic, producer] = ["", ""]
  let partition: number | undefined
  let [epoch, sequence] = [0, 0]
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10) topic = reader.string(true)
    else if (tag === 18) {
      if (events.length >= BATCH_EVENTS)
        throw failure("InvalidInput", `events: there are more than ${BATCH_EVENTS} in one batch`)
      events.push(event(reader, events.length))
    } else if (tag === 24) partition = reader.int32()
    else if (tag === 34) producer = reader.string(true)
    else if (tag === 40) epoch = reader.uint32()
    else if (tag === 48) sequence = Number(reader.uint64())
    else reader.skip(tag & 7, tag >>> 3)
  }
  if (reader.pos !== end) throw new RangeError("a batch is cut off")
  return { topic, events, partition: partition === -1 ? undefined : partition, producer, epoch, sequence }
}

/** The bytes of events are views of `bytes`, which belong to whoever calls. */
const decoded = <A>(bytes: Uint8Array, read: (reader: BinaryReader) => A): A | HeraldError => {
  try {
    return read(new BinaryReader(bytes))
  } catch (error) {
    return error instanceof HeraldError
      ? error
      : failure("InvalidInput", "the message is not one of herald.topics.v1: its bytes can't be read")
  }
}

export const publishEventsRequest = (bytes: Uint8Array): Batch | HeraldError =>
  decoded(bytes, (reader) => batch(reader, reader.len))

export const publishStreamRequest = (bytes: Uint8Array): Numbered | HeraldError =>
  decoded(bytes, (reader) => {
    let id = 0n
    let its: Batch | undefined
    while (reader.pos < reader.len) {
      const tag = reader.uint32()
      if (tag === 8) id = BigInt(reader.uint64())
      else if (tag >>> 3 === 2 && (tag & 7) === WireType.LengthDelimited) its = batch(reader, endOf(reader))
      else reader.skip(tag & 7, tag >>> 3)
    }
    if (its === undefined) throw failure("InvalidInput", "publish: it is missing")
    return { id, batch: its }
  })
