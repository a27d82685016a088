/**
 * Events as records of Kafka, and records as events. Pure.
 *
 *   KR3  An event's key, payload and headers are the record's key, value and headers, so that anybody's consumer understands them; what Kafka has no
 *        place for are headers of Herald's own, whose names nobody else may publish.
 *   KR4  What others write is read as well: a record without Herald's headers is an event. What is no text is given in base64, and said to be; what
 *        is called like a header of Herald's own, and is in no batch that Herald sealed (KS1), begins with `foreign-`.
 *   KR5  What has more than an event may have (TM3: bytes, headers, and characters of one) is none: a gap `unfit` stands for it. It is found out at a cost
 *        that grows with its bytes alone.
 */
import { isUtf8 } from "node:buffer"
import type { Producing } from "../../../src/topics/Batch.ts"
import {
  EVENT_BYTES,
  EVENT_KEY_LENGTH,
  HEADER_NAME_LENGTH,
  HEADER_VALUE_LENGTH,
  HEADERS,
  isReservedHeader,
  type Message,
  wrongMessage
} from "../../../src/topics/Message.ts"
import { OWNED_LENGTH } from "../../../src/topics/Owned.ts"
import { Reader } from "./Bytes.ts"
import type { KafkaRecord } from "./Record.ts"
import { SEAL } from "./Sealing.ts"

/** "<epoch>:<sequence>:<producer>": whose event it is. */
const PRODUCER = "herald-producer"
/** When it happened, in milliseconds since 1970. */
const TIME = "herald-event-time"
/** "base64": the event's key is the record's key in base64; "left-out": the record's key is too long for one. */
const KEY = "herald-key"
const OWN = [PRODUCER, TIME, KEY, SEAL]

/** A header that can't be published, as it would be taken for what Herald says. `KEY` is none: that of an event whose key is text is read as it was. KR3 */
export const ownHeader = ({ headers }: Message): string | undefined =>
  [PRODUCER, TIME, SEAL].find((name) => headers.has(name))

/** Whether it says what Herald alone says. KS1 */
export const saysOwn = ({ headers }: KafkaRecord): boolean =>
  headers.some(([name]) => name !== TIME && isReservedHeader(name))

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

const STAMP = new RegExp(`^([1-9]\\d{0,14}):([1-9]\\d{0,15}):([\\s\\S]{1,${OWNED_LENGTH}})$`)
/** Bytes: numbers, and characters of at most three each. */
const LONGEST_STAMP = 40 + 3 * OWNED_LENGTH

/** What a stamp says; undefined: it is none of Herald's. */
const stampOf = (value: Uint8Array | null | undefined): Producing | undefined => {
  if (value === null || value === undefined || value.length > LONGEST_STAMP) return undefined
  const found = STAMP.exec(text(value))
  return found === null ? undefined : { epoch: Number(found[1]), sequence: Number(found[2]), producer: found[3]! }
}

/** Undefined: nobody's that Herald knows. */
export const producingOf = ({ headers }: Pick<KafkaRecord, "headers">): Producing | undefined =>
  stampOf(headers.findLast(([name]) => name === PRODUCER)?.[1])

const PRODUCER_NAME = Buffer.from(PRODUCER)

/** The same of a record as it is stored: what else is in it is passed over. Throws where bytes are missing. */
export const stampIn = (record: Buffer): Producing | undefined => {
  const one = behindOffset(record)
  one.skip()
  one.skip()
  let found: Uint8Array | null | undefined
  for (let left = headersIn(one); left > 0; left--) {
    const name = one.sized()
    if (name !== null && PRODUCER_NAME.equals(name)) found = one.sized()
    else one.skip()
  }
  return stampOf(found)
}

const behindOffset = (record: Buffer): Reader => {
  const one = new Reader(record)
  one.int8()
  one.varlong()
  one.varlong()
  return one
}

/** Each takes two bytes at least. */
const headersIn = (one: Reader): number => {
  const count = one.varlong()
  if (count < 0 || 2 * count > one.left) throw new RangeError("bytes are missing")
  return count
}

/** Undefined: it has more headers than an event may have. KR5. Throws where bytes are missing. */
export const recordIn = (record: Buffer): KafkaRecord | undefined => {
  const one = behindOffset(record)
  const key = one.sized()
  const value = one.sized()
  const count = headersIn(one)
  if (count > HEADERS + OWN.length) return undefined
  const headers: Array<readonly [string, Uint8Array | null]> = []
  for (let n = 0; n < count; n++) {
    const name = one.sized() ?? NOTHING
    const its = one.sized()
    if (name.length > LONGEST_NAME || !isUtf8(name) || (its?.length ?? 0) > LONGEST_VALUE) return undefined
    headers.push([text(name), its])
  }
  return { key, value, headers }
}

/** Bytes that so many characters may have. */
const [LONGEST_NAME, LONGEST_VALUE] = [3 * HEADER_NAME_LENGTH, 3 * HEADER_VALUE_LENGTH]

/** Bytes that so many characters may have. */
const LONGEST_KEY = 3 * EVENT_KEY_LENGTH

const keyOf = (key: Uint8Array | null): readonly [key: string | null, said: string | undefined] => {
  if (key === null || key.length === 0) return [null, undefined]
  if (key.length > LONGEST_KEY) return [null, "left-out"]
  const plain = isUtf8(key)
  const its = plain ? text(key) : base64(key)
  if (its.length > EVENT_KEY_LENGTH) return [null, "left-out"]
  return [its, plain ? undefined : "base64"]
}

/** KR4. `isSealed`: it is of a batch that Herald wrote (KS1). Undefined: no event can be what it is. KR5 */
export const messageOfRecord = (record: KafkaRecord, isSealed: boolean): Message | undefined => {
  const [key, said] = keyOf(record.key)
  const payload = record.value ?? NOTHING
  const shown = (name: string) => (!isSealed && isReservedHeader(name) ? `foreign-${name}` : name) // TM6
  const headers = new Map<string, string>()
  let eventTime: number | null = null
  let bytes = payload.length + (record.key?.length ?? 0)
  for (const [name, value] of record.headers) {
    const its = value ?? NOTHING
    bytes += name.length + its.length
    if (isSealed && (name === PRODUCER || name === SEAL)) continue
    if (name === TIME && its.length <= 16 && /^-?\d{1,15}$/.test(text(its))) eventTime = Number(text(its))
    else if (isUtf8(its)) headers.set(shown(name), text(its))
    else headers.set(`${shown(name)};base64`, base64(its))
  }
  if (said !== undefined) headers.set(KEY, said)
  const message = { key, payload, eventTime, headers }
  return bytes > EVENT_BYTES || wrongMessage(message) !== undefined ? undefined : message
}

const NOTHING = new Uint8Array(0)
