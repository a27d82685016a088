/** The fields of herald.distribution.v1 that the load client needs, read in place (protobuf wire format). Pure. */

export interface Seen {
  kind: number
  key: string
  version: number
  revision: number
  /** The server could not confirm that it is the newest. */
  stale: boolean
  /** When it should have been published, nanoseconds; 0 when its content doesn't say. */
  at: number
  /** Hex; "" when there is none. */
  digest: string
  epoch: string
}

export const VALUE = 0
export const DELETED = 1
export const SYNCED = 2
export const HEARTBEAT = 3

const KEY = 2
const VERSION = 3
const CONTENT = 5
const REVISION = 7
const EPOCH = 8
const DIGEST = 9
const STALE = 12
const KIND = 13

const APPLIED = 1

let position = 0
const varint = (bytes: Uint8Array): number => {
  let value = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[position++]!
    value += (byte & 127) * scale
    if (byte < 128) return value
  }
}

/** Length of `{"at":`, which payload() begins with. */
const BEFORE_AT = 6
const A = 0x61

const timeIn = (bytes: Uint8Array, start: number, end: number): number => {
  if (bytes[start + 2] !== A) return 0
  let at = 0
  for (let i = start + BEFORE_AT; i < end; i++) {
    const digit = bytes[i]! - 48
    if (digit < 0 || digit > 9) return at
    at = at * 10 + digit
  }
  return 0
}

/** Of content as text; 0 when it doesn't say. */
export const timeOf = (content: string): number => Number(/^\{"at":(\d+)/.exec(content)?.[1] ?? 0)

/** `known`, where these bytes say the same: an epoch is read a million times and changes never. */
const same = (known: string, bytes: Buffer, start: number, length: number): string => {
  const text = bytes.toString("latin1", start, start + length)
  return text === known ? known : text
}

/** Reads the ConfigUpdate between `start` and `end` into `seen`. */
export const readUpdate = (bytes: Buffer, start: number, end: number, seen: Seen): void => {
  seen.kind = seen.version = seen.revision = seen.at = 0
  seen.stale = false
  seen.key = seen.digest = ""
  position = start
  while (position < end) {
    const tag = varint(bytes)
    const field = tag >>> 3
    switch (tag & 7) {
      case 0: {
        const value = varint(bytes)
        if (field === VERSION) seen.version = value
        else if (field === REVISION) seen.revision = value
        else if (field === STALE) seen.stale = value === 1
        else if (field === KIND) seen.kind = value
        break
      }
      case 2: {
        const length = varint(bytes)
        if (field === KEY) seen.key = bytes.toString("latin1", position, position + length)
        else if (field === CONTENT) seen.at = timeIn(bytes, position, position + length)
        else if (field === EPOCH) seen.epoch = same(seen.epoch, bytes, position, length)
        else if (field === DIGEST) seen.digest = bytes.toString("latin1", position, position + length)
        position += length
        break
      }
      case 1:
        position += 8
        break
      case 5:
        position += 4
        break
      default:
        throw new Error(`a field of an update has the wire type ${tag & 7}`)
    }
  }
}

const asVarint = (value: number): ReadonlyArray<number> => {
  const bytes: Array<number> = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left]
    bytes.push((left % 128) | 128)
  }
}
const number = (field: number, value: number) => Buffer.from([...asVarint(field << 3), ...asVarint(value)])
const bytes = (field: number, value: Uint8Array) =>
  Buffer.concat([Buffer.from([...asVarint((field << 3) | 2), ...asVarint(value.length)]), value])
const string = (field: number, value: string) => bytes(field, Buffer.from(value))

export interface Held {
  readonly digest: string
}

/** The SubscribeRequest that opens a stream, of a client that understands control messages and says what it holds. */
export const subscribeRequest = (
  service: string,
  instance: string,
  keys: ReadonlyArray<string>,
  held: Iterable<readonly [string, Held]> = []
): Buffer =>
  Buffer.concat([
    string(1, service),
    string(2, instance),
    ...keys.map((key) => string(6, key)),
    ...[...held].map(([key, { digest }]) =>
      bytes(8, Buffer.concat([string(1, key), bytes(4, Buffer.from(digest, "hex"))]))
    ),
    number(10, 1)
  ])

/** A SubscribeRequest that says: applied. */
export const appliedRequest = (key: string, revision: number): Buffer =>
  bytes(11, Buffer.concat([string(1, key), number(2, revision), number(3, APPLIED)]))

export const heartbeatRequest = (): Buffer => number(12, 1)
