/**
 * An event as it is published, and the bytes of many. Pure.
 *
 *   TM1  Events are stored as the bytes of a repeated field of protobuf (`EventBatch.events`: tag, length, event), so what is stored is what is
 *        sent. What is not exactly that is refused when it comes, and never guessed.
 *   TM2  Events of one key have one hash, and are in one partition: murmur3-32 (x86, seed 0) of the key in UTF-8. The partition is its remainder by
 *        their number; the hash of 16 bits, by which keys are shared among consumers, is its upper half, and 0 only for an event without a key.
 *   TM3  An event's bytes, its key, and its headers are bounded.
 *   TM6  Headers whose names begin with `herald-` say what Herald did with an event, those with `was-herald-` what it did before that: nobody else sets them.
 */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire"
import { hashText } from "../evaluation/Murmur.ts"

/** Bytes of one event as it is encoded. */
export const EVENT_BYTES = 1_048_576
/** Characters. */
export const EVENT_KEY_LENGTH = 512
export const HEADERS = 64
/** Characters. */
export const HEADER_NAME_LENGTH = 128
export const HEADER_VALUE_LENGTH = 4_096

export interface Message {
  /** Null: none. Never "". */
  readonly key: string | null
  readonly payload: Uint8Array
  /** When it happened, by who published it: milliseconds since 1970; null: nobody said. */
  readonly eventTime: number | null
  /** By name; of a map, so that no name is anything else. */
  readonly headers: ReadonlyMap<string, string>
}

/** Many events as bytes. */
export interface Frame {
  readonly count: number
  readonly bytes: Uint8Array
  /** Of each event's key; undefined: none of them has one. TM2 */
  readonly hashes: Uint16Array | undefined
}

/** Field 6, of bytes. */
export const EVENT_TAG = 0x32

export const NO_KEY = 0

const hash16 = (hash: number): number => hash >>> 16 || 1

/** TM2 */
export const keyHash = (key: string | null): number => (key === null || key === "" ? NO_KEY : hash16(hashText(key)))

/** TM2 */
export const partitionOf = (key: string, partitions: number): number => hashText(key) % partitions

/** What is wrong with it, as a sentence about one of its fields. Its size is checked where it is encoded. TM3 */
export const wrongMessage = ({ key, eventTime, headers }: Message): string | undefined => {
  if (key !== null && (key === "" || key.length > EVENT_KEY_LENGTH || !key.isWellFormed()))
    return `key: 1 to ${EVENT_KEY_LENGTH} characters of well-formed Unicode`
  if (eventTime !== null && !Number.isSafeInteger(eventTime)) return "time: whole milliseconds since 1970"
  if (headers.size > HEADERS) return `headers: at most ${HEADERS}`
  for (const [name, value] of headers)
    if (name === "" || name.length > HEADER_NAME_LENGTH || value.length > HEADER_VALUE_LENGTH)
      return `headers: names of 1 to ${HEADER_NAME_LENGTH} characters, values of at most ${HEADER_VALUE_LENGTH}`
    else if (!name.isWellFormed() || !value.isWellFormed()) return "headers: well-formed Unicode"
  return undefined
}

/** In any case, as other systems compare names without it. TM6 */
export const isOwnHeader = (name: string): boolean => /^herald-/i.test(name)

/** That, or what a dead letter keeps of such. TM6 */
export const isReservedHeader = (name: string): boolean => /^(?:was-)*herald-/i.test(name)

/** A header that whoever publishes may not set, as `wrongMessage` says it. TM6 */
export const wrongHeader = ({ headers }: Message): string | undefined => {
  for (const name of headers.keys())
    if (isReservedHeader(name)) return "headers: names that begin with herald- or was-herald- are Herald's own"
  return undefined
}

const write = (writer: BinaryWriter, { key, payload, eventTime, headers }: Message): void => {
  writer.uint32(EVENT_TAG).fork()
  if (key !== null) writer.uint32(10).string(key)
  if (payload.length > 0) writer.uint32(18).bytes(payload)
  if (eventTime !== null && eventTime !== 0) writer.uint32(24).int64(eventTime)
  for (const [name, value] of headers) {
    writer.uint32(34).fork()
    if (name !== "") writer.uint32(10).string(name)
    if (value !== "") writer.uint32(18).string(value)
    writer.join()
  }
  writer.join()
}

/** As they are; a caller has checked them. */
export const frameOf = (messages: ReadonlyArray<Message>): Frame => {
  const writer = new BinaryWriter()
  let keyed = false
  const hashes = Uint16Array.from(messages, (message) => {
    write(writer, message)
    const hash = keyHash(message.key)
    keyed ||= hash !== NO_KEY
    return hash
  })
  return { count: messages.length, bytes: writer.finish(), hashes: keyed ? hashes : undefined }
}

/** Reads one event: the bytes behind its length. Throws where they are none. What a later version adds is left out. */
export const messageOf = (bytes: Uint8Array): Message => {
  const reader = new BinaryReader(bytes)
  let key: string | null = null
  let payload: Uint8Array = NOTHING
  let eventTime: number | null = null
  let headers: Map<string, string> | undefined
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === 10) key = reader.string() || null
    else if (tag === 18) payload = reader.bytes()
    else if (tag === 24) eventTime = Number(reader.int64()) || null
    else if (tag === 34) {
      headers ??= new Map()
      const [name, value] = header(reader)
      headers.set(name, value)
    } else reader.skip(tag & 7)
  }
  return { key, payload, eventTime, headers: headers ?? NO_HEADERS }
}

const header = (reader: BinaryReader): readonly [string, string] => {
  const end = reader.uint32() + reader.pos
  let name = ""
  let value = ""
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10) name = reader.string()
    else if (tag === 18) value = reader.string()
    else reader.skip(tag & 7)
  }
  return [name, value]
}

const NOTHING = new Uint8Array(0)
const NO_HEADERS: ReadonlyMap<string, string> = new Map()
