/** A peer's process (Bare.ts: grpc-js; Net.ts: sockets alone), with the face of a server. */
import { type ChildProcess, fork } from "node:child_process"
import { Http } from "../support/Http.ts"

export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly token = "none"
  readonly http: string
  readonly grpc: string

  private constructor(child: ChildProcess, { http, grpc }: { readonly http: string; readonly grpc: string }) {
    this.#child = child
    this.http = http
    this.grpc = grpc
  }

  static async start(which: "Bare" | "Net" = "Bare"): Promise<Peer> {
    const child = fork(new URL(`./${which}.ts`, import.meta.url))
    const addresses = await new Promise<{ http: string; grpc: string }>((resolve, reject) => {
      child.once("message", (said) => resolve(said as { http: string; grpc: string }))
      child.once("exit", (code) => reject(new Error(`the peer ended with ${code}`)))
    })
    return new Peer(child, addresses)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  connect(): Promise<Http> {
    return Http.connect(this.http, this.token)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once("exit", resolve))
    this.#child.disconnect()
    await ended
  }
}
