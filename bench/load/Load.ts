/** Simulated clients in a process of their own, seen from the process that measures. */
import { type ChildProcess, fork } from "node:child_process"
import { until } from "../support/Process.ts"
import type { Connecting, Seen } from "./Crowd.ts"
import type { Command } from "./main.ts"

interface Said {
  readonly id: number
  readonly answer?: unknown
  readonly error?: string
}

export class Load implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>()
  #next = 0

  constructor() {
    this.#child = fork(new URL("./main.ts", import.meta.url), { serialization: "advanced" })
    this.#child.on("message", ({ id, answer, error }: Said) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(answer)
      else waiting?.reject(new Error(error))
    })
    this.#child.on("exit", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the load process ended with ${code}`))
    })
  }

  /** Resolves when each client has its snapshot; returns the milliseconds that it took. */
  connect(options: Connecting): Promise<number> {
    return this.#tell<number>({ do: "connect", options })
  }

  /** Begins a measurement: what was published before doesn't count. */
  measure(): Promise<void> {
    return this.#tell({ do: "measure" })
  }

  report(): Promise<Seen> {
    return this.#tell<Seen>({ do: "report" })
  }

  /** Waits until every client has these versions; returns what is wrong: how many never got them. */
  async reached(versions: Readonly<Record<string, number>>, patience = 20_000): Promise<ReadonlyArray<string>> {
    const lacking = () => this.#tell<number>({ do: "lacking", versions })
    try {
      await until("the newest versions", async () => ((await lacking()) === 0 ? true : undefined), patience)
      return []
    } catch {
      return [`${await lacking()} clients never got the newest versions`]
    }
  }

  /** Clients whose newest of a key is this version, and when the last of them was told anything, in milliseconds since 1970. */
  having(key: string, version: number): Promise<{ readonly clients: number; readonly last: number }> {
    return this.#tell({ do: "having", key, version })
  }

  /** The client that is here longest goes away, without a word. */
  leave(): Promise<void> {
    return this.#tell({ do: "leave" })
  }

  close(): Promise<void> {
    return this.#tell({ do: "close" })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once("exit", resolve))
    this.#child.disconnect()
    await ended
  }

  #tell<A = void>(command: Command): Promise<A> {
    const id = this.#next++
    return new Promise<A>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject })
      this.#child.send({ id, command })
    })
  }
}
