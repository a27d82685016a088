/**
 * Walks the bytes of many events, cuts them and puts them together, without reading what is in them. Pure.
 *
 *   TM4  Where the bytes are not the number of events that they are said to be, nothing of them is used.
 */
import { EVENT_TAG, type Frame, type Message, messageOf, NO_KEY } from "./Message.ts"

/** Calls `each` for every event: the bytes of `bytes` from `start` to `end` are the event, its tag begins at `from`. Throws for anything else. TM4 */
export const walk = (
  bytes: Uint8Array,
  each: (index: number, start: number, end: number, from: number) => void
): number => {
  let at = 0
  let index = 0
  while (at < bytes.length) {
    const from = at
    if (bytes[at++] !== EVENT_TAG) throw new RangeError("no event begins here")
    let length = 0
    let shift = 0
    for (;;) {
      const byte = bytes[at++]
      if (byte === undefined || shift > 28) throw new RangeError("an event has no length")
      length += (byte & 127) * 2 ** shift
      shift += 7
      if (byte < 128) break
    }
    const end = at + length
    if (end > bytes.length) throw new RangeError("an event is cut off")
    each(index++, at, end, from)
    at = end
  }
  return index
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
