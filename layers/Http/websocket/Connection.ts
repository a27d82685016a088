/**
 * One WebSocket on the socket of Node that it was opened by. YS1, YS2 in src/edge/websocket/Socket.ts
 *
 *   YC1  Who sends nothing for `SILENT`, neither a message nor the answer to a ping, is gone: its connection is cut.
 *   YC2  While a message waits to be asked for nothing more is read; so no more than one, and what came with it, is kept.
 *   YC3  Whoever ends it: its peer has `GOODBYE` to take what was sent and to answer, and then the socket is cut.
 *   YC4  A message that was begun comes whole within `WHOLE`, and a second for each `BYTES_A_SECOND` of it that came; then the connection is cut.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import type { Socket as NodeSocket } from "node:net"
import type { Certificate } from "../../../src/access/Certificates.ts"
import { closeFrame, frame, PING, PONG } from "../../../src/edge/websocket/Frame.ts"
import { CLOSE, FIRST_BYTES, type Socket, type SocketListener } from "../../../src/edge/websocket/Socket.ts"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import { addressOf } from "../../Sockets/Gate.ts"
import { certificateOf } from "../../Sockets/PeerCertificate.ts"
import type { Reader } from "../../Sockets/Unread.ts"
import { type Heard, Parser } from "./Parser.ts"

/** Bytes that may wait to be sent before who sends is told to wait. YS2 */
const WAITING = 262_144
/** Milliseconds between two pings, without a word until it is gone, and to say goodbye in. YC1, YC3 */
const [ALIVE, SILENT, GOODBYE] = [20_000, 60_000, 2_000]
/** Milliseconds; bytes. YC4 */
const [WHOLE, BYTES_A_SECOND] = [30_000, 65_536]
/** Answers to pings that may wait. */
const PONGS = 4_096

const pinging = frame(PING, new Uint8Array(0))

/** What a connection asks of those who have all of them. */
export interface Door {
  readonly isBinary: boolean
  /** Bytes of the largest message of whom is known. */
  readonly largest: number
  readonly refuse: (reason: string) => void
  /** YS3 */
  readonly signedIn: (principal: string) => HeraldError | undefined
  readonly wrongToken: () => void
}

export class Connection implements Socket, Reader {
  readonly address: string
  readonly isBinary: boolean
  readonly headers: IncomingHttpHeaders & Readonly<Record<string, string | undefined>>
  readonly certificate: Certificate | undefined
  readonly #socket: NodeSocket
  readonly #parser: Parser
  readonly #door: Door
  #listener: SocketListener | undefined
  #asked = false
  #reading = false
  #isOver = false
  #closing: number | undefined
  #heardAt = performance.now()
  #pingedAt = performance.now()
  /** Since when a message is on its way; undefined: none is. */
  #begunAt: number | undefined
  #whole = 0
  readonly #waiting: Array<() => void> = []

  constructor(request: IncomingMessage, socket: NodeSocket, door: Door) {
    this.#socket = socket
    this.#door = door
    this.address = addressOf(socket)
    this.headers = request.headers as typeof this.headers
    this.certificate = certificateOf(socket)
    this.isBinary = door.isBinary
    this.#parser = new Parser(Math.min(FIRST_BYTES, door.largest), door.isBinary)
    socket.setTimeout(0)
    socket.on("error", () => {}) // `close` follows
    socket.on("close", () => this.#over())
    socket.on("end", () => socket.destroy())
    socket.on("drain", () => this.#drained())
    socket.on("data", (chunk: Buffer) => {
      this.#heardAt = performance.now()
      this.#parser.add(chunk)
      this.#advance()
      if (this.#parser.bytes === 0) this.#begunAt = undefined
      else this.#begunAt ??= this.#heardAt
    })
  }

  signedIn(principal: string): HeraldError | undefined {
    const full = this.#isOver ? undefined : this.#door.signedIn(principal)
    if (full === undefined) this.#parser.largest = this.#door.largest
    return full
  }

  wrongToken(): void {
    this.#door.wrongToken()
  }

  hear(listener: SocketListener): void {
    this.#listener = listener
    if (this.#isOver) setImmediate(() => listener.over())
  }

  read(): void {
    if (this.#asked) return
    this.#asked = true
    this.#advance()
  }

  get isClear(): boolean {
    return this.#open && this.#socket.writableLength < WAITING
  }

  send(...frames: ReadonlyArray<Uint8Array>): boolean {
    if (!this.#open) return false
    if (frames.length > 1) this.#socket.cork()
    for (const one of frames) this.#socket.write(one)
    if (frames.length > 1) this.#socket.uncork()
    return this.isClear
  }

  whenClear(then: () => void): void {
    this.#waiting.push(then)
    if (this.isClear) setImmediate(() => this.#drained())
  }

  close(code: number, reason: string): void {
    if (!this.#open) return
    this.#closing = performance.now()
    this.#asked = true // what it still sends is read and left
    this.#socket.end(closeFrame(code, reason))
    this.#socket.resume()
  }

  /** `now`: milliseconds of a monotonic clock. YC1, YC3 */
  look(now: number): void {
    if (this.#isOver) return
    if (this.#closing !== undefined) {
      if (now - this.#closing >= GOODBYE) this.#socket.destroy()
    } else if (this.#socket.isPaused()) {
      this.#heardAt = now
      this.#begunAt = now // it is we who let it wait
    } else if (now - (this.#begunAt ?? now) >= WHOLE + (this.#parser.bytes / BYTES_A_SECOND) * 1_000)
      this.cut("slow_message") // YC4
    else if (now - this.#heardAt >= SILENT) this.cut("silence")
    else if (now - this.#pingedAt >= ALIVE) {
      this.#pingedAt = now
      this.#socket.write(pinging)
    }
  }

  leave(): void {
    if (this.#open) this.#listener?.leaving()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  readonly unread = () => (this.#socket.destroyed ? 0 : this.#socket.writableLength)
  readonly ahead = this.unread
  readonly kept = () => this.#parser.bytes
  readonly heard = () => this.#whole
  readonly taken = () => this.#socket.bytesWritten - this.#socket.writableLength
  readonly cut = (reason: string): boolean => {
    if (this.#socket.destroyed) return false
    this.#door.refuse(reason)
    this.#socket.destroy()
    return true
  }

  get #open(): boolean {
    return !this.#isOver && this.#closing === undefined
  }

  #advance(): void {
    if (this.#reading) return
    this.#reading = true
    while (!this.#isOver && this.#asked) {
      const heard = this.#parser.next()
      if (heard === undefined) break
      this.#take(heard)
    }
    this.#reading = false
    if (this.#isOver) return
    if (this.#asked) this.#socket.resume()
    else this.#socket.pause() // YC2
  }

  #take(heard: Heard): void {
    if (this.#closing !== undefined && heard.is !== "close") return
    switch (heard.is) {
      case "message":
        this.#asked = false
        this.#whole++
        this.#begunAt = undefined
        this.#listener?.message(heard.bytes)
        break
      case "ping":
        if (this.#socket.writableLength < WAITING + PONGS) this.#socket.write(frame(PONG, heard.bytes))
        break
      case "pong":
        break
      case "close":
        if (this.#closing === undefined) this.close(heard.code ?? CLOSE.normal, "")
        break
      case "wrong":
        this.#door.refuse("protocol")
        this.close(heard.code, heard.why)
    }
  }

  /** YS2: who asked first is told first, as long as there is room. */
  #drained(): void {
    for (let left = this.#waiting.length; left > 0 && this.isClear; left--) this.#waiting.shift()!()
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting.length = 0
    this.#listener?.over()
  }
}
