/** A topic's log in the memory of a test, a segment for each append. */
import { Effect, Layer } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import { frameOf } from "../../src/topics/Message.ts"
import type { Piece, Segment } from "../../src/topics/Piece.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"

export class FakeLog {
  readonly segments: Array<Array<Segment>>
  readonly firsts: Array<number>
  epoch = 1
  /** What becomes of who asks it anything. */
  sick: "fails" | "hangs" | undefined
  /** Questions how far it goes so far, and topics in them. */
  asked = 0
  askedOf = 0
  /** Reads so far. */
  reads = 0
  readonly #listeners = new Set<() => void>()

  constructor(partitions: number) {
    this.segments = Array.from({ length: partitions }, () => [])
    this.firsts = Array.from({ length: partitions }, () => 0)
  }

  next(partition: number): number {
    const last = this.segments[partition]!.at(-1)
    return last === undefined ? this.firsts[partition]! : last.base + last.count
  }

  /** Another partition. */
  grow(): void {
    this.segments.push([])
    this.firsts.push(0)
  }

  /** `heard`: whether its listeners are. */
  append(partition: number, events: ReadonlyArray<readonly [key: string | null, text: string]>, heard = true): void {
    const messages = events.map(([key, text]) => ({
      ...{ key, payload: new TextEncoder().encode(text), eventTime: null, headers: new Map<string, string>() }
    }))
    const { bytes, hashes, count } = frameOf(messages)
    const base = this.next(partition)
    this.segments[partition]!.push({ is: "segment", base, count, at: 1_000, codec: "none", bytes, hashes })
    if (heard) for (const listener of this.#listeners) listener()
  }

  trim(partition: number, before: number): void {
    this.firsts[partition] = before
    for (const listener of this.#listeners) listener()
  }

  get layer() {
    const bounds = (topic: number) =>
      this.segments.map((_, partition) => ({
        ...{
          topic,
          partition,
          epoch: this.epoch,
          first: this.firsts[partition]!,
          next: this.next(partition),
          bytes: 0
        }
      }))
    return Layer.succeed(
      TopicLog,
      TopicLog.of({
        append: () => Effect.die("nobody appends by it"),
        read: ({ partition }, from) =>
          Effect.suspend(() => {
            this.reads++
            if (this.sick !== undefined) return this.#sickness(this.sick)
            const first = this.firsts[partition]!
            const pieces: Array<Piece> = []
            if (from.epoch !== this.epoch) pieces.push({ is: "gap", from: from.offset, to: 0, why: "epoch" })
            else if (from.offset < first) pieces.push({ is: "gap", from: from.offset, to: first, why: "retention" })
            const start = from.epoch !== this.epoch ? 0 : Math.max(first, from.offset)
            const segment = this.segments[partition]!.find(({ base, count }) => base + count > start)
            if (segment !== undefined) pieces.push(segment)
            const next = segment === undefined ? start : segment.base + segment.count
            return Effect.succeed({ epoch: this.epoch, pieces, next })
          }),
        find: () => Effect.succeed(undefined),
        bounds: (topics) =>
          Effect.suspend(() => {
            this.asked++
            this.askedOf += topics.length
            return this.sick === undefined ? Effect.succeed(topics.flatMap(bounds)) : this.#sickness(this.sick)
          }),
        trim: () => Effect.succeed(undefined),
        hints: (grown) =>
          Effect.sync(() => {
            this.#listeners.add(() => grown(undefined))
          })
      })
    )
  }

  #sickness(sick: "fails" | "hangs") {
    return sick === "hangs" ? Effect.never : failure("DatabaseUnavailable", "the log is away")
  }
}
