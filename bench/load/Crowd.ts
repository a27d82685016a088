/**
 * Many simulated clients and what they saw together.
 *
 *   BR1  A revision of a key that isn't above the last one of that client is counted: a duplicate or a step backwards.
 *        One that was sent as stale may come again when it is confirmed.
 *   BR2  A version that a client skipped (the server sent it only the newest) counts as applied when the newer one was.
 *   BR4  A client that comes back says what it holds; that it left and came back is counted and not wrong.
 *   BR3  Time counts from when the value should have been published to when the client has it.
 */
import { type Spread, spreadOf } from "../support/Numbers.ts"
import { nanos } from "../support/Pace.ts"
import { Client } from "./Client.ts"
import { EventClient } from "./EventClient.ts"
import * as Frames from "./Frames.ts"
import type { Has, Simulated } from "./Simulated.ts"
import { applied, WebClient } from "./WebClient.ts"
import * as Wire from "./Wire.ts"

/** How a client is told: by gRPC, the WebSocket `/v1/stream`, or server-sent events. */
export type Door = "grpc" | "websocket" | "events"

/** What answers an update; nothing where nobody does. */
const answers: Readonly<Record<Door, (seen: Wire.Seen) => Buffer | undefined>> = {
  grpc: ({ key, revision }) => Frames.dataFrame(Wire.appliedRequest(key, revision)),
  websocket: applied,
  events: () => undefined
}

export interface Connecting {
  /** `grpc` when left out. All of a crowd come by the same. */
  readonly door?: Door
  readonly grpc: string
  /** Of the HTTP door; for those that come by it. */
  readonly http?: string
  readonly token: string
  readonly service: string
  /** `{service}` in a key stands for the client's service. */
  readonly keys: ReadonlyArray<string>
  readonly clients: number
  /** More than one: client n is of the service `<service><n modulo services>`. */
  readonly services?: number
  /** Most that wait for their snapshot at the same time; all when left out. */
  readonly atOnce?: number
  /** A client whose stream ends comes back within two seconds, with what it holds. BR4 */
  readonly reconnect?: boolean
}

export interface Seen {
  readonly deliveries: number
  /** Versions that a client never saw because a newer one was there, from the beginning. */
  readonly skipped: number
  /** Milliseconds, over all deliveries. */
  readonly each: Spread
  /** Milliseconds until the last client had it, over all versions. */
  readonly last: Spread
  readonly wrong: ReadonlyArray<string>
  /** Clients that have no snapshot now; that were told that the server is not sure. */
  readonly away: number
  readonly unsure: number
  /** Times that a client came back, and why the last one had left. BR4 */
  readonly back: number
  readonly left: string
  /** Updates, also those that were not timed. */
  readonly updates: number
  /** Share of one core. */
  readonly cpu: number
  readonly seconds: number
}

const HEARTBEAT_AFTER = 25_000
/** Milliseconds within which a client comes back. */
const SPREAD = 2_000

export class Crowd {
  readonly clients: Array<Simulated> = []
  readonly #acks = new Map<string, { revision: number; frame: Buffer | undefined }>()
  /** When each version of a key should have been published, and when the last client had it. */
  readonly #versions = new Map<string, { readonly at: Array<number>; readonly last: Array<number> }>()
  #endings = new Map<string, number>()
  #took: Array<number> = []
  #deliveries = 0
  #skipped = 0
  #duplicates = 0
  #backwards = 0
  #since = 0
  #cpu = process.cpuUsage()
  #waiting: (() => void) | undefined
  #toSync = 0
  #opened = 0
  #options: Connecting | undefined
  #back = 0
  #left = ""
  #updates = 0
  /** Clients that are still to be opened, of those that `connect` asked for. */
  #queue: Array<number> = []

  constructor() {
    setInterval(() => {
      const now = performance.now()
      for (const client of this.clients) if (!client.over && now - client.spokeAt > HEARTBEAT_AFTER) client.beat()
    }, 1_000).unref()
  }

  /** Opens all, `atOnce` of them together; resolves when each has its snapshot or has ended. Returns the milliseconds that it took. */
  connect(options: Connecting): Promise<number> {
    const { clients, atOnce = clients } = options
    const start = performance.now()
    this.#options = options
    this.#toSync += clients
    this.#queue = Array.from({ length: clients }, () => this.#opened++)
    return new Promise((resolve) => {
      this.#waiting = () => resolve(performance.now() - start)
      for (const number of this.#queue.splice(0, atOnce)) this.clients.push(this.#open(options, number, new Map()))
    })
  }

  #open(options: Connecting, number: number, has: Map<string, Has>): Simulated {
    const { door = "grpc", grpc, http = "", token, service, services = 1, keys } = options
    const name = services > 1 ? `${service}${number % services}` : service
    const wanted = keys.map((key) => key.replace("{service}", name))
    if (door === "grpc") return this.#call(grpc, token, name, wanted, number, has)
    const { hostname: host, port } = new URL(http)
    const opening = { host, port: Number(port), token, service: name, keys: wanted, number, has }
    return door === "websocket" ? new WebClient(this, opening) : new EventClient(this, opening)
  }

