/**
 * Walks the bytes of many events, cuts them and puts them together, without reading what is in them. Pure.
 *
 *   TM4  Where the bytes are not the number of events that they are said to be, nothing of them is used.
 */
import { EVENT_TAG, type Frame, type Message, messageOf, NO_KEY } from "./Message.ts"

/** Where an event begins whose tag is at `at`. Throws for anything else. TM4 */
const startOf = (bytes: Uint8Array, at: number): number => {
  if (bytes[at] !== EVENT_TAG) throw new RangeError("no event begins here")
  let start = at + 1
  while (bytes[start]! >= 128) start++
  return start + 1
}

/** Where an event ends whose tag is at `from`. Throws for anything else. TM4 */
export const endOf = (bytes: Uint8Array, from: number): number => {
  if (bytes[from] !== EVENT_TAG) throw new RangeError("no event begins here")
  let at = from + 1
  let length = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++]
    if (byte === undefined || scale > MOST_SCALE) throw new RangeError("an event has no length")
    length += (byte & 127) * scale
    if (byte < 128) break
  }
  const end = at + length
  if (end > bytes.length) throw new RangeError("an event is cut off")
  return end
}

/** A length has at most five bytes. */
const MOST_SCALE = 128 ** 4

/** Calls `each` for every event: the bytes of `bytes` from `start` to `end` are the event, its tag begins at `from`. Throws for anything else. TM4 */
export const walk = (
  bytes: Uint8Array,
  each: (index: number, start: number, end: number, from: number) => void
): number => {
  let index = 0
  for (let at = 0; at < bytes.length; ) {
    const end = endOf(bytes, at)
    each(index++, startOf(bytes, at), end, at)
    at = end
  }
  return index
}

/** The bytes of each event, one after the other. Throws, as `walk`. */
export function* eventsIn(bytes: Uint8Array): Generator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; ) {
    const end = endOf(bytes, at)
    yield bytes.subarray(startOf(bytes, at), end)
    at = end
  }
}

/** Its events. Throws, as `walk`. */
export const messagesOf = (bytes: Uint8Array): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  walk(bytes, (_, start, end) => messages.push(messageOf(bytes.subarray(start, end))))
  return messages
}

/** Where the tag of its event `index` begins; the length of all for the one behind the last. */
const beginningOf = (bytes: Uint8Array, index: number): number => {
  let found = bytes.length
  walk(bytes, (at, _start, _end, from) => {
    if (at === index) found = from
  })
  return found
}

/** Without its first `count` events. */
export const withoutFirst = ({ count, bytes, hashes }: Frame, first: number): Frame =>
  first <= 0
    ? { count, bytes, hashes }
    : {
        count: Math.max(0, count - first),
        bytes: bytes.subarray(beginningOf(bytes, first)),
        hashes: hashes?.subarray(first)
      }

/** One behind the other. */
export const together = (frames: ReadonlyArray<Frame>): Frame => {
  if (frames.length === 1) return frames[0]!
  const count = frames.reduce((sum, frame) => sum + frame.count, 0)
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.bytes.length, 0))
  const hashes = frames.some((frame) => frame.hashes !== undefined) ? new Uint16Array(count).fill(NO_KEY) : undefined
  let at = 0
  let index = 0
  for (const frame of frames) {
    bytes.set(frame.bytes, at)
    if (frame.hashes !== undefined) hashes!.set(frame.hashes, index)
    at += frame.bytes.length
    index += frame.count
  }
  return { count, bytes, hashes }
}
