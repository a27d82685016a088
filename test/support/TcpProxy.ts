/** A TCP proxy between a server and what it needs, with faults on demand. */
import { createConnection, createServer, type Socket } from "node:net"

export type Fault = "none" | "hold" | "refuse"

export class TcpProxy {
  fault: Fault = "none"
  /** Sees every chunk on its way to the target; true: lets it through, then cuts the connection before any answer comes back. */
  cutAfter: ((chunk: Buffer) => boolean) | undefined
  /** Cuts a connection on which nothing went either way for so long; 0 cuts none. For connections that are made from then on. */
  idleMillis = 0
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #server
  /** The port to which connections go that are made from then on. */
  target: number

  constructor(target: number) {
    this.target = target
    this.#server = createServer((client) => this.#join(client))
  }

  listen(): Promise<number> {
    return new Promise((resolve) =>
      this.#server.listen(0, "127.0.0.1", () => resolve((this.#server.address() as { port: number }).port))
    )
  }

  #join(client: Socket): void {
    if (this.fault === "refuse") return void client.destroy()
    const target = createConnection({ port: this.target, host: "127.0.0.1" })
    const pair = [client, target] as const
    if (this.idleMillis > 0) client.setTimeout(this.idleMillis, () => client.resetAndDestroy())
    let deaf = false
    this.#pairs.add(pair)
    client.on("data", (chunk: Buffer) => {
      if (this.fault === "hold") return
      target.write(chunk)
      if (this.cutAfter?.(chunk) === true) {
        deaf = true
        // The target gets the time to do what it was asked for.
        setTimeout(() => client.destroy(), 300)
      }
    })
    target.on("data", (chunk) => {
      if (this.fault !== "hold" && !deaf) client.write(chunk)
    })
    for (const [one, other] of [pair, [target, client]] as const) {
      one.on("error", () => {})
      one.on("close", () => {
        other.destroy()
        this.#pairs.delete(pair)
      })
    }
  }

  /** Cuts every connection. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
