/**
 * Reads the log for readers that are not live.
 *
 *   BX21 However many are behind, so many reads of a log are under way at once, whatever others do; who asked first is answered first. A reader has one at
 *        most.
 *   BX32 What is read of a log is sent in batches of at most `BITE` bytes, if they are more than one event and not packed, however large what was
 *        appended at once is: clients take no message of any size.
 *   BX22 What was read of late is kept for others who come through there, and for who takes a part of it at a time, within a bound of bytes. What is being
 *        read is not read a second time meanwhile.
 *   BX43 While nobody else waits, what comes behind what was asked for is read ahead, up to a bite and to where the ring begins.
 */
import { Deferred, Effect, Queue, type Scope } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
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
/** Of those reads, at most so many ahead of who asks. BX43 */
const AHEAD = 2
/** Before a reader whose read failed has its turn again. */
const AGAIN = "250 millis"

export interface Asked {
  readonly hall: Hall
  readonly reader: Reader
  readonly partition: number
  readonly from: Place
  readonly packed: boolean
}

export const makeLogReads = Effect.fnUntraced(function* (
  logs: ReadonlyArray<Log>,
  gone: (hall: Hall) => void
): Effect.fn.Return<{ readonly ask: (asked: Asked) => void }, never, Scope.Scope> {
  const queues = new Map<Log, Queue.Queue<Asked>>()
  const kept = new Weighed<Batch>(({ bytes }) => bytes + 256)
  const underWay = new Map<string, Deferred.Deferred<Answer | undefined, HeraldError>>()
  let ahead = 0

  const idOf = ({ hall, partition, packed }: Asked, { epoch, offset }: Place) =>
    `${hall.topic.id}/${partition}/${epoch}/${offset}/${packed}`

  /** What is kept from there on without a hole, up to a bite; `next`: where it ends. BX22 */
  const knownFrom = (asked: Asked, { epoch, offset }: Place) => {
    const pieces: Array<Batch> = []
    let [next, bytes] = [offset, 0]
    while (bytes < BITE) {
      const piece = kept.use(idOf(asked, { epoch, offset: next }))
      if (piece === undefined) break
      pieces.push(piece)
      bytes += piece.bytes
      next = piece.next
    }
    return { answer: { epoch, pieces }, next: { epoch, offset: next }, isWhole: bytes >= BITE }
  }

  const keep = (asked: Asked, from: Place, { epoch, pieces }: Answer): void => {
    if (epoch !== from.epoch || !pieces.every((piece) => piece.kind === "batch")) return
    for (const [index, piece] of pieces.entries())
      kept.set(idOf(asked, { epoch, offset: index === 0 ? from.offset : piece.first }), piece)
    kept.trim(KEPT)
  }

  /** Undefined: there is no such partition any more. */
  const load = (asked: Asked, from: Place): Effect.Effect<Answer | undefined, HeraldError> =>
    Effect.suspend(() => {
      const id = idOf(asked, from)
      const other = underWay.get(id)
      if (other !== undefined) return Deferred.await(other)
      const { hall, partition, packed } = asked
      const its = Deferred.makeUnsafe<Answer | undefined, HeraldError>()
      underWay.set(id, its)
      return hall.log.read({ topic: hall.topic.id, partition }, from, { maxBytes: BITE, packed }).pipe(
        Effect.map((found) => found && answerOf(partition, found)),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            underWay.delete(id)
            if (exit._tag === "Success" && exit.value !== undefined) keep(asked, from, exit.value)
            Deferred.doneUnsafe(its, exit)
          })
        )
      )
    })

  const read = Effect.fnUntraced(function* (asked: Asked) {
    const { hall, reader, partition, from } = asked
    if (reader.stage !== "reading") return
    const known = knownFrom(asked, from)
    const answer = known.answer.pieces.length > 0 ? known.answer : yield* load(asked, from)
    if (answer === undefined) return gone(hall)
    yield* lookingSlices.through(() => hall.broadcast.answer(reader, partition, answer))
  })

  /** BX43 */
  const readAhead = Effect.fnUntraced(function* (asked: Asked) {
    const { hall, reader, partition, from } = asked
    if (ahead >= AHEAD || reader.stage === "over" || reader.stage === "live") return
    const { answer, next, isWhole } = knownFrom(asked, from)
    const ring = hall.broadcast.ring(partition)
    const isInRing = ring === undefined || ring.epoch !== next.epoch || next.offset >= ring.first
    if (isWhole || isInRing || answer.pieces.length === 0 || underWay.has(idOf(asked, next))) return
    ahead++
    yield* Effect.ensuring(
      load(asked, next),
      Effect.sync(() => ahead--)
    )
  }, Effect.ignore)

  const next = (queue: Queue.Queue<Asked>) =>
    Effect.flatMap(Queue.take(queue), (asked) =>
      Effect.onExit(read(asked), (exit) =>
        exit._tag === "Success"
          ? Effect.void
          : Effect.andThen(
              Effect.sleep(AGAIN),
              Effect.sync(() => asked.hall.broadcast.failed(asked.reader))
            )
      ).pipe(
        Effect.catch((error) => Effect.logDebug("the log was not read for a reader", error)),
        Effect.andThen(Effect.suspend(() => (Queue.sizeUnsafe(queue) === 0 ? readAhead(asked) : Effect.void)))
      )
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
