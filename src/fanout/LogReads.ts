/**
 * Reads the log for readers that are not live.
 *
 *   BX21 However many are behind, so many reads of a log are under way at once, whatever others do; topics take turns, and no topic has all of them. Who
 *        asked first of its topic is answered first. A reader has one at most. One that fails is asked for again later, and takes nobody's turn meanwhile;
 *        so is one whose answer couldn't be given: nobody waits for ever.
 *   BX32 What is read of a log is sent in batches of at most `BITE` bytes, if they are more than one event and not packed, however large what was
 *        appended at once is: clients take no message of any size.
 *   BX22 What was read of late is kept for others who come through there, and for who takes a part of it at a time, within a bound of bytes, and
 *        as long as the log has it. What is being read is not read a second time meanwhile: whoever asks for it is answered with it.
 *   BX43 While nobody else waits, what comes behind what was asked for is read ahead, up to a bite and to where the ring begins.
 */
import { Cause, Effect, Exit, FiberSet, type Scope } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { saidOf } from "../telemetry/Every.ts"
import type { Place } from "../topics/MessageId.ts"
import type { Read } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { FairQueue } from "../work/FairQueue.ts"
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

const ANY = Number.POSITIVE_INFINITY
const BOUNDS = { atOnce: READING - 1, jobs: ANY, bytes: ANY, allJobs: ANY, allBytes: ANY }

/** What is read of one log. Who waits is bounded by who may read. */
class Desk {
  readonly waiting = new FairQueue<Asked>(BOUNDS)
  free = READING
  ahead = 0
}

