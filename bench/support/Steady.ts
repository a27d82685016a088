/**
 * A server under steady load for long, and what it holds over time. Clients come and go, one a second; publishes go on, and reads.
 *
 *   BY1  Wrong is an update that was lost, doubled or went backwards, a stream that ended, and a request that failed `TRIES` times
 *        when it should not: a machine that is busy with other things may be late once.
 *   BY2  A slope is the least-squares line through all samples after the first fifth of the time, in which code is compiled and heaps grow.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Load } from "../load/Load.ts"
import type { Http } from "./Http.ts"
import { descriptorsOf, leftOf } from "./Left.ts"
import { median, slope } from "./Numbers.ts"
import { openLoop } from "./Pace.ts"
import { payload } from "./Payload.ts"
import { residentBytes } from "./Process.ts"
import type { Server } from "./Server.ts"

export interface Weight {
  readonly clients: number
  readonly publishesPerSecond: number
  readonly readsPerSecond: number
  readonly keys: number
  /** Of one value. */
  readonly bytes: number
}

export interface Sample {
  readonly minutes: number
  /** MiB, after a collection. */
  readonly resident: number
  /** MiB of JavaScript objects after a collection. */
  readonly heap: number
  readonly connected: number
  readonly sessions: number
  readonly descriptors: number
}

const SAMPLES = 20
const MEBIBYTE = 2 ** 20
/** Connections for publishes, and as many for reads: one answers in order. */
const CONNECTIONS = 8
/** Of each kind that may be without an answer; more are not sent, so that a server that hangs is not asked without end. */
const OPEN = 16
/** BY1 */
const TRIES = 5

/** BY2, in MiB a minute. */
export const slopeOf = (samples: ReadonlyArray<Sample>, what: "resident" | "heap"): number => {
  const [from, to] = [samples[0]!.minutes, samples.at(-1)!.minutes]
  const settled = samples.filter(({ minutes }) => minutes >= from + (to - from) / 5)
  return slope(settled.map((sample) => [sample.minutes, sample[what]]))
}

export class Steady implements AsyncDisposable {
  readonly #server: Server
  readonly #weight: Weight
  readonly #load = new Load()
  readonly #http: Array<Http>
  readonly #newest: Record<string, number> = {}
  readonly #wrong: Array<string> = []
  readonly #p99: Array<number> = []
  readonly #began = performance.now()
  readonly #open = { publishes: 0, reads: 0 }
  /** Publishes may fail: the database is away. */
  mayFail = false
  published = 0
  failed = 0
  churned = 0
  /** Because too many were without an answer. */
  notSent = 0

  private constructor(server: Server, weight: Weight, http: Array<Http>) {
    this.#server = server
    this.#weight = weight
    this.#http = http
  }

  static async open(server: Server, weight: Weight): Promise<Steady> {
    const http = await Promise.all(Array.from({ length: 2 * CONNECTIONS }, () => server.connect()))
    const steady = new Steady(server, weight, http)
    for (let n = 0; n < weight.keys; n++) await steady.#publish(n, 0)
    await steady.#load.connect({ ...steady.#opening, clients: weight.clients })
    await steady.#load.measure()
    return steady
  }

  get #opening() {
    return { grpc: this.#server.grpc, token: this.#server.token, service: "bench", keys: [] }
  }

  /** Milliseconds from publish to applied: the median of the samples' 99th percentiles. */
  get p99(): number {
    return median(this.#p99)
  }

  /** Load for so long; samples at the beginning and on the way. `also` is called with each. */
  async run(seconds: number, also: () => Promise<void> = async () => {}): Promise<ReadonlyArray<Sample>> {
    const { publishesPerSecond, readsPerSecond } = this.#weight
    const samples: Array<Sample> = []
    const take = async () => {
      samples.push(await this.#sample())
      await also()
    }
    await take()
    const loops = Promise.all([
      openLoop(publishesPerSecond, publishesPerSecond * seconds, (n, at) => this.#publish(n, at)),
      openLoop(readsPerSecond, readsPerSecond * seconds, (n) => this.#read(n))
    ])
    const began = performance.now()
    const every = Math.max(1, seconds / SAMPLES)
    // By the clock, not by counting: a machine that is busy makes fewer clients come and go, not a longer run.
    for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - began) / 1_000) {
      await sleep(1_000 * (Math.floor(elapsed) + 1 - elapsed))
      await this.#load.leave()
      await this.#load.connect({ ...this.#opening, clients: 1 })
      this.churned++
      if (performance.now() - began < samples.length * every * 1_000) continue
      await take()
      // What was timed is let go, so that a long run does not fill the load process.
      this.#p99.push((await this.#load.report()).each.p99)
      await this.#load.measure()
    }
    await loops
    return samples
  }

  /** BY1, when all is well again. */
  async wrong(): Promise<ReadonlyArray<string>> {
    return [...new Set(this.#wrong), ...(await this.#load.reached(this.#newest)), ...(await this.#load.report()).wrong]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const http of this.#http) http.close()
    await this.#load[Symbol.asyncDispose]()
  }

  async #sample(): Promise<Sample> {
    const { heap, sessions } = await leftOf(this.#server)
    const resident = residentBytes(this.#server.pid) / MEBIBYTE
    return {
      minutes: (performance.now() - this.#began) / 60_000,
      resident,
      heap: heap / MEBIBYTE,
      connected: await this.#server.metric("herald_sessions"),
      sessions,
      descriptors: descriptorsOf(this.#server.pid)
    }
  }

  async #ask(what: "publishes" | "reads", n: number, ask: (http: Http) => Promise<void>): Promise<void> {
    if (this.#open[what] >= OPEN) return void this.notSent++
    this.#open[what]++
    const at = (n % CONNECTIONS) + (what === "reads" ? CONNECTIONS : 0)
    for (let tries = 1; tries <= TRIES; tries++) {
      try {
        if (this.#http[at]!.closed !== undefined) this.#http[at] = await this.#server.connect()
        await ask(this.#http[at]!)
        break
      } catch (error) {
        this.failed++
        if (this.mayFail) break
        if (tries === TRIES) this.#wrong.push((error as Error).message)
      }
    }
    this.#open[what]--
  }

  #publish(n: number, at: number): Promise<void> {
    const key = `bench.${n % this.#weight.keys}`
    return this.#ask("publishes", n, async (http) => {
      const version = await http.publish(key, payload(at, this.#weight.bytes))
      this.#newest[key] = Math.max(this.#newest[key] ?? 0, version)
      this.published++
    })
  }

  #read(n: number): Promise<void> {
    return this.#ask("reads", n, async (http) => {
      const { status } = await http.request("GET", `/v1/config/bench.${n % this.#weight.keys}?environment=production`)
      if (status !== 200) throw new Error(`a read was answered ${status}`)
    })
  }
}
