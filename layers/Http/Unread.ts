/**
 * Cuts connections whose answers nobody reads, or whose requests come faster than their answers are read.
 *
 *   HS3  An answer has `patience` and a second for each `bytesPerSecond` to be read; then its connection is cut. Reading starts the time again.
 *   HS4  A connection has at most 64 requests under way, and begins none while more than 1 MiB of its answers are unread.
 *   HS5  No more than `maxUnread` bytes wait to be read in all: the connections that have waited longest are cut first.
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

const UNDER_WAY = 64
/** Bytes. */
const BEFORE_NEXT = 1_048_576
const PROGRESS = 262_144

interface Waiting {
  readonly answers: Set<ServerResponse>
  /** Milliseconds of a monotonic clock: since when it waits. */
  since: number
  /** Bytes that the system had taken by then. */
  taken: number
}

/** Answers that wait for those before them have no socket yet. */
const unreadOf = (socket: Socket, { answers }: Waiting): number => {
  let bytes = socket.writableLength
  for (const answer of answers) if (answer.socket === null) bytes += answer.writableLength
  return bytes
}

export class Unread {
  readonly #options: UnreadOptions
  readonly #refuse: Refuse
  readonly #waiting = new Map<Socket, Waiting>()
  #lookedAt = 0

  constructor(options: UnreadOptions, refuse: Refuse) {
    this.#options = options
    this.#refuse = refuse
  }

  /** Whether this request may begin; if not, its connection is cut. HS4 */
  readonly admit = ({ socket }: IncomingMessage, answer: ServerResponse): boolean => {
    if (socket.destroyed) return false
    const now = performance.now()
    let waiting = this.#waiting.get(socket)
    if (waiting === undefined) {
      waiting = { answers: new Set(), since: now, taken: 0 }
      this.#waiting.set(socket, waiting)
      socket.once("close", () => this.#waiting.delete(socket))
    }
    if (waiting.answers.size >= UNDER_WAY) return this.#cut(socket, "pipelined")
    if (unreadOf(socket, waiting) > BEFORE_NEXT) return this.#cut(socket, "unread_of_connection")
    waiting.answers.add(answer)
    answer.once("close", () => waiting.answers.delete(answer))
    if (now - this.#lookedAt >= this.#options.lookEvery) this.look(now)
    return true
  }

  /** Cuts those that waited too long, or for too much. `now`: milliseconds of a monotonic clock. HS3, HS5 */
  look(now: number): void {
    this.#lookedAt = now
    const unread: Array<{ readonly socket: Socket; readonly bytes: number; readonly since: number }> = []
    let all = 0
    for (const [socket, waiting] of this.#waiting) {
      if (socket.destroyed) continue // cut already: its bytes are on their way out
      const bytes = unreadOf(socket, waiting)
      const taken = socket.bytesWritten - socket.writableLength
      if (bytes === 0 || taken - waiting.taken >= PROGRESS) {
        waiting.since = now
        waiting.taken = taken
      }
      if (bytes === 0) continue
      const { patience, bytesPerSecond } = this.#options
      if (now - waiting.since >= patience + (bytes / bytesPerSecond) * 1_000) this.#cut(socket, "unread_time")
      else {
        all += bytes
        unread.push({ socket, bytes, since: waiting.since })
      }
    }
    if (all <= this.#options.maxUnread) return
    for (const { socket, bytes } of unread.sort((a, b) => a.since - b.since)) {
      this.#cut(socket, "unread_in_all")
      all -= bytes
      if (all <= this.#options.maxUnread) return
    }
  }

  #cut(socket: Socket, reason: string): false {
    this.#refuse(reason, socket.remoteAddress)
    socket.destroy()
    return false
  }
}