export const makeLogReads = Effect.fnUntraced(function* (
  logs: ReadonlyArray<Log>,
  gone: (hall: Hall) => void
): Effect.fn.Return<{ readonly ask: (asked: Asked) => void }, never, Scope.Scope> {
  const fork = yield* FiberSet.makeRuntime<never>()
  const desks = new Map(logs.map((log) => [log, new Desk()]))
  /** One that was sent on has its bytes twice: as it is, and as it was sent. */
  const kept = new Weighed<Batch>(({ bytes, compressed }) => (compressed === undefined ? 1 : 2) * bytes + 256)
  /** By what is being read: who asked for it since. */
  const underWay = new Map<string, Array<Asked>>()

  const idOf = ({ hall, partition, packed }: Asked, { epoch, offset }: Place) =>
    `${hall.topic.id}/${partition}/${epoch}/${offset}/${packed}`

  /** What is kept from there on without a hole, up to a bite; `next`: where it ends. BX22 */
  const knownFrom = (asked: Asked, { epoch, offset }: Place) => {
    const { hall, partition } = asked
    const pieces: Array<Batch> = []
    let [next, bytes] = [offset, 0]
    while (bytes < BITE && hall.has(partition, { epoch, offset: next })) {
      const piece = kept.use(idOf(asked, { epoch, offset: next }))
      if (piece === undefined || piece.next <= next) break
      pieces.push(piece)
      bytes += piece.bytes
      next = piece.next
    }
    return { answer: { epoch, pieces }, next: { epoch, offset: next }, isWhole: bytes >= BITE }
  }

  /** Each by where it begins, but for the one that what was asked for is in. */
  const keep = (asked: Asked, from: Place, { epoch, pieces }: Answer): void => {
    if (epoch !== from.epoch || pieces.some((piece) => piece.kind === "gap")) return
    for (const piece of pieces)
      if (piece.kind === "batch" && piece.next > from.offset)
        kept.set(idOf(asked, { epoch, offset: Math.max(from.offset, piece.first) }), piece)
    kept.trim(KEPT)
  }

  /** BX21 */
  const later = ({ hall, reader }: Asked): void => {
    fork(
      Effect.delay(
        Effect.sync(() => hall.broadcast.failed(reader)),
        AGAIN
      )
    )
  }

  const give = (asked: Asked, answer: Answer) =>
    Effect.suspend(() => {
      const { hall, reader, partition } = asked
      if (reader.stage !== "reading") return Effect.void
      return lookingSlices.through(() => hall.broadcast.answer(reader, partition, answer))
    }).pipe(Effect.onError(() => Effect.sync(() => later(asked))))

  /** Reads from there, and answers those who wait for that: `first`, and whoever asks meanwhile. */
  const load = Effect.fnUntraced(function* (asked: Asked, from: Place, first: ReadonlyArray<Asked>) {
    const { hall, partition, packed } = asked
    const id = idOf(asked, from)
    const others: Array<Asked> = [...first]
    underWay.set(id, others)
    const found = yield* Effect.exit(
      Effect.map(hall.log.read({ topic: hall.topic.id, partition }, from, { maxBytes: BITE, packed }), (read) => {
        const answer = read && answerOf(partition, read)
        if (answer !== undefined) keep(asked, from, answer)
        return answer
      })
    )
    underWay.delete(id)
    if (Exit.isFailure(found)) {
      others.forEach(later)
      return yield* Effect.failCause(found.cause)
    }
    const answer = found.value
    if (answer === undefined) return gone(hall)
    let failed: Cause.Cause<never> | undefined
    for (const one of others) {
      const given = yield* Effect.exit(give(one, answer))
      if (Exit.isFailure(given)) failed ??= given.cause
    }
    if (failed !== undefined) return yield* Effect.failCause(failed)
  })

  const read = Effect.fnUntraced(function* (asked: Asked) {
    const { reader, from } = asked
    if (reader.stage !== "reading") return
    const { answer } = knownFrom(asked, from)
    if (answer.pieces.length > 0) return yield* give(asked, answer)
    const others = underWay.get(idOf(asked, from))
    if (others === undefined) yield* load(asked, from, [asked])
    else others.push(asked)
  })

  /** BX43 */
  const readAhead = Effect.fnUntraced(function* (asked: Asked, desk: Desk) {
    const { hall, reader, partition, from } = asked
    if (desk.waiting.size > 0 || desk.ahead >= AHEAD || reader.stage === "over" || reader.stage === "live") return
    const { answer, next, isWhole } = knownFrom(asked, from)
    const ring = hall.broadcast.ring(partition)
    const isInRing = ring === undefined || ring.epoch !== next.epoch || next.offset >= ring.first
    if (isWhole || isInRing || answer.pieces.length === 0 || underWay.has(idOf(asked, next))) return
    desk.ahead++
    yield* Effect.ensuring(
      load(asked, next, []),
      Effect.sync(() => desk.ahead--)
    )
  })

  const told = (work: Effect.Effect<void, HeraldError>) =>
    Effect.catchCause(work, (cause) => {
      const failed = Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)
      if (failed !== undefined) return Effect.logDebug("the log was not read for a reader", saidOf(failed.error))
      return Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("the log was not read for a reader", cause)
    })

  const next = (desk: Desk): void => {
    while (desk.free > 0) {
      const taken = desk.waiting.take()
      if (taken === undefined) return
      desk.free--
      const { owner, item } = taken
      fork(
        Effect.ensuring(
          // Not in the middle of what asks.
          Effect.yieldNow.pipe(
            Effect.andThen(told(read(item))),
            Effect.andThen(told(Effect.suspend(() => readAhead(item, desk))))
          ),
          Effect.sync(() => {
            desk.free++
            desk.waiting.done(owner)
            next(desk)
          })
        )
      )
    }
  }

  return {
    ask: (asked) => {
      const desk = desks.get(asked.hall.log)!
      desk.waiting.offer(String(asked.hall.topic.id), 0, asked)
      next(desk)
    }
  }
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
    // A copy of a part: whoever keeps that doesn't keep all of it.
    const row = parts.length === 0 && whole ? rest : rest.slice(0, end)
    parts.push({ first, count: events, next: first + events, rows: [row] })
    rest = rest.subarray(end)
    first += events
  }
  return parts
}
