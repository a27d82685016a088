/**
 * Follows one partition on this node: what it appended itself comes as it is, everything else is read from the log.
 *
 *   BX17 A hint is never believed: what a ring holds was read, or follows what was read and is known to be in the log.
 *   BX18 While this node's own appends follow each other, nothing of them is read again: a hint waits for `QUIET` after the last of them. What others
 *        append in between does not follow, and is read at once.
 *   BX19 Where the log has a gap, the ring begins anew behind it, and readers find the gap in the log.
 */
import { Clock, Effect, Latch } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { every } from "../telemetry/Every.ts"
import type { PartitionId, Read } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import type { Appended } from "./Appends.ts"
import { Ring } from "./Ring.ts"
import { skipped } from "./Rows.ts"

/** Milliseconds. BX18 */
const QUIET = 50
/** Bytes of one read. */
const BITE = 1_048_576
const AGAIN = "250 millis"

export interface TailOptions {
  readonly id: PartitionId
  readonly log: Log
  readonly epoch: number
  readonly next: number
  /** Bytes of the ring. */
  readonly bound: number
  /** The ring is another one, or there is more in it. */
  readonly follow: (ring: Ring) => void
  readonly wake: () => void
  /** There is no such partition any more. */
  readonly gone: () => void
}

export class Tail {
  readonly #options: TailOptions
  readonly #latch = Latch.makeUnsafe(true)
  ring: Ring
  #bound: number
  /** When it last heard of an append of this node that it took. */
  #heardAt = Number.NEGATIVE_INFINITY
  #wantsRoom = false

  constructor(options: TailOptions) {
    this.#options = options
    const { id, epoch, next, bound } = options
    this.#bound = bound
    this.ring = new Ring(id.partition, epoch, next, bound)
    options.follow(this.ring)
  }

  set bound(bytes: number) {
    this.#bound = this.ring.bound = bytes
  }

  /** There may be more. */
  hint(): void {
    this.#latch.openUnsafe()
  }

  /** It goes up to there. */
  reaches(epoch: number, next: number): void {
    if (epoch !== this.ring.epoch || next > this.ring.next) this.hint()
  }

  /** Something was sent. */
  sent(): void {
    if (this.#wantsRoom && this.ring.hasRoom) this.hint()
  }

  /** This node appended to it. `now`: milliseconds of a clock that only goes forward. BX17 */
  heard(appended: Appended, now: number): void {
    const { ring } = this
    if (appended.epoch === ring.epoch && appended.first + appended.count <= ring.next) return
    if (appended.epoch === ring.epoch && ring.push(appended)) {
      this.#heardAt = now
      this.#options.wake()
    } else {
      this.#heardAt = Number.NEGATIVE_INFINITY
      this.hint()
    }
  }

  /** Reads on until it is interrupted. */
  readonly run = Effect.gen({ self: this }, function* () {
    const clock = yield* Clock.Clock
    const { id, log } = this.#options
    const millis = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
    const step = Effect.gen({ self: this }, function* () {
      yield* this.#latch.await
      for (let left = QUIET; left > 0; ) {
        left = this.#heardAt + QUIET - millis()
        if (left > 0) yield* Effect.sleep(left) // BX18
      }
      this.#latch.closeUnsafe()
      this.#wantsRoom = !this.ring.hasRoom
      if (this.#wantsRoom) return
      const place = { epoch: this.ring.epoch, offset: this.ring.next }
      const read: Effect.Effect<Read | undefined, HeraldError> = log.read(id, place, { maxBytes: BITE, packed: false })
      const found = yield* Effect.tapError(read, () => Effect.sync(() => this.hint()))
      if (found === undefined) return this.#options.gone()
      if (found.pieces.length > 0) this.#took(found)
    })
    return yield* every(
      "a partition of a topic was not read",
      Effect.void,
      Effect.tapError(step, () => Effect.sleep(AGAIN))
    )
  })

  #took({ epoch, pieces }: Read): void {
    const { id, follow, wake } = this.#options
    for (const piece of pieces) {
      if (piece.is === "gap" || epoch !== this.ring.epoch) {
        const next = piece.is === "gap" ? piece.to : piece.base
        this.ring = new Ring(id.partition, epoch, next, this.#bound) // BX19
        follow(this.ring)
      }
      if (piece.is === "gap") continue
      const { base, count, at, bytes } = piece
      const skip = this.ring.next - base
      if (skip < 0 || skip >= count) continue
      const rows = skip === 0 ? bytes : bytes.subarray(skipped(bytes, skip))
      if (!this.ring.push({ first: base + skip, count: count - skip, rows, at })) this.#wantsRoom = true
    }
    this.hint()
    wake()
  }
}
