/**
 * Readers, and what is published to them.
 *
 *   BZ2  In a closed loop nothing is published beyond what readers have by so many events: what is measured is what arrives, without loss.
 *   BZ3  At a fixed rate, time counts from when an event should have been published, whatever kept it from being so.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { FanSeen, Timed } from "../load/FanReaders.ts"
import type { Publisher, Sending } from "./FanPeers.ts"
import { nanos } from "./Pace.ts"
import { cpuSeconds, residentBytes } from "./Process.ts"

/** Events in one batch. */
const BATCH = 100
/** Events of each reader that may be under way in a closed loop. BZ2 */
const AHEAD = 4_000
/** Milliseconds that readers have to get the last events: a server that was given more than it can do has a lot to catch up. */
const LAST = 60_000

export interface Measured extends FanSeen {
  /** Deliveries a second. */
  readonly rate: number
  /** Share of one core. */
  readonly server: number
  /** Events that did not come within `LAST`, of a reader on the average. */
  readonly missing: number
  /** Bytes that the server takes, at the end. */
  readonly memory: number
}

export interface Crowd {
  readonly connections: number
  /** Each tenth connection has the same of 100 filters, which take every second event. */
  readonly filtered?: boolean
  /** Connections beside the others that stop reading. */
  readonly stalled?: number
}

export class Fan implements AsyncDisposable {
  readonly #sending: Sending
  readonly #crowd: Crowd
  readonly #readers
  #publisher: Publisher | undefined
  #events = 0
  #ready = false
  #seen: ((seen: FanSeen) => void) | undefined
  #next = 0

  constructor(sending: Sending, crowd: Crowd) {
    const { connections, filtered = false, stalled = 0 } = crowd
    this.#sending = sending
    this.#crowd = crowd
    const program = fileURLToPath(new URL("../load/FanReaders.ts", import.meta.url))
    const kind = filtered ? "filtered" : "plain"
    const args = [sending.protocol, String(sending.read), String(connections), kind, String(stalled)]
    this.#readers = fork(program, args)
    this.#readers.on("message", (said: { events?: number; ready?: boolean; seen?: FanSeen }) => {
      this.#events = said.events ?? this.#events
      this.#ready = said.ready ?? this.#ready
      if (said.seen !== undefined) this.#seen?.(said.seen)
    })
  }

  async ready(): Promise<void> {
    this.#publisher = await this.#sending.publisher()
    while (!this.#ready) await sleep(20)
    await sleep(200)
  }

  #tell(): Promise<FanSeen> {
    return new Promise((resolve) => {
      this.#seen = resolve
      this.#readers.send("tell")
    })
  }

  #publish(count: number): Promise<unknown> | undefined {
    const first = this.#next
    this.#next += count
    return this.#publisher!.publish(first, count)
  }

  /** From one event that a reader gets to the next. */
  get #step(): number {
    return this.#crowd.filtered === true ? 2 : 1
  }

  /** Events that all have, on the average. */
  get #arrived(): number {
    return (this.#events * this.#step) / this.#crowd.connections
  }

  /** BZ2 */
  async closed(millis: number): Promise<void> {
    const ahead = AHEAD * this.#step
    for (const until = performance.now() + millis; performance.now() < until; ) {
      if (this.#arrived + ahead - this.#next >= BATCH) {
        const done = this.#publish(BATCH)
        if (done !== undefined) await done
      } else await sleep(0)
    }
  }

  /** BZ3. `perSecond`: events. */
  async open(perSecond: number, millis: number): Promise<void> {
    const every = 1e9 / perSecond
    const timed: Timed = { at: nanos() + 5e6, every, first: this.#next }
    this.#readers.send(timed)
    for (const until = performance.now() + millis; performance.now() < until; ) {
      const due = Math.floor((nanos() - timed.at) / every) + 1 - (this.#next - timed.first)
      if (due > 0) await this.#publish(Math.min(due, BATCH))
      else await sleep(1)
    }
  }

  /** What happens while it runs, after half of that to become warm; at the end all must have the last. */
  async measured(run: (millis: number) => Promise<void>, millis: number): Promise<Measured> {
    const { pid } = this.#sending
    await run(millis / 2)
    await this.#tell()
    const before = cpuSeconds(pid)
    await run(millis)
    const seen = await this.#tell()
    const server = (cpuSeconds(pid) - before) / seen.seconds
    const measured = { ...seen, rate: seen.events / seen.seconds, server, memory: residentBytes(pid) }
    for (const until = performance.now() + LAST; this.#arrived < this.#next && performance.now() < until; )
      await sleep(5)
    const { wrong, told } = await this.#tell()
    return { ...measured, wrong, told, missing: Math.round(this.#next - this.#arrived) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#readers, "exit")
    this.#readers.disconnect()
    this.#publisher?.close()
    await ended
  }
}
