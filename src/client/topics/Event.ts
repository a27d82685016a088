/**
 * Events as applications give and get them. Pure.
 *
 *   QE1  What a server would refuse of an event is refused before anything is sent, and nothing of it is changed: it arrives as it was given.
 *   QE2  Events of one key are in one partition: the remainder of murmur3-32 of the key (src/topics/Message.ts, TM2) by their number.
 */
import type {
  Event as Sent,
  Offset as SentOffset,
  Placed as SentPlaced
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { hashText } from "../../evaluation/Murmur.ts"
import { messageOf, OptionError } from "../ClientError.ts"
import { bufferOf, bytesOf, utf8 } from "../Platform.ts"

/** An event to be published. */
export interface TopicEvent {
  /** Events of one key keep their order. 1 to 512 characters; left out: none. */
  readonly key?: string | undefined
  /** Bytes, or a text that becomes its UTF-8. Either this or `json`. */
  readonly payload?: Uint8Array | string | undefined
  /** Becomes JSON. */
  readonly json?: unknown
  /** When it happened: milliseconds since 1970, or a date. When Herald gets it, if left out. */
  readonly time?: number | Date | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Where an event is. Offsets mean nothing without their epoch. */
export interface TopicOffset {
  readonly partition: number
  readonly epoch: number
  readonly offset: number
}

/** An event of a topic. */
export interface Received extends TopicOffset {
  /** `topic:partition:epoch:offset`, as at every door: a place to begin at, and what a log line may say. */
  readonly id: string
  /** "": none. */
  readonly key: string
  readonly payload: Uint8Array
  /** When it happened, by whoever published it; when Herald got it, if nobody said. Milliseconds since 1970. */
  readonly time: number
  /** When Herald got it. Milliseconds since 1970. */
  readonly publishedAt: number
  readonly headers: Readonly<Record<string, string>>
  /** The payload as text. Throws for what is no UTF-8. */
  readonly text: () => string
  /** The payload, read as JSON. Throws for what is none. */
  readonly json: <T = unknown>() => T
}

/** Where events came to be. */
export interface Placed {
  readonly partition: number
  readonly epoch: number
  /** Of the first one, the others follow; undefined: they are there, and so old that it is not remembered where. */
  readonly offset: number | undefined
  readonly count: number
  /** They were there already. */
  readonly duplicate: boolean
}

const eventBytes = 1_048_576
const keyLength = 512
const mostHeaders = 64
const headerName = 128
const headerValue = 4_096

const refuse = (at: number, what: string): never => {
  throw new OptionError(`event ${at}: ${what}.`)
}

const payloadOf = (at: number, { payload, json }: TopicEvent): Sent["payload"] => {
  if ((payload === undefined) === (json === undefined)) return refuse(at, "give either payload or json")
  if (payload instanceof Uint8Array) return bufferOf(payload)
  if (typeof payload === "string") {
    if (!payload.isWellFormed()) refuse(at, "payload is no well-formed Unicode")
    return bufferOf(payload)
  }
  if (payload !== undefined) return refuse(at, "payload is neither bytes nor a text")
  let text: string | undefined
  try {
    text = JSON.stringify(json)
  } catch (error) {
    refuse(at, `json can't be written as JSON: ${messageOf(error)}`)
  }
  return text === undefined ? refuse(at, "json can't be written as JSON") : bufferOf(text)
}

const headersOf = (at: number, given: TopicEvent["headers"]): Record<string, string> => {
  const headers = Object.entries(given ?? {})
  if (headers.length > mostHeaders) refuse(at, `at most ${mostHeaders} headers`)
  for (const [name, value] of headers) {
    if (typeof value !== "string" || name === "" || name.length > headerName || value.length > headerValue)
      refuse(at, `headers have names of 1 to ${headerName} characters and texts of at most ${headerValue}`)
    if (!name.isWellFormed() || !value.isWellFormed()) refuse(at, "a header is no well-formed Unicode")
  }
  return Object.fromEntries(headers)
}

/** An upper bound of what it takes on the wire. */
export const bytesOn = ({ key, payload, headers }: Sent): number => {
  let bytes = payload.length + bytesOf(key) + 40
  for (const [name, value] of Object.entries(headers)) bytes += bytesOf(name) + bytesOf(value) + 12
  return bytes
}

/** Throws `OptionError`. `at`: which one it is, for people. QE1 */
const toSend = (event: TopicEvent, at: number): Sent => {
  const { key = "", time } = event
  if (typeof key !== "string" || key.length > keyLength || !key.isWellFormed())
    refuse(at, `a key is a text of 1 to ${keyLength} characters of well-formed Unicode, or left out`)
  if (event.key === "") refuse(at, "the key is empty. Leave it out where there is none")
  const timeMs = time === undefined ? 0 : Number(time)
  if (!Number.isSafeInteger(timeMs)) refuse(at, "time is whole milliseconds since 1970, or a date")
  const sent = { key, payload: payloadOf(at, event), timeMs: BigInt(timeMs), headers: headersOf(at, event.headers) }
  if (bytesOn(sent) > eventBytes) refuse(at, `it has more than ${eventBytes} bytes`)
  return sent
}

/** Throws `OptionError`. QE1 */
export const allToSend = (events: ReadonlyArray<TopicEvent>): ReadonlyArray<Sent> => {
  if (!Array.isArray(events)) throw new OptionError("events must be a list, of { key, json } or { key, payload }.")
  return events.map((event: TopicEvent, at) =>
    typeof event === "object" && event !== null
      ? toSend(event, at)
      : refuse(at, "it is no object of key, json or payload")
  )
}

/** QE2 */
export const partitionOf = (key: string, partitions: number): number => hashText(key) % partitions

/** What keeps its order together: 16 bits of a key's hash, 0 only without one. As src/topics/Message.ts has it, TM2. */
export const laneOf = (key: string): number => (key === "" ? 0 : hashText(key) >>> 16 || 1)

class Got implements Received {
  readonly partition: number
  readonly epoch: number
  readonly offset: number
  readonly publishedAt: number
  readonly #topic: string
  readonly #sent: Sent

  constructor(topic: string, place: TopicOffset, publishedAt: number, sent: Sent) {
    this.partition = place.partition
    this.epoch = place.epoch
    this.offset = place.offset
    this.publishedAt = publishedAt
    this.#topic = topic
    this.#sent = sent
  }

  get id() {
    return `${this.#topic}:${this.partition}:${this.epoch}:${this.offset}`
  }

  get key() {
    return this.#sent.key
  }

  get payload() {
    return this.#sent.payload
  }

  get headers() {
    return this.#sent.headers
  }

  get time() {
    return Number(this.#sent.timeMs) || this.publishedAt
  }

  text = () => utf8(this.payload)
  json = <T>() => JSON.parse(this.text()) as T
}

export const received = (topic: string, place: TopicOffset, publishedAt: number, sent: Sent): Received =>
  new Got(topic, place, publishedAt, sent)

export const offsetOf = ({ partition, epoch, offset }: SentOffset): TopicOffset => ({
  partition,
  epoch,
  offset: Number(offset)
})

export const sentOffset = ({ partition, epoch, offset }: TopicOffset): SentOffset => ({
  partition,
  epoch,
  offset: BigInt(offset)
})

/** `partition`: of the batch, where the answer leaves it out. */
export const placedOf = ({ first, count, duplicate }: SentPlaced, partition: number): Placed => ({
  partition: first?.partition ?? partition,
  epoch: first?.epoch ?? 0,
  offset: first === undefined ? undefined : Number(first.offset),
  count,
  duplicate
})
