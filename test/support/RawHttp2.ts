/** A client of HTTP/2 over TLS that says what it likes, frame by frame, and reads only when it is told to. */
import { connect, type TLSSocket } from "node:tls"

export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 1
export const END_HEADERS = 4
export const ACK = 1

export const frame = (type: number, flags: number, id: number, payload: Uint8Array = new Uint8Array()): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

const integer = (value: number, bits: number): Array<number> => {
  const most = 2 ** bits - 1
  if (value < most) return [value]
  const bytes = [most]
  for (value -= most; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return [...bytes, value]
}
const text = (value: string) => Buffer.concat([Buffer.from(integer(value.length, 7)), Buffer.from(value, "latin1")])

/** RFC 7541 §6.2.2, literals that no table keeps. */
export const block = (headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))

export const asking = (path: string, more: Readonly<Record<string, string>> = {}): Buffer =>
  block({ ":method": "GET", ":scheme": "https", ":authority": "a", ":path": path, ...more })

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const setting = (id: number, value: number): Buffer => {
  const bytes = Buffer.alloc(6)
  bytes.writeUInt16BE(id)
  bytes.writeUInt32BE(value, 2)
  return bytes
}
const INITIAL_WINDOW = 4
const LARGEST = 2 ** 31 - 1

export interface Heard {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export class RawHttp2 implements Disposable {
  readonly heard: Array<Heard> = []
  closed = false
  #rest = Buffer.alloc(0)

  readonly socket: TLSSocket

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on("error", () => {})
    socket.on("close", () => {
      this.closed = true
    })
    socket.on("data", (bytes: Buffer) => this.#hear(bytes))
  }

  /** `window`: bytes of DATA that it takes on a stream, and of the connection unlimited ones; "silent": it says no word. */
  static open(port: number, window: number | "silent" = LARGEST): Promise<RawHttp2> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] })
      const client = new RawHttp2(socket)
      socket.once("close", () => resolve(client))
      socket.once("secureConnect", () => {
        if (window !== "silent") {
          client.say(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
          client.say(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, window)))
          client.say(frame(WINDOW_UPDATE, 0, 0, uint32(LARGEST - 65_535)))
        }
        resolve(client)
      })
    })
  }

  say(...bytes: ReadonlyArray<Buffer>): void {
    this.socket.write(Buffer.concat(bytes))
  }

  get(id: number, path: string, more: Readonly<Record<string, string>> = {}): void {
    this.say(frame(HEADERS, END_STREAM | END_HEADERS, id, asking(path, more)))
  }

  /** Bytes of DATA on a stream. */
  bytesOf(id: number): number {
    return this.of(DATA, id).reduce((sum, { payload }) => sum + payload.length, 0)
  }

  of(type: number, id?: number): ReadonlyArray<Heard> {
    return this.heard.filter((one) => one.type === type && (id === undefined || one.id === id))
  }

  /** Why a stream was reset, or the connection given up (id 0); undefined: it was not. */
  code(id: number): number | undefined {
    return id === 0 ? this.of(GOAWAY)[0]?.payload.readUInt32BE(4) : this.of(RST_STREAM, id)[0]?.payload.readUInt32BE(0)
  }

  #hear(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < 9 + length) return
      const [type, flags, id] = [this.#rest[3]!, this.#rest[4]!, this.#rest.readUInt32BE(5)]
      this.heard.push({ type, flags, id, payload: this.#rest.subarray(9, 9 + length) })
      this.#rest = this.#rest.subarray(9 + length)
      if (type === SETTINGS && (flags & ACK) === 0) this.say(frame(SETTINGS, ACK, 0))
      if (type === PING && (flags & ACK) === 0) this.say(frame(PING, ACK, 0, this.heard.at(-1)!.payload))
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
