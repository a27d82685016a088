/**
 * Many simulated clients and what they saw together.
 *
 *   D1  A revision of a key that isn't above the last one of that client is counted: a duplicate or a step backwards.
 *       One that was sent as stale may come again when it is confirmed.
 *   D2  A version that a client skipped (the server sent it only the newest) counts as applied when the newer one was.
 *   D3  Time counts from when the value should have been published to when the client has it.
 */
import { type Spread, spreadOf } from "../support/Numbers.ts"
import { nanos } from "../support/Pace.ts"
import { Client } from "./Client.ts"
import * as Frames from "./Frames.ts"
import * as Wire from "./Wire.ts"

export interface Connecting {
  readonly grpc: string
  readonly token: string
  readonly service: string
  readonly keys: ReadonlyArray<string>
  readonly clients: number
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
  /** Share of one core. */
  readonly cpu: number
  readonly seconds: number
}

const HEARTBEAT_AFTER = 25_000

export class Crowd {
  readonly clients: Array<Client> = []
  readonly #acks = new Map<string, { revision: number; frame: Buffer }>()
  readonly #heartbeat = Frames.dataFrame(Wire.heartbeatRequest())
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

  constructor() {
    setInterval(() => {
      const now = performance.now()
      for (const client of this.clients)
        if (!client.over && now - client.spokeAt > HEARTBEAT_AFTER) client.send(this.#heartbeat)
    }, 1_000).unref()
  }

  /** Opens all at once; resolves when each has its snapshot or has ended. Returns the milliseconds that it took. */
  connect({ grpc, token, service, keys, clients }: Connecting): Promise<number> {
    const [host, port] = grpc.split(":") as [string, string]
    const start = performance.now()
    this.#toSync += clients
    return new Promise((resolve) => {
      this.#waiting = () => resolve(performance.now() - start)
      for (let n = 0; n < clients; n++) {
        const first = Wire.subscribeRequest(service, `instance-${this.#opened++}`, keys)
        const opening = Frames.opening(grpc, token, first)
        this.clients.push(new Client(this, host, Number(port), opening, first.length + 5))
      }
    })
  }

  /** An update came; returns the frame that answers it. */
  received(client: Client, seen: Wire.Seen): Buffer | undefined {
    if (seen.kind === Wire.SYNCED) this.#isSynced(client)
    if (seen.kind !== Wire.VALUE && seen.kind !== Wire.DELETED) return undefined
    const { key, revision, version, stale, at } = seen
    const had = client.has.get(key)
    if (had === undefined) client.has.set(key, { version, revision, stale })
    else {
      const confirmed = had.stale && !stale
      if (revision === had.revision && !confirmed)
        this.#duplicates++ // D1
      else if (revision < had.revision) this.#backwards++
      this.#time(key, had.version, version, at)
      had.version = version
      had.revision = revision
      had.stale = stale
    }
    client.spokeAt = performance.now()
    let ack = this.#acks.get(key)
    if (ack === undefined || ack.revision !== revision) {
      ack = { revision, frame: Frames.dataFrame(Wire.appliedRequest(key, revision)) }
      this.#acks.set(key, ack)
    }
    return ack.frame
  }

  ended(client: Client, reason: string): void {
    this.#endings.set(reason, (this.#endings.get(reason) ?? 0) + 1)
    this.#isSynced(client)
  }

  /** Forgets what was seen so far. */
  measure(): void {
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

  #isSynced(client: Client): void {
    if (client.synced) return
    client.synced = true
    if (--this.#toSync === 0) this.#waiting?.()
  }

  /** D2, D3 */
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
