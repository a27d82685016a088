/**
 * Events as they are stored and sent: one after the other, each as an entry of the field `events` of herald.topics.v1.EventBatch. Nothing is
 * decoded to find where one ends. Pure.
 *
 *   BX1  An event is never copied or read to be sent to one reader more: rows are cut where one event ends.
 */

import { endOf } from "../topics/Frames.ts"

/** Where the event begins that has `skip` events before it. */
export const skipped = (rows: Uint8Array, skip: number): number => {
  let at = 0
  for (let n = 0; n < skip; n++) at = endOf(rows, at)
  return at
}

/** How many events from the first on have at most `bytes` together, at least one; and where the next begins. */
export const fitting = (rows: Uint8Array, bytes: number): readonly [events: number, end: number] => {
  let at = endOf(rows, 0)
  let events = 1
  while (at < rows.length) {
    const end = endOf(rows, at)
    if (end > bytes) break
    at = end
    events++
  }
  return [events, at]
}

/** Each entry, with its tag and length. */
export function* entriesOf(rows: Uint8Array): Generator<Uint8Array, void> {
  for (let at = 0; at < rows.length; ) {
    const end = endOf(rows, at)
    yield rows.subarray(at, end)
    at = end
  }
}

/** The message of an entry, without its tag and length. */
export const eventIn = (entry: Uint8Array): Uint8Array => {
  let at = 1
  while (entry[at]! >= 128) at++
  return entry.subarray(at + 1)
}

/** Of `Event`: its key. */
const KEY = 0x0a

/** The key of an entry's event as latin1, which is good for telling keys apart; "" when it has none. */
export const keyOf = (entry: Uint8Array): string => {
  const event = eventIn(entry)
  if (event[0] !== KEY) return ""
  let at = 1
  let length = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = event[at++] ?? 0
    length += (byte & 127) * scale
    if (byte < 128) break
  }
  return Buffer.from(event.buffer, event.byteOffset + at, length).toString("latin1")
}
