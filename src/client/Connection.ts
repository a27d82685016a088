/**
 * Keeps one stream to the server and tells which state the client is in.
 *
 *   CO1  At most one stream at a time; nothing of an older stream is heard.
 *   CO2  `live` begins when the server has sent everything that differed, and ends with the stream.
 *   CO3  A server that says nothing for `silenceMillis` is given up.
 *   CO4  After a refusal that trying again can't change the state is `failed`: tries come near the cap, and the held values serve on.
 *   CO5  A delay that the server asks for (drain) is honoured, up to 10 minutes.
 *   CO7  Where the platform tells that the network is gone, the stream is given up at once, and opened at once when it is back.
 *   CO6  Nothing is sent between the messages of a hello, and nothing while the stream is full.
 */
import type { ConfigUpdate, SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { SubscribeRequest as Request, UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { Backoff, type BackoffOptions } from "./Backoff.ts"
import type { Clock } from "./Clock.ts"
import { onNetwork } from "./Platform.ts"
import type { Ended, Stream, Transport } from "./Transport.ts"

export type State = "connecting" | "live" | "stale" | "failed" | "closed"

/** INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED: https://grpc.io/docs/guides/status-codes/ */
const refusals = new Set([3, 7, 12, 16])

export interface ConnectionOptions extends BackoffOptions {
  readonly stableMillis: number
  readonly heartbeatMillis: number
  readonly silenceMillis: number
}

/** Milliseconds. CO5 */
const longestAway = 600_000

export interface ConnectionEvents {
  /** The messages that a stream begins with: at least one. */
  readonly hello: () => Iterator<SubscribeRequest, void, void>
  readonly update: (update: ConfigUpdate) => void
  readonly problem: (update: ConfigUpdate) => void
  readonly heartbeat: (update: ConfigUpdate) => void
  /** Before the state becomes live. */
  readonly synced: (update: ConfigUpdate) => void
  readonly state: (state: State, former: State, why: Ended | undefined) => void
  readonly ended: (ended: Ended) => void
  readonly drain: (millis: number) => void
  /** `send` may find room again. */
  readonly writable: () => void
}

export class Connection {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #options: ConnectionOptions
  readonly #events: ConnectionEvents
  readonly #backoff: Backoff
  #state: State = "connecting"
  #stream: Stream | undefined
  /** Grows with each stream. CO1. */
  #life = 0
  #heardAt = 0
  #liveAt: number | undefined
  #draining = false
  /** What is left of the hello. CO6. */
  #hello: Iterator<SubscribeRequest, void, void> | undefined
  #full = false
  #cancelRetry = () => {}
  #cancelHeartbeat = () => {}
  #cancelWatchdog = () => {}
  readonly #network: typeof onNetwork
  #deafen: (() => void) | undefined

  constructor(
    transport: Transport,
    clock: Clock,
    options: ConnectionOptions,
    events: ConnectionEvents,
    network: typeof onNetwork = onNetwork
  ) {
    this.#network = network
    this.#transport = transport
    this.#clock = clock
    this.#options = options
    this.#events = events
    this.#backoff = new Backoff(clock, options)
  }

  get state(): State {
    return this.#state
  }

  /** Opens a stream, in place of the present one. */
  open(): void {
    if (this.#state === "closed") return
    this.#deafen ??= this.#network({
      lost: () => this.restart("the machine has no network"),
      back: () => this.#state !== "live" && this.open()
    }) // CO7
    this.#leave()
    if (this.#state === "live") this.#become("stale", undefined) // CO2
    if (this.#isClosed()) return
    const life = ++this.#life
    const mine = () => life === this.#life && this.#state !== "closed"
    this.#heardAt = this.#clock.now()
    const hello = this.#events.hello()
    const first = hello.next()
    if (first.done) return
    this.#full = false
    this.#hello = hello
    this.#stream = this.#transport.open(first.value, {
      message: (update) => {
        if (mine()) this.#heard(update)
      },
      writable: () => {
        if (!mine()) return
        this.#full = false
        this.#greet()
        this.#events.writable()
      },
      ended: (ended) => {
        if (mine()) this.#ended(ended)
      }
    })
    this.#greet()
    this.#watch()
    this.#beat()
  }

  /** False, and nothing is sent, when no stream is live or the stream is full. CO6. */
  send(request: Partial<SubscribeRequest>): boolean {
    if (this.#stream === undefined || this.#state !== "live" || this.#full) return false
    this.#full = !this.#stream.send(Request.fromPartial(request))
    return true
  }

  /** Sends what is left of the hello, as far as there is room. */
  #greet(): void {
    while (this.#hello !== undefined && !this.#full) {
      const next = this.#hello.next()
      if (next.done) this.#hello = undefined
      else this.#full = !(this.#stream?.send(next.value) ?? false)
    }
  }

  /** Leaves the stream as if it had failed; the next one follows with backoff. */
  restart(why: string): void {
    this.#ended({ status: 14, message: why, code: undefined, hopeless: false, reconnectAfterMillis: undefined })
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return
    this.#deafen?.()
    const stream = this.#stream
    this.#stream = undefined
    this.#leave()
    this.#become("closed", undefined)
    await stream?.finish()
  }

  #heard(update: ConfigUpdate): void {
    this.#heardAt = this.#clock.now()
    switch (update.kind) {
      case UpdateKind.UPDATE_KIND_VALUE:
      case UpdateKind.UPDATE_KIND_DELETED:
        this.#events.update(update)
        break
      case UpdateKind.UPDATE_KIND_PROBLEM:
        this.#events.problem(update)
        break
      case UpdateKind.UPDATE_KIND_SYNCED:
        this.#events.synced(update)
        this.#liveAt ??= this.#clock.now()
        this.#become("live", undefined) // CO2
        break
      case UpdateKind.UPDATE_KIND_DRAIN:
        this.#draining = true
        this.#retry(Math.min(update.reconnectAfterMs, longestAway)) // CO5
        this.#events.drain(update.reconnectAfterMs)
        break
      case UpdateKind.UPDATE_KIND_HEARTBEAT:
        this.#events.heartbeat(update)
        break
      default: // a kind from the future
    }
  }

  #ended(ended: Ended): void {
    if (this.#state === "closed") return
    const draining = this.#draining
    const lasted = this.#liveAt === undefined ? 0 : this.#clock.now() - this.#liveAt
    if (lasted >= this.#options.stableMillis) this.#backoff.reset()
    this.#leave(draining)
    const refused = refusals.has(ended.status)
    this.#become(refused ? "failed" : "stale", ended)
    if (this.#isClosed()) return
    if (!draining) this.#retry(this.#delay(ended, refused))
    this.#events.ended(ended)
  }

  /** Asked anew: a listener may have closed us. */
  #isClosed(): boolean {
    return this.#state === "closed"
  }

  #delay(ended: Ended, refused: boolean): number {
    const own = refused || ended.hopeless ? this.#backoff.slow() : this.#backoff.next() // CO4
    return Math.max(own, Math.min(ended.reconnectAfterMillis ?? 0, longestAway)) // CO5
  }

  #retry(millis: number): void {
    this.#cancelRetry()
    this.#cancelRetry = this.#clock.after(millis, () => this.open())
  }

  /** Drops the stream and its timers; a planned reconnect stays if asked. */
  #leave(keepRetry = false): void {
    this.#life++
    if (!keepRetry) {
      this.#cancelRetry()
      this.#draining = false
    }
    this.#cancelHeartbeat()
    this.#cancelWatchdog()
    this.#liveAt = undefined
    this.#stream?.drop()
    this.#stream = undefined
    this.#hello = undefined
  }

  #become(state: State, why: Ended | undefined): void {
    const former = this.#state
    if (former === state) return
    this.#state = state
    this.#events.state(state, former, why)
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#clock.after(this.#options.heartbeatMillis, () => {
      if (this.#hello === undefined) this.#stream?.send(Request.fromPartial({ heartbeat: true })) // CO6
      this.#beat()
    })
  }

  #watch(): void {
    const left = this.#heardAt + this.#options.silenceMillis - this.#clock.now()
    if (left <= 0)
      this.restart(`nothing was heard for ${this.#options.silenceMillis} ms`) // CO3
    else this.#cancelWatchdog = this.#clock.after(left, () => this.#watch())
  }
}
