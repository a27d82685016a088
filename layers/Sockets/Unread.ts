/**
 * Cuts readers who don't read their answers, or who ask faster than they read. A reader is a connection of HTTP/1.1, or a stream of HTTP/2.
 *
 *   HS3  An answer has `patience` and a second for each `bytesPerSecond` of its connection to be read; then its reader is cut. Reading starts
 *        the time again.
 *   HS4  A connection has at most 64 requests under way (100 of HTTP/2), and begins none while more than 1 MiB (8 MiB of HTTP/2) of its answers
 *        are unread.
 *   HS5  No more than `maxUnread` bytes wait in all, to be read by clients, or by us: those go first that hold the most for the longest. What is not whole
 *        yet waits, too, since it began.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Refuse } from "../../src/access/Refusals.ts"

export interface UnreadOptions {
  /** Milliseconds that an answer may wait to be read, besides the time for its bytes. HS3 */
  readonly patience: number
  /** Bytes that may wait to be read, of all connections. HS5 */
  readonly maxUnread: number
  /** Bytes a second of the slowest reader that is waited for. HS3 */
  readonly bytesPerSecond: number
  /** Milliseconds between two looks. */
  readonly lookEvery: number
}

/** Who answers are for. Everything is in bytes. */
export interface Reader {
  /** Of answers that were not read. */
  readonly unread: () => number
  /** What has to be read before its own answer is. */
  readonly ahead: () => number
  /** Of requests that we did not read yet. */
  readonly kept: () => number
  /** Messages of it that came whole, where `kept` is of one that did not. Left out: what is kept has not waited. HS5 */
  readonly heard?: () => number
  /** What it has read so far. */
  readonly taken: () => number
  /** False: it is gone already. HS3 cuts as little as it may, HS5 what gives the memory back for sure. */
  readonly cut: (reason: "unread_time" | "unread_in_all") => boolean
}

const UNDER_WAY = 64
const BEFORE_NEXT = 1_048_576
const PROGRESS = 262_144

interface Waiting {
  /** Milliseconds of a monotonic clock: since when it waits. */
  since: number
  /** Bytes that it had taken by then. */
  taken: number
  /** Messages that had come whole by then. */
  heard: number
}

/** Milliseconds that weigh as much as the bytes alone, of who holds them since this moment. HS5 */
const AT_ONCE = 1_000

/** A connection of HTTP/1.1: the answers of its requests go out one after another. */
class Pipeline implements Reader {
  readonly answers = new Set<ServerResponse>()
  readonly #socket: Socket
  readonly #refuse: Refuse

  constructor(socket: Socket, refuse: Refuse) {
    this.#socket = socket
    this.#refuse = refuse
  }

  /** Answers that wait for those before them have no socket yet. */
  readonly unread = (): number => {
    if (this.#socket.destroyed) return 0 // its bytes are on their way out
    let bytes = this.#socket.writableLength
    for (const answer of this.answers) if (answer.socket === null) bytes += answer.writableLength
    return bytes
  }
  readonly ahead = this.unread
  readonly kept = () => 0 // no more than the parser's last read
  readonly taken = () => this.#socket.bytesWritten - this.#socket.writableLength

  readonly cut = (reason: string): boolean => {
    if (this.#socket.destroyed) return false
    this.#refuse(reason, this.#socket.remoteAddress)
    this.#socket.destroy()
    return true
  }
}

export class Unread {
  readonly #options: UnreadOptions
  readonly #refuse: Refuse
  readonly #waiting = new Map<Reader, Waiting>()
  readonly #pipelines = new WeakMap<Socket, Pipeline>()
  #lookedAt = 0

  constructor(options: UnreadOptions, refuse: Refuse) {
    this.#options = options
    this.#refuse = refuse
  }

  add(reader: Reader): void {
    this.#waiting.set(reader, { since: performance.now(), taken: reader.taken(), heard: reader.heard?.() ?? 0 })
  }

  remove(reader: Reader): void {
    this.#waiting.delete(reader)
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Looks if it is time to: a flood of requests keeps timers from running. */
  readonly lookInTime = (now: number): void => {
    if (now - this.#lookedAt >= this.#options.lookEvery) this.look(now)
  }

  /** Whether this request of HTTP/1.1 may begin; if not, its connection is cut. HS4 */
  readonly admit = ({ socket }: IncomingMessage, answer: ServerResponse): boolean => {
    if (socket.destroyed) return false
    let pipeline = this.#pipelines.get(socket)
    if (pipeline === undefined) {
      const added = new Pipeline(socket, this.#refuse)
      pipeline = added
      this.#pipelines.set(socket, added)
      this.add(added)
      socket.once("close", () => this.remove(added))
    }
    const { answers } = pipeline
    if (answers.size >= UNDER_WAY) return !pipeline.cut("pipelined")
    if (pipeline.unread() > BEFORE_NEXT) return !pipeline.cut("unread_of_connection")
    answers.add(answer)
    answer.once("close", () => answers.delete(answer))
    this.lookInTime(performance.now())
    return true
  }

  /** Cuts those that waited too long, or for too much. `now`: milliseconds of a monotonic clock. HS3, HS5 */
  look(now: number): void {
    this.#lookedAt = now
    const { patience, bytesPerSecond, maxUnread } = this.#options
    const held: Array<{ readonly reader: Reader; readonly bytes: number; readonly weight: number }> = []
    let all = 0
    for (const [reader, waiting] of this.#waiting) {
      const bytes = reader.unread()
      const taken = reader.taken()
      const kept = reader.kept()
      const heard = reader.heard?.()
      const unfinished = kept > 0 && heard === waiting.heard
      if ((bytes === 0 && !unfinished) || taken - waiting.taken >= PROGRESS) {
        waiting.since = now
        waiting.taken = taken
        waiting.heard = heard ?? 0
      }
      const whole = bytes + kept
      if (whole === 0) continue
      if (bytes > 0 && now - waiting.since >= patience + (reader.ahead() / bytesPerSecond) * 1_000) {
        reader.cut("unread_time")
        waiting.since = now
      }
      all += whole
      held.push({ reader, bytes: whole, weight: whole * (now - waiting.since + AT_ONCE) })
    }
    if (all <= maxUnread) return
    for (const { reader, bytes } of held.sort((a, b) => b.weight - a.weight)) {
      reader.cut("unread_in_all")
      all -= bytes
      if (all <= maxUnread) return
    }
  }
}
