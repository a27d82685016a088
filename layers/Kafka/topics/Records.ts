/**
 * Events as records of Kafka, and records as events. Pure.
 *
 *   KR3  An event's key, payload and headers are the record's key, value and headers, so that anybody's consumer understands them; what Kafka has no
 *        place for are headers of Herald's own, whose names nobody else may publish.
 *   KR4  What others write is read as well: a record without Herald's headers is an event. What is no text is given in base64, and said to be.
 */
import { isUtf8 } from "node:buffer"
import type { Producing } from "../../../src/topics/Batch.ts"
import { EVENT_KEY_LENGTH, type Message } from "../../../src/topics/Message.ts"
import type { KafkaRecord } from "./RecordBatch.ts"

/** "<epoch>:<sequence>:<producer>": whose event it is. */
const PRODUCER = "herald-producer"
/** When it happened, in milliseconds since 1970. */
const TIME = "herald-event-time"
/** "base64": the event's key is the record's key in base64; "left-out": the record's key is too long for one. */
const KEY = "herald-key"
const OWN = [PRODUCER, TIME, KEY]

/** The name of the topic in Kafka, which has no slashes. */
export const kafkaName = (topic: string): string => topic.replaceAll("/", ".")

/** A header that can't be published, as its name is Herald's own. KR3 */
export const ownHeader = ({ headers }: Message): string | undefined => OWN.find((name) => headers.has(name))

const encoder = new TextEncoder()
const text = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
const base64 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")

/** `producing`: of this event. */
export const recordOf = (
  { key, payload, eventTime, headers }: Message,
  producing: Producing | undefined
): KafkaRecord => {
  const all: Array<readonly [string, Uint8Array]> = []
  for (const [name, value] of headers) all.push([name, encoder.encode(value)])
  if (eventTime !== null) all.push([TIME, encoder.encode(String(eventTime))])
  if (producing !== undefined) {
    const { epoch, sequence, producer } = producing
    all.push([PRODUCER, encoder.encode(`${epoch}:${sequence}:${producer}`)])
  }
  return { key: key === null ? null : encoder.encode(key), value: payload, headers: all }
}

const header = ({ headers }: KafkaRecord, wanted: string): string | undefined => {
  const value = headers.findLast(([name]) => name === wanted)?.[1]
  return value === null || value === undefined ? undefined : text(value)
}

const STAMP = /^([1-9]\d{0,14}):([1-9]\d{0,15}):([\s\S]{1,128})$/

/** Undefined: nobody's that Herald knows. */
export const producingOf = (record: KafkaRecord): Producing | undefined => {
  const found = STAMP.exec(header(record, PRODUCER) ?? "")
  return found === null ? undefined : { epoch: Number(found[1]), sequence: Number(found[2]), producer: found[3]! }
}

const keyOf = (key: Uint8Array | null): readonly [key: string | null, said: string | undefined] => {
  if (key === null || key.length === 0) return [null, undefined]
  const plain = isUtf8(key)
  const its = plain ? text(key) : base64(key)
  if (its.length > EVENT_KEY_LENGTH) return [null, "left-out"]
  return [its, plain ? undefined : "base64"]
}

/** KR4 */
export const messageOfRecord = (record: KafkaRecord): Message => {
  const [key, said] = keyOf(record.key)
  const headers = new Map<string, string>()
  let eventTime: number | null = null
  for (const [name, value] of record.headers) {
    const bytes = value ?? NOTHING
    if (name === PRODUCER && producingOf(record) !== undefined) continue
    if (name === TIME && /^-?\d{1,15}$/.test(text(bytes))) eventTime = Number(text(bytes))
    else if (isUtf8(bytes)) headers.set(name, text(bytes))
    else headers.set(`${name};base64`, base64(bytes))
  }
  if (said !== undefined) headers.set(KEY, said)
  return { key, payload: record.value ?? NOTHING, eventTime, headers }
}

const NOTHING = new Uint8Array(0)