  #call(
    grpc: string,
    token: string,
    name: string,
    wanted: ReadonlyArray<string>,
    number: number,
    has: Map<string, Has>
  ) {
    const [host, port] = grpc.split(":") as [string, string]
    const first = Wire.subscribeRequest(name, `instance-${number}`, wanted, has)
    const opening = Frames.opening(grpc, token, first)
    return new Client(this, { host, port: Number(port), opening, first: first.length + 5, number, has })
  }

  /** An update came; returns the frame that answers it. */
  received(client: Simulated, seen: Wire.Seen): Buffer | undefined {
    if (seen.kind === Wire.SYNCED || seen.kind === Wire.HEARTBEAT) client.unsure = seen.stale
    if (seen.kind === Wire.SYNCED) this.#isSynced(client)
    if (seen.kind !== Wire.VALUE && seen.kind !== Wire.DELETED) return undefined
    const { key, revision, version, stale, at, digest, epoch } = seen
    this.#updates++
    const had = client.has.get(key)
    if (had === undefined) client.has.set(key, { version, revision, epoch, stale, digest })
    else {
      const confirmed = (had.stale && !stale) || had.epoch !== epoch
      if (revision === had.revision && !confirmed)
        this.#duplicates++ // BR1
      else if (revision < had.revision && had.epoch === epoch) this.#backwards++
      this.#time(key, had.version, version, at)
      had.digest = digest
      had.epoch = epoch
      had.version = version
      had.revision = revision
      had.stale = stale
    }
    client.spokeAt = performance.now()
    let ack = this.#acks.get(key)
    if (ack === undefined || ack.revision !== revision) {
      ack = { revision, frame: answers[this.#options?.door ?? "grpc"](seen) }
      this.#acks.set(key, ack)
    }
    return ack.frame
  }

  ended(client: Simulated, reason: string): void {
    if (this.#options?.reconnect === true && (client.synced || client.returning)) {
      this.#left = reason
      this.#comeBack(client)
      return
    }
    this.#endings.set(reason, (this.#endings.get(reason) ?? 0) + 1)
    this.#isSynced(client)
  }

  /** BR4 */
  #comeBack(client: Simulated): void {
    const options = this.#options!
    setTimeout(() => {
      const at = this.clients.indexOf(client)
      if (at < 0) return // it was told to go
      this.#back++
      const next = this.#open(options, client.number, client.has)
      next.returning = true
      this.clients[at] = next
    }, Math.random() * SPREAD)
  }

  /** Forgets what was seen so far. */
  measure(): void {
    this.#back = this.#updates = 0
    this.#took = []
    this.#deliveries = 0
    this.#since = nanos()
    this.#cpu = process.cpuUsage()
  }

  /** How many clients lack one of these versions. */
  lacking(versions: Readonly<Record<string, number>>): number {
    const wanted = Object.entries(versions)
    return this.clients.filter(({ has }) => wanted.some(([key, version]) => (has.get(key)?.version ?? 0) < version))
      .length
  }

  /** Clients whose newest of a key is this version, and when the last of them was told anything, in milliseconds since 1970. */
  having(key: string, version: number): { readonly clients: number; readonly last: number } {
    const its = this.clients.filter(({ has }) => has.get(key)?.version === version)
    return { clients: its.length, last: performance.timeOrigin + Math.max(0, ...its.map(({ spokeAt }) => spokeAt)) }
  }

  report(): Seen {
    const { user, system } = process.cpuUsage(this.#cpu)
    const seconds = (nanos() - this.#since) / 1e9
    const last = [...this.#versions.values()].flatMap((versions) =>
      versions.last.filter((_, version) => versions.at[version]! >= this.#since)
    )
    const wrong = [...this.#endings].map(([reason, n]) => `${n} streams ended: ${reason}`)
    if (this.#duplicates > 0) wrong.push(`${this.#duplicates} updates came twice`)
    if (this.#backwards > 0) wrong.push(`${this.#backwards} updates went backwards`)
    return {
      deliveries: this.#deliveries,
      skipped: this.#skipped,
      each: spreadOf(this.#took),
      last: spreadOf(last),
      wrong,
      away: this.clients.filter(({ synced, over }) => over || !synced).length,
      unsure: this.clients.filter(({ unsure }) => unsure).length,
      back: this.#back,
      left: this.#left,
      updates: this.#updates,
      cpu: (user + system) / 1e6 / seconds,
      seconds
    }
  }

  /** The client that is here longest goes away, without a word. */
  leave(): void {
    this.clients.shift()?.close()
  }

  close(): void {
    for (const client of this.clients.splice(0)) client.close()
    this.#endings = new Map()
  }

  #isSynced(client: Simulated): void {
    if (client.synced) return
    client.synced = true
    if (client.returning) return
    const next = this.#queue.shift()
    if (next !== undefined) this.clients.push(this.#open(this.#options!, next, new Map()))
    if (--this.#toSync === 0) this.#waiting?.()
  }

  /** BR2, BR3 */
  #time(key: string, from: number, to: number, at: number): void {
    let known = this.#versions.get(key)
    if (known === undefined) this.#versions.set(key, (known = { at: [], last: [] }))
    known.at[to] = at
    this.#skipped += Math.max(0, to - from - 1)
    if (at < this.#since) return
    this.#deliveries++
    const now = nanos()
    for (let version = Math.max(from + 1, to - 1_000); version <= to; version++) {
      const intended = known.at[version]
      if (intended === undefined || intended < this.#since) continue
      known.last[version] = (now - intended) / 1e6
      this.#took.push((now - intended) / 1e6)
    }
  }
}
