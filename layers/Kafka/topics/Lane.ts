/**
 * Writes what waits for one partition, round after round.
 *
 *   KP3  One round is under way at a time. One whose answer was lost is sent again as it was, and Kafka takes it once; nothing new is sent after a
 *        batch's deadline. When all of a round have given up on it, the writer fences itself before it goes on: what was not taken by then
 *        never will be.
 *   KP4  What Kafka does not take fails alone.
 */
import { Clock, Effect, Semaphore } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { messagesOf } from "../../../src/topics/Frames.ts"
import type { LogState } from "../../../src/topics/LogState.ts"
import type { PartitionId } from "../../../src/topics/Piece.ts"
import { type Brokers, isRefused } from "./Brokers.ts"
import { produceInto } from "./ById.ts"
import { enlist, fence, transactionalId } from "./Fencing.ts"
import { gather } from "./Gathering.ts"
import { Holding } from "./Holding.ts"
import { codes, type Stored } from "./Protocol.ts"
import { encodeBatch } from "./RecordBatch.ts"
import { recordOf, saysOwn } from "./Records.ts"
import { type Sealer, sealed } from "./Sealing.ts"
import type { Identity } from "./Transactions.ts"
import { away, end, giveUp, never, tooLate, type Waiting } from "./Waiting.ts"

const AGAIN = "100 millis"
const SEQUENCES = 2 ** 31

export interface LaneOptions {
  readonly brokers: Brokers
  readonly state: LogState["Service"]
  readonly id: PartitionId
  /** A name of this run of the node. */
  readonly run: string
  /** Gives numbers to the identities of this run. */
  readonly number: () => number
  /** Called with what is there now. */
  readonly placed: (placed: { readonly next: number; readonly bytes: number; readonly count: number }) => void
  /** Undefined: there is no such partition (any more). */
  readonly about: Effect.Effect<About | undefined, HeraldError>
}

export interface About {
  /** Its name in Kafka, and its id there. */
  readonly topic: string
  readonly madeAs: string | undefined
  readonly packed: boolean
  readonly sealer: Sealer
  /** Of the partition's history. */
  readonly epoch: number
}

/** Kafka does not know this writer's identity, or not as it is. */
const DISOWNED: ReadonlyArray<number> = [
  codes.INVALID_PRODUCER_EPOCH,
  codes.PRODUCER_FENCED,
  codes.OUT_OF_ORDER_SEQUENCE,
  codes.DUPLICATE_SEQUENCE,
  codes.UNKNOWN_PRODUCER_ID,
  codes.INVALID_PRODUCER_ID_MAPPING,
  codes.INVALID_TXN_STATE
]
/** It is the batch, or what this user may do. */
const REFUSED: ReadonlyArray<number> = [
  codes.MESSAGE_TOO_LARGE,
  codes.RECORD_LIST_TOO_LARGE,
  codes.INVALID_RECORD,
  codes.INVALID_TOPIC,
  codes.TOPIC_AUTHORIZATION_FAILED,
  codes.CLUSTER_AUTHORIZATION_FAILED,
  codes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
]

interface Begun {
  readonly about: About
  readonly identity: Identity
  readonly holding: Holding
  sequence: number
}

export class Lane {
  readonly #of: LaneOptions
  readonly #queue: Array<Waiting> = []
  readonly #gate = Semaphore.makeUnsafe(1)
  #begun: Begun | undefined
  /** An older identity may have something under way. */
  #unsettled = false
  running = false

  constructor(of: LaneOptions) {
    this.#of = of
  }

  add(one: Waiting): void {
    this.#queue.push(one)
  }

  /** Nothing is under way, or to be noted. */
  get idle(): boolean {
    return !this.running && !this.#unsettled && [...(this.holding?.holds.values() ?? [])].every(({ dirty }) => !dirty)
  }

  get holding(): Holding | undefined {
    return this.#begun?.holding
  }

