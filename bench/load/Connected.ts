/** What all simulated clients are, whatever they speak: a TCP connection of their own, and what their crowd knows of them. */
import { connect, type Socket } from "node:net"
import type { Crowd } from "./Crowd.ts"
import type { Has, Simulated } from "./Simulated.ts"

export interface Meeting {
  readonly host: string
  readonly port: number
  readonly number: number
  readonly has: Map<string, Has>
}

export abstract class Connected implements Simulated {
  protected readonly crowd: Crowd
  protected readonly socket: Socket
  readonly has: Map<string, Has>
  readonly number: number
  returning = false
  unsure = false
  spokeAt = performance.now()
  synced = false
  over = false

  /** `opening`: what is said at once. */
  constructor(crowd: Crowd, { host, port, number, has }: Meeting, opening: string | Buffer) {
    this.crowd = crowd
    this.number = number
    this.has = has
    this.socket = connect({ host, port, noDelay: true })
    this.socket.write(opening)
    this.socket.on("data", (chunk: Buffer) => this.read(chunk))
    this.socket.on("error", (error) => this.end(error.message))
    this.socket.on("close", () => this.end("the server closed the connection"))
  }

  protected abstract read(chunk: Buffer): void

  beat(): void {
    this.spokeAt = performance.now()
  }

  close(): void {
    this.over = true
    this.socket.destroy()
  }

  protected end(reason: string): void {
    if (this.over) return
    this.over = true
    this.crowd.ended(this, reason)
    this.socket.destroy()
  }
}
