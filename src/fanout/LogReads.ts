/**
 * Reads the log for readers that are not live.
 *
 *   BX21 However many are behind, so many reads of a log are under way at once, whatever others do; who asked first is answered first. A reader has one at
 *        most.
 *   BX32 What is read of a log is sent in batches of at most `BITE` bytes, if they are more than one event and not packed, however large what was
 *        appended at once is: clients take no message of any size.
 *   BX22 What was read of late is kept for others who come through there, within a bound of bytes.
 */
import { Effect, Queue, type Scope } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { always } from "../telemetry/Every.ts"
import type { Place } from "../topics/MessageId.ts"
import type { Read } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { lookingSlices } from "../work/Slices.ts"
import { Batch, type Gap } from "./Batch.ts"
import type { Answer } from "./CatchingUp.ts"
import type { Hall } from "./Hall.ts"
import type { Reader } from "./Reader.ts"
import { fitting } from "./Rows.ts"

/** BX21 */
const READING = 4
/** Bytes of one read. */
const BITE = 262_144
/** Bytes. BX22 */
const KEPT = 33_554_432
/** Before a reader whose read failed has its turn again. */
const AGAIN = "250 millis"

export interface Asked {
  readonly hall: Hall
  readonly reader: Reader
  readonly partition: number
  readonly from: Place
  readonly packed: boolean
}

interface Kept {
  readonly answer: Answer
  readonly bytes: number
}

export const makeLogReads = Effect.fnUntraced(function* (
  logs: ReadonlyArray<Log>,
  gone: (hall: Hall) => void
): Effect.fn.Return<{ readonly ask: (asked: Asked) => void }, never, Scope.Scope> {
  const queues = new Map<Log, Queue.Queue<Asked>>()
  const kept = new Weighed<Kept>(({ bytes }) => bytes)

  const read = Effect.fnUntraced(function* ({ hall, reader, partition, from, packed }: Asked) {
    if (reader.stage !== "reading") return
    const id = `${hall.topic.id}/${partition}/${from.epoch}/${from.offset}/${packed}`
    const known = kept.use(id)
    const give = (answer: Answer) => lookingSlices.through(() => hall.broadcast.answer(reader, partition, answer))
    if (known !== undefined) return yield* give(known.answer)
    const found = yield* hall.log.read({ topic: hall.topic.id, partition }, from, { maxBytes: BITE, packed })
    if (found === undefined) return gone(hall)
    const answer = answerOf(partition, found)
    if (answer.pieces.length > 0 && answer.pieces.every(({ kind }) => kind === "batch")) {
      const bytes = answer.pieces.reduce((sum, piece) => sum + (piece.kind === "batch" ? piece.bytes : 0), 256)
      kept.set(id, { answer, bytes })
      kept.trim(KEPT) // BX22
    }
    yield* give(answer)
  })

  const next = (queue: Queue.Queue<Asked>) =>
    Effect.flatMap(Queue.take(queue), (asked) =>
      Effect.onExit(read(asked), (exit) =>
        exit._tag === "Success"
          ? Effect.void
          : Effect.andThen(
              Effect.sleep(AGAIN),
              Effect.sync(() => asked.hall.broadcast.failed(asked.reader))
            )
      ).pipe(Effect.catch((error) => Effect.logDebug("the log was not read for a reader", error)))
    )
  for (const log of logs) {
    const queue = yield* Queue.unbounded<Asked>()
    queues.set(log, queue)
    for (let n = 0; n < READING; n++) yield* Effect.forkScoped(always("the log was not read for a reader", next(queue)))
  }
  return { ask: (asked) => void Queue.offerUnsafe(queues.get(asked.hall.log)!, asked) }
})

const answerOf = (partition: number, { epoch, pieces }: Read): Answer => ({
  epoch,
  pieces: pieces.flatMap((piece): ReadonlyArray<Batch | Gap> => {
    if (piece.is === "gap") {
      const { from, to, why } = piece
      return [{ kind: "gap", partition, epoch, from, to, why }]
    }
    const { base, count, at, codec, bytes } = piece
    const both = { partition, epoch, at }
    if (codec === "none") return cut(bytes, base, count).map((rows) => new Batch({ ...both, ...rows }))
    return [new Batch({ ...both, first: base, count, next: base + count, rows: [], compressed: bytes })]
  })
})

/** BX32 */
const cut = (bytes: Uint8Array, base: number, count: number) => {
  const parts: Array<Pick<Batch, "first" | "count" | "next" | "rows">> = []
  for (let [rest, first] = [bytes, base]; first < base + count; ) {
    const whole = rest.length <= BITE
    const [events, end] = whole ? [base + count - first, rest.length] : fitting(rest, BITE)
    parts.push({ first, count: events, next: first + events, rows: [rest.subarray(0, end)] })
    rest = rest.subarray(end)
    first += events
  }
  return parts
}
