/** Makes a page of what was read of several partitions. Pure. TK1, TK2 in Reading.ts */
import { walk } from "./Frames.ts"
import { type Message, messageOf } from "./Message.ts"
import { type MessageId, messageIdText, type Place } from "./MessageId.ts"
import type { Gap, Piece, Read } from "./Piece.ts"

export interface Event extends MessageId {
  /** Its text. */
  readonly id: string
  /** When it came into the log: milliseconds since 1970. */
  readonly at: number
  readonly message: Message
}

interface One {
  readonly partition: number
  readonly place: Place
  readonly read: Read
}

interface Taken {
  readonly events: ReadonlyArray<Event>
  readonly gaps: ReadonlyArray<Gap & { readonly partition: number; readonly epoch: number }>
  readonly next: ReadonlyMap<number, Place>
  readonly live: boolean
}

const timeOf = (piece: Piece): number => (piece.is === "gap" ? Number.NEGATIVE_INFINITY : piece.at)

/**
 * Pieces by the time at which they came, as far as there is room for them: at most `limit` events, which end before `most` bytes and one. Segments are
 * not packed. Throws where a segment's bytes are no events.
 */
export const eventsOf = (topic: string, reads: ReadonlyArray<One>, limit: number, most: number): Taken => {
  const left = reads.map((one) => ({ ...one, at: 0, from: one.place.offset }))
  const next = new Map<number, Place>(reads.map(({ partition, place }) => [partition, place]))
  const events: Array<Event> = []
  const gaps: Array<Gap & { readonly partition: number; readonly epoch: number }> = []
  let bytes = 0
  let full = false
  while (!full) {
    const rest = left.filter(({ at, read }) => at < read.pieces.length)
    if (rest.length === 0) break
    const one = rest.reduce((a, b) => (timeOf(b.read.pieces[b.at]!) < timeOf(a.read.pieces[a.at]!) ? b : a))
    const { partition, read } = one
    const piece = read.pieces[one.at]!
    if (piece.is === "gap") {
      gaps.push({ ...piece, partition, epoch: read.epoch })
      one.from = piece.to
    } else {
      const skip = Math.max(0, one.from - piece.base)
      walk(piece.bytes, (index, start, end) => {
        if (index < skip || full) return
        if (events.length >= limit || (events.length > 0 && bytes + (end - start) > most)) {
          full = true
          return
        }
        bytes += end - start
        const place = { topic, partition, epoch: read.epoch, offset: piece.base + index }
        events.push({
          ...place,
          id: messageIdText(place),
          at: piece.at,
          message: messageOf(piece.bytes.subarray(start, end))
        })
        one.from = place.offset + 1
      })
    }
    next.set(partition, { epoch: read.epoch, offset: one.from })
    if (!full) one.at++
  }
  if (!full) for (const { partition, read } of reads) next.set(partition, { epoch: read.epoch, offset: read.next })
  return { events, gaps, next, live: !full && reads.every(({ read }) => read.pieces.length === 0) }
}
