/**
 * A WebSocket of `/v1/stream` as the handler of `Subscribe` has calls (src/edge/grpc/ServerCall.ts), so that who may, how much and how it ends is decided
 * in one place for both doors. Beside it, questions that are answered on the same socket.
 *
 *   YB3  A message is heard when the handler asks for it; questions are read meanwhile, at most `QUESTIONS` of them at a time, and nothing more until one
 *        is answered.
 *   YB4  Who sends more than `rate` messages is read more slowly, and nobody else.
 *   YB5  Why a stream ends is its last message, before the close of the socket, which says it too.
 */

import type { Problem } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { byCode } from "../../../errors/Catalogue.ts"
import { HeraldError } from "../../../errors/HeraldError.ts"
import { type RateLimit, RateLimits } from "../../../limits/RateLimits.ts"
import { problemIn, problemOf } from "../../grpc/RichStatus.ts"
import type { CallListener, CallMetadata, CallStatus, ServerCall } from "../../grpc/ServerCall.ts"
import { CLOSE, type Socket } from "../Socket.ts"
import { frameOf, type Said, saidInBinary, updateFrame } from "./Envelope.ts"
import { saidInJson } from "./Json.ts"

/** Of one socket. YB3 */
const QUESTIONS = 8
/** Messages of one socket. YB4 */
const rate: RateLimit = { perSecond: 200, burst: 1_000 }

/** A question as bytes; it is answered by `tell`, once. */
export type Question = Extract<Said, { readonly bytes: Buffer }> & { readonly is: "health" | "report" }
export interface Asking {
  readonly asked: (question: Question, call: StreamCall, answered: () => void) => void
}

const metadataOf = (headers: Socket["headers"]): CallMetadata => ({
  get: (name) => (headers[name] === undefined ? [] : [headers[name]]),
  getMap: () => Object.fromEntries(Object.entries(headers).filter(([, value]) => typeof value === "string")) as never
})

/** Reads one message of a client. */
export const saidIn = (bytes: Buffer, isBinary: boolean): Said | HeraldError =>
  isBinary ? saidInBinary(bytes) : saidInJson(bytes)

export class StreamCall implements ServerCall {
  readonly path: string
  readonly metadata: CallMetadata
  readonly peer: ServerCall["peer"]
  readonly system = "websocket"
  readonly host: string
  readonly deadline = Number.POSITIVE_INFINITY
  whenEnded: ServerCall["whenEnded"]
  readonly #socket: Socket
  readonly #asking: Asking
  readonly #rates = new RateLimits(rate, 1)
  #listener: CallListener | undefined
  #wants = false
  #under = 0
  #reading = false
  #waits: ReturnType<typeof setTimeout> | undefined
  #isOver = false

  constructor(path: string, socket: Socket, asking: Asking) {
    this.path = path
    this.#socket = socket
    this.#asking = asking
    this.metadata = metadataOf(socket.headers)
    this.peer = { address: socket.address, port: undefined }
    this.host = socket.headers["host"] ?? ""
  }

  certificate(): undefined {
    return undefined
  }
  hear(listener: CallListener): void {
    this.#listener = listener
    if (this.#isOver) setImmediate(() => listener.over())
  }
  read(): void {
    this.#wants = true
    this.#pull()
  }
  begin(): void {}
  send(message: Buffer): boolean {
    return !this.#isOver && this.#socket.send(updateFrame(message, this.#socket.isBinary))
  }
  whenClear(then: () => void): void {
    this.#socket.whenClear(then)
  }

  end(status: CallStatus): void {
    if (this.#isOver) return
    this.whenEnded?.(status)
    const problem = problemIn(status)
    if (problem === undefined) this.#socket.close(CLOSE.normal, "")
    else this.#close(problem, status.trailers?.["herald-reconnect"] === "no")
    this.over()
  }

  /** Ends it for an error of the catalogue. YB5 */
  fail(error: HeraldError): void {
    if (this.#isOver) return
    this.#close(problemOf(error), false)
    this.over()
  }

  /** Of the socket: a message came, which was asked for. */
  heard(bytes: Buffer): void {
    this.#reading = false
    if (this.#isOver) return
    const said = saidIn(bytes, this.#socket.isBinary)
    if (said instanceof HeraldError) this.fail(said)
    else this.#take(said)
    this.#pull()
  }

  #take(said: Said): void {
    if (said.is === "hello") return // it is known by now who is there
    if (said.is === "subscribe") {
      this.#wants = false
      this.#listener?.message(said.bytes)
      return
    }
    this.#under++
    this.#asking.asked(said as Question, this, () => {
      this.#under--
      this.#pull()
    })
  }

  /** The socket is over, or we are through with it. */
  over(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#waits)
    this.#listener?.over()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** YB3, YB4 */
  #pull(): void {
    if (!this.#wants || this.#reading || this.#isOver || this.#under >= QUESTIONS) return
    this.#reading = true
    const wait = this.#rates.take("", performance.now())
    const again = () => {
      this.#reading = false
      this.#pull()
    }
    if (wait === 0) this.#socket.read()
    else this.#waits = setTimeout(again, wait)
  }

  /** YB5 */
  #close(problem: Problem, stayAway: boolean): void {
    const told = { $case: "problem", value: { problem, stayAway } } as const
    this.#socket.send(frameOf({ told }, this.#socket.isBinary))
    const { http = 500 } = byCode(problem.code) ?? {}
    this.#socket.close(4_000 + http, `${problem.code}: ${problem.detail}`)
  }
}
