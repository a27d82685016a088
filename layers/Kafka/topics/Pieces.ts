/** Makes what Kafka has of a partition into what a log is read as. Pure. */
import { frameOf, type Message } from "../../../src/topics/Message.ts"
import type { GapReason, Piece } from "../../../src/topics/Piece.ts"
import type { Batch } from "./RecordBatch.ts"
import { messageOfRecord } from "./Records.ts"

interface Pieces {
  readonly pieces: ReadonlyArray<Piece>
  readonly next: number
  /** Bytes and number of the events, as they are given. */
  readonly bytes: number
  readonly events: number
}

/** From an offset on, until so many bytes are reached; one segment at least, where there is any. */
export const piecesOf = (batches: ReadonlyArray<Batch>, from: number, maxBytes: number): Pieces => {
  const pieces: Array<Piece> = []
  let next = from
  let [bytes, events, at] = [0, 0, 0]
  const gap = (to: number, why: GapReason) => {
    if (to <= next) return
    const last = pieces.at(-1)
    if (last?.is === "gap" && last.why === why) pieces[pieces.length - 1] = { ...last, to }
    else pieces.push({ is: "gap", from: next, to, why })
    next = to
  }
  const segment = (base: number, messages: ReadonlyArray<Message>) => {
    if (messages.length === 0 || base + messages.length <= next) return
    gap(base, "empty")
    const { count, bytes: its, hashes } = frameOf(messages)
    pieces.push({ is: "segment", base, count, at, codec: "none", bytes: its, hashes })
    next = base + count
    bytes += its.length
    events += count
  }
  for (const batch of batches) {
    const end = batch.base + batch.count
    if (end <= next) continue
    if (bytes > 0 && bytes >= maxBytes) break
    if (batch.records === undefined) {
      gap(Math.max(next, batch.base), "empty")
      gap(end, "corrupt")
      continue
    }
    at = Math.max(at, batch.at)
    let base = -1
    let run: Array<Message> = []
    for (const record of batch.records) {
      if (base >= 0 && record.offset !== base + run.length) {
        segment(base, run)
        base = -1
        run = []
      }
      if (base < 0) base = record.offset
      run.push(messageOfRecord(record))
    }
    segment(base, run)
    gap(end, "empty")
  }
  return { pieces, next, bytes, events }
}
