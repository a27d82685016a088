/** A load balancer that takes each request by itself to the server that a test names, and lets answers stream. */
import { createServer, type IncomingMessage, request } from "node:http"
import type { AddressInfo } from "node:net"

export class Balancer {
  /** What was asked for, in order: paths with their queries. */
  readonly asked: Array<string> = []
  /** `http://host:port` of the server for a path. */
  readonly #to: (path: string) => string
  readonly #server

  constructor(to: (path: string) => string) {
    this.#to = to
    this.#server = createServer((incoming, answer) => {
      const path = incoming.url ?? ""
      this.asked.push(path)
      const onward = request(`${this.#to(path)}${path}`, { method: incoming.method!, headers: incoming.headers })
      onward.on("response", (from: IncomingMessage) => {
        answer.writeHead(from.statusCode!, from.headers)
        answer.flushHeaders()
        from.pipe(answer)
        from.on("error", () => answer.destroy())
      })
      onward.on("error", () => answer.destroy())
      answer.on("close", () => onward.destroy())
      incoming.pipe(onward)
    })
  }

  /** Its `host:port`. */
  listen(): Promise<string> {
    return new Promise((resolve) =>
      this.#server.listen(0, "127.0.0.1", () => resolve(`127.0.0.1:${(this.#server.address() as AddressInfo).port}`))
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