  /** Until nobody waits. */
  get drain(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      while (this.#queue.length > 0) yield* this.#gate.withPermits(1)(this.#round)
      this.running = false
    })
  }

  /** Takes a producer over, so that nothing of an older epoch is under way; returns its newest sequence. Fails as `Holding.acquire`. */
  take(producer: string): Effect.Effect<number | undefined, HeraldError> {
    return this.#gate.withPermits(1)(
      Effect.gen({ self: this }, function* () {
        const writer = yield* this.#begin
        return writer && (yield* writer.holding.acquire(producer))?.known.sequence
      })
    )
  }

  #lose(): void {
    this.#unsettled = true
    this.#begun = undefined
  }

  /** KP3. Undefined: there is no such partition. */
  get #begin(): Effect.Effect<Begun | undefined, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const { brokers, state, id, run, number } = this.#of
      const about = yield* this.#of.about
      if (about === undefined) return undefined
      if (this.#begun !== undefined) {
        this.#begun = { ...this.#begun, about }
        return this.#begun
      }
      const name = transactionalId(run, id)
      const { topic } = about
      const identity = yield* Effect.tryPromise({
        try: () => (this.#unsettled ? fence(brokers, name, topic, id.partition) : enlist(brokers, name)),
        catch: away
      })
      const holding = new Holding({ brokers, state, id, topic, sealer: about.sealer }, `${run}#${number()}`)
      this.#unsettled = false
      this.#begun = { about, identity, holding, sequence: 0 }
      return this.#begun
    })
  }

  /** Without those who left, and those whose time is over. */
  #clear(now: bigint): void {
    for (const one of this.#queue) if (!one.left && !one.sent && now >= one.until) end(one, Effect.fail(never(tooLate)))
    const waiting = this.#queue.filter(({ left }) => !left)
    this.#queue.splice(0, this.#queue.length, ...waiting)
  }

  get #round(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const clock = yield* Clock.Clock
      this.#clear(clock.monotonicTimeNanosUnsafe())
      if (this.#queue.length === 0) return
      const begun = yield* Effect.result(this.#begin)
      if (begun._tag === "Failure") {
        if (!begun.failure.refused) return yield* Effect.sleep(AGAIN)
        return giveUp(this.#queue.splice(0), begun.failure) // KM3
      }
      const writer = begun.success
      if (writer === undefined) {
        for (const one of this.#queue.splice(0)) end(one, Effect.succeed({ is: "gone" }))
        return
      }
      const batches = yield* gather(this.#queue, writer.holding, writer.about.epoch)
      if (batches.length > 0) yield* this.#send(writer, batches)
    })
  }

  #send(writer: Begun, batches: ReadonlyArray<Waiting>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { brokers, id } = this.#of
      const { topic, madeAs, packed, sealer } = writer.about
      const clock = yield* Clock.Clock
      const records = batches.flatMap(({ events, producing }) =>
        messagesOf(events.bytes).map((message, at) =>
          recordOf(message, producing && { ...producing, sequence: producing.sequence + at })
        )
      )
      const now = clock.currentTimeMillisUnsafe()
      const written = records.some(saysOwn) ? sealed(records, sealer) : records // KS1
      const bytes = encodeBatch(written, { ...writer.identity, sequence: writer.sequence }, packed, now)
      /** Its answer was lost, so it may be there. */
      let lost = false
      for (;;) {
        if (batches.every(({ left }) => left)) return this.#lose() // KP3
        let out = false
        const answer = yield* Effect.result(
          Effect.tryPromise({
            try: () =>
              brokers.tell(topic, id.partition, produceInto({ topic, id: madeAs }, id.partition, bytes, 3_000), () => {
                out = true
              }),
            catch: (cause) => cause
          })
        )
        if (answer._tag === "Success") return this.#placed(writer, batches, answer.success, bytes.length, now)
        const cause = answer.failure
        const code = isRefused(cause) ? cause.code : undefined
        if (
          code === undefined ? out : code === codes.REQUEST_TIMED_OUT || code === codes.NOT_ENOUGH_REPLICAS_AFTER_APPEND
        )
          lost = true
        if (code !== undefined && DISOWNED.includes(code)) {
          this.#lose()
          return this.#putBack(batches, lost, away(cause))
        }
        if (code !== undefined && REFUSED.includes(code) && !lost) return this.#refuse(batches, cause as Error)
        if (code === codes.UNKNOWN_TOPIC_ID && !lost) {
          this.#putBack(batches, lost, away(cause)) // KM5: whose it is has to be known first
          return yield* Effect.sleep(AGAIN)
        }
        if (code === codes.UNKNOWN_TOPIC_OR_PARTITION && !lost && (yield* this.#isGone)) {
          for (const one of batches) end(one, Effect.succeed({ is: "gone" }))
          return
        }
        yield* Effect.sleep(AGAIN)
      }
    })
  }

  get #isGone(): Effect.Effect<boolean> {
    const { state, id } = this.#of
    return Effect.match(state.topics([id.topic]), {
      onFailure: () => false,
      onSuccess: (topics) => id.partition >= (topics.get(id.topic)?.partitions ?? 0)
    })
  }

  /** In front of what waits, to be judged again; what may be there and can't be told from what is new is told so. */
  #putBack(batches: ReadonlyArray<Waiting>, lost: boolean, error: HeraldError): void {
    const again = batches.filter((one) => !one.left && (!lost || one.producing !== undefined))
    giveUp(
      batches.filter((one) => !again.includes(one)),
      error
    )
    if (!lost) for (const one of again) one.sent = false
    this.#queue.unshift(...again)
  }

  /** KP4 */
  #refuse(batches: ReadonlyArray<Waiting>, cause: Error): void {
    for (const one of batches) one.sent = false
    const [only] = batches
    if (batches.length === 1 && only !== undefined) {
      const error = never(failure("TopicLogRefused", cause.message, { cause }))
      if (!only.left) end(only, Effect.fail(error))
      return
    }
    for (const one of batches) one.alone = true
    this.#queue.unshift(...batches)
  }

  #placed(writer: Begun, batches: ReadonlyArray<Waiting>, { base, at }: Stored, size: number, now: number): void {
    const came = at < 0 ? now : at // the topic's times are not the broker's any more
    let offset = base
    for (const one of batches) {
      const { count } = one.events
      const { producing } = one
      if (producing !== undefined) writer.holding.placed(producing.producer, producing.sequence, count, offset)
      end(
        one,
        Effect.succeed({
          is: "placed",
          epoch: writer.about.epoch,
          placed: [...one.there, { offset, count, duplicate: false }],
          at: came
        })
      )
      offset += count
    }
    if (this.#begun?.identity === writer.identity) this.#begun.sequence = (writer.sequence + offset - base) % SEQUENCES
    this.#of.placed({ next: offset, bytes: size, count: offset - base })
  }
}
