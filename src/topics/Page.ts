/** Makes a page of what was read of several partitions. Pure. TK1, TK2, TK6 in Reading.ts */
import type { Matches } from "./Filtered.ts"
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

interface PageGap extends Gap {
  readonly partition: number
  readonly epoch: number
}

/** What a page has until now. */
export interface Page {
  readonly events: Array<Event>
  readonly gaps: Array<PageGap>
  bytes: number
}

export const emptyPage = (): Page => ({ events: [], gaps: [], bytes: 0 })

export interface PageBounds {
  /** Events of a page. */
  readonly limit: number
  /** Bytes, before the last event. */
  readonly most: number
  /** What is to be in it; undefined: everything. */
  readonly looking?: Looking | undefined
}

/** With `left`: the bytes that may still be looked at; it goes down. TK6 */
export interface Looking {
  readonly matches: Matches
  left: number
}

interface Taken {
  /** There is no room for more, or nothing more may be looked at. */
  readonly full: boolean
  readonly next: ReadonlyMap<number, Place>
  readonly live: boolean
}

/** Bytes that looking at an event counts as, besides its own. */
const BESIDE = 64

const timeOf = (piece: Piece): number => (piece.is === "gap" ? Number.NEGATIVE_INFINITY : piece.at)

/**
 * Puts pieces into a page by the time at which they came, as far as there is room for them: at most `limit` events, which end before `most` bytes and
 * one. Segments are not packed. May be left between two events that are looked at. Throws where a segment's bytes are no events.
 */
export function* takeInto(
  page: Page,
  topic: string,
  reads: ReadonlyArray<One>,
  { limit, most, looking }: PageBounds
): Generator<void, Taken> {
  const left = reads.map((one) => ({ ...one, at: 0, from: one.place.offset }))
  const next = new Map<number, Place>(reads.map(({ partition, place }) => [partition, place]))
  let full = false
  while (!full) {
    const rest = left.filter(({ at, read }) => at < read.pieces.length)
    if (rest.length === 0) break
    const one = rest.reduce((a, b) => (timeOf(b.read.pieces[b.at]!) < timeOf(a.read.pieces[a.at]!) ? b : a))
    const { partition, read } = one
    const piece = read.pieces[one.at]!
    if (piece.is === "gap") {
      page.gaps.push({ ...piece, partition, epoch: read.epoch })
      one.from = piece.to
    } else {
      const spans: Array<readonly [number, number]> = []
      walk(piece.bytes, (_, start, end) => spans.push([start, end]))
      for (let index = Math.max(0, one.from - piece.base); index < spans.length; index++) {
        const [start, end] = spans[index]!
        const place = { topic, partition, epoch: read.epoch, offset: piece.base + index }
        const event = piece.bytes.subarray(start, end)
        if (looking !== undefined) {
          full = looking.left <= 0
          if (full) break
          looking.left -= event.length + BESIDE
          yield
        }
        if (looking === undefined || looking.matches(event, piece.at, partition, place.offset)) {
          full = page.events.length >= limit || (page.events.length > 0 && page.bytes + event.length > most)
          if (full) break
          page.bytes += event.length
          page.events.push({ ...place, id: messageIdText(place), at: piece.at, message: messageOf(event) })
        }
        one.from = place.offset + 1
      }
    }
    next.set(partition, { epoch: read.epoch, offset: one.from })
    if (!full) one.at++
  }
  if (!full) for (const { partition, read } of reads) next.set(partition, { epoch: read.epoch, offset: read.next })
  return { full, next, live: !full && reads.every(({ read }) => read.pieces.length === 0) }
}
