/**
 * A light HTTP/1.1 client: one keep-alive connection, requests in order, answers with Content-Length (RFC 9112), so that what is
 * measured is the server and not the client.
 */
import { connect, type Socket } from "node:net"

export interface Answer {
  readonly status: number
  readonly body: string
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

const HEAD_END = Buffer.from("\r\n\r\n")

export class Http {
  readonly #socket: Socket
  readonly #host: string
  readonly #token: string
  readonly #waiting: Array<Waiting> = []
  #rest: Buffer = Buffer.alloc(0)
  /** Why it can't be used any more: a server also closes what was idle for long. */
  closed: Error | undefined

  private constructor(socket: Socket, host: string, token: string) {
    this.#socket = socket
    this.#host = host
    this.#token = token
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => this.#read(chunk))
    socket.on("error", (error) => this.#fail(error))
    socket.on("close", () => this.#fail(new Error("the server closed the connection")))
  }

  static async connect(url: string, token: string): Promise<Http> {
    const { hostname, port, host } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) })
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject))
    return new Http(socket, host, token)
  }

  request(method: string, path: string, body = ""): Promise<Answer> {
    if (this.closed !== undefined) return Promise.reject(this.closed)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#socket.write(
        `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\nauthorization: Bearer ${this.#token}\r\n` +
          `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
      )
    })
  }

  /** Publishes JSON text; returns the version it became. */
  async publish(key: string, value: string): Promise<number> {
    const path = `/v1/config/${key}?environment=production`
    const { status, body } = await this.request("PUT", path, `{"value":${value},"message":"benchmark"}`)
    if (status !== 200) throw new Error(`the publish of ${key} was answered ${status}: ${body}`)
    return (JSON.parse(body) as { readonly version: number }).version
  }

  close(): void {
    this.#socket.removeAllListeners("close")
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (this.#waiting.length > 0) {
      const end = this.#rest.indexOf(HEAD_END)
      if (end < 0) return
      const head = this.#rest.toString("latin1", 0, end)
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      const whole = end + 4 + length
      if (this.#rest.length < whole) return
      const body = this.#rest.toString("utf8", end + 4, whole)
      this.#rest = this.#rest.subarray(whole)
      this.#waiting.shift()!.resolve({ status: Number(head.slice(9, 12)), body })
    }
  }

  #fail(error: Error): void {
    this.closed ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
