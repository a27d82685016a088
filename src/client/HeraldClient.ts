/**
 * The Herald SDK for Node and Deno: configuration that follows the server and survives it. See docs/sdk.md.
 *
 *   SDK1  Order of sources: live > disk (last known good) > bootstrap > default.
 *   SDK2  With the server gone every value that was good is served on, marked stale; strict keys throw `StaleError`.
 *   SDK3  A value never goes back to a lower revision of the same epoch, whatever the network does.
 *   SDK4  Time is monotonic: no decision looks at the wall clock.
 */
import { Health, ReportHealthRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { Acks } from "./Acks.ts"
import { readBootstrap } from "./Bootstrap.ts"
import { ClosedError, ConnectError, MissingKeyError, StaleError } from "./ClientError.ts"
import type { Clock } from "./Clock.ts"
import { Connection, type State } from "./Connection.ts"
import type { Entry, Version } from "./Entry.ts"
import { Feed } from "./Feed.ts"
import { GrpcTransport } from "./GrpcTransport.ts"
import { HookSet } from "./Hooks.ts"
import { LastKnownGood } from "./LastKnownGood.ts"
import { type Checked, type ClientEvent, type ConnectOptions, check } from "./Options.ts"
import { instanceName, systemClock } from "./Platform.ts"
import { decode, type StandardSchemaV1 } from "./StandardSchema.ts"
import type { Ended, Transport } from "./Transport.ts"
import { Updates } from "./Updates.ts"
import { Values } from "./Values.ts"
import { Watch, type WatchOptions } from "./Watch.ts"

export * from "./ClientError.ts"
export type { Clock } from "./Clock.ts"
export type { State } from "./Connection.ts"
export type { Entry, Source } from "./Entry.ts"
export type { Hooks, UpdateContext, Verdict } from "./Hooks.ts"
export type { ClientEvent, ConnectOptions, Tls, Token } from "./Options.ts"
export type { StandardSchemaV1 } from "./StandardSchema.ts"
export type { Ended, Stream, StreamEvents, Transport } from "./Transport.ts"
export type { Changed, Watch, WatchOptions } from "./Watch.ts"

/** What tests replace. */
export interface Surroundings {
  readonly clock?: Clock | undefined
  readonly transport?: Transport | undefined
}

const healths = {
  healthy: Health.HEALTH_HEALTHY,
  degraded: Health.HEALTH_DEGRADED,
  unhealthy: Health.HEALTH_UNHEALTHY
} as const

export class HeraldClient implements AsyncDisposable {
  readonly #options: ConnectOptions
  readonly #checked: Checked
  readonly #clock: Clock
  readonly #transport: Transport
  readonly #values: Values
  readonly #updates: Updates
  readonly #acks: Acks
  readonly #connection: Connection
  readonly #feed: Feed
  readonly #disk: LastKnownGood | undefined
  #outcome: (kind: "synced" | "failed" | "late", why?: Ended) => void = () => {}
  #triedLocal = false

  /**
   * Resolves when the first sync has been applied; or, with the server gone or refusing, when local values can serve.
   * Throws `OptionError`, or `ConnectError` when neither a server nor a local value is there.
   */
  static async connect(options: ConnectOptions, surroundings: Surroundings = {}): Promise<HeraldClient> {
    const checked = check(options, instanceName)
    const client = new HeraldClient(options, checked, await readBootstrap(options), surroundings)
    await client.#start()
    return client
  }

  private constructor(
    options: ConnectOptions,
    checked: Checked,
    bootstrap: ReadonlyMap<string, unknown>,
    surroundings: Surroundings
  ) {
    this.#options = options
    this.#checked = checked
    this.#clock = surroundings.clock ?? systemClock
    this.#transport = surroundings.transport ?? new GrpcTransport(options)
    this.#values = new Values({ bootstrap, defaults: new Map(Object.entries(options.defaults ?? {})) })
    this.#acks = new Acks(this.#clock, (acks) => this.#connection.send({ acks }))
    const { environment, service } = checked
    const { lastKnownGood } = options
    if (lastKnownGood) {
      const snapshot = () => ({ ...this.#values.position(), patterns: checked.patterns, versions: this.#values.held() })
      this.#disk = new LastKnownGood({ ...lastKnownGood, environment, service }, this.#clock, snapshot, (message) =>
        this.#emit({ type: "last-known-good", message })
      )
    }
    this.#updates = new Updates(this.#values, new HookSet(options, undefined, this.#clock, checked.hookTimeoutMillis), {
      applied: (version) => this.#acks.applied(version),
      rejected: (version, reason) => this.#rejected(version, reason),
      trouble: (key, source, reason) => this.#emit({ type: "local-rejected", key, source, reason }),
      held: () => this.#disk?.schedule()
    })
    this.#feed = new Feed(checked, this.#values, this.#updates, {
      rejected: (version, reason) => this.#rejected(version, reason),
      restart: (why) => this.#connection.restart(why),
      event: (event) => this.#emit(event)
    })
    this.#connection = new Connection(this.#transport, this.#clock, checked.connection, {
      hello: () => this.#feed.hello(),
      update: (update) => this.#feed.update(update, this.state === "live"),
      problem: (update) => this.#feed.problem(update),
      heartbeat: (update) => this.#feed.heartbeat(update),
      synced: (update) => {
        this.#feed.synced(update)
        this.#disk?.schedule()
        this.#tryLocal()
      },
      state: (state, former, why) => this.#became(state, former, why),
      ended: (ended) => {
        this.#emit({ type: "disconnected", status: ended.status, code: ended.code, message: ended.message })
        this.#outcome("failed", ended)
      },
      drain: (reconnectAfterMillis) => this.#emit({ type: "drain", reconnectAfterMillis })
    })
  }

  get state(): State {
    return this.#connection.state
  }

  get instance(): string {
    return this.#checked.instance
  }

  /** How far the client has come. */
  get position(): { readonly epoch: string; readonly revision: bigint } {
    return this.#values.position()
  }

  /** Every key that has a value. */
  keys(): Array<string> {
    return this.#values.keys()
  }

  /**
   * The value now. Throws `MissingKeyError`; `StaleError` for a strict key that can't be confirmed as newest; `ValueError`
   * when it does not fit `schema` (Standard Schema v1, synchronous).
   */
  get<T = unknown>(key: string, schema?: StandardSchemaV1<unknown, T>): T {
    const entry = this.#values.entry(key)
    if (entry === undefined) throw new MissingKeyError(key, this.#checked.environment)
    if (entry.strict && entry.stale) throw new StaleError(key, this.#values.staleness(key) ?? "its value is not live") // SDK2
    return schema === undefined ? (entry.value as T) : decode(key, schema, entry.value)
  }

  /** The value with its source, version and whether it is stale, also for strict keys; undefined when no source has it. */
  getEntry(key: string): Entry | undefined {
    return this.#values.entry(key)
  }

  /**
   * Calls the hooks with the present value, if any, and with each change of a key or `prefix.*`; refusing rejects the version
   * for this whole client. Also an async iterable of changes.
   */
  watch<T = unknown>(key: string, options: WatchOptions<T> = {}): Watch<T> {
    if (this.state === "closed") throw new ClosedError()
    const { schema, ...hooks } = options
    const set = new HookSet<T>(hooks, schema, this.#clock, this.#checked.hookTimeoutMillis)
    const watch = new Watch<T>(key, set, (gone) => this.#updates.remove(gone as unknown as Watch<unknown>))
    this.#updates.add(watch as unknown as Watch<unknown>)
    return watch
  }

  /** Resolves when every version that has arrived was applied or rejected. */
  async settled(): Promise<void> {
    await this.#updates.idle()
  }

  /** Stored for this instance at its present revision. Throws `ReportError`. */
  async reportHealth(
    status: keyof typeof healths,
    message = "",
    metrics: Readonly<Record<string, number>> = {}
  ): Promise<boolean> {
    if (this.state === "closed") throw new ClosedError()
    const { service, instance, environment } = this.#checked
    return this.#transport.reportHealth(
      ReportHealthRequest.fromPartial({
        serviceName: service,
        instanceId: instance,
        environment,
        revision: this.#values.position().revision,
        health: healths[status],
        message,
        metrics
      })
    )
  }

  /** Ends watches and the stream; what is good is on disk afterwards. Values can still be read, as stale. */
  async close(): Promise<void> {
    this.#updates.close()
    this.#acks.flush()
    await this.#connection.close()
    this.#transport.close()
    await this.#disk?.flush()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(): Promise<void> {
    const kept = await this.#disk?.load()
    if (kept !== undefined) this.#feed.resume(kept)
    const { connectTimeoutMillis } = this.#checked
    let last: Ended | undefined
    const cancel = this.#clock.after(connectTimeoutMillis, () => this.#outcome("late"))
    try {
      await new Promise<void>((resolve, reject) => {
        this.#outcome = (kind, why) => {
          last = why ?? last
          if (kind === "synced") return resolve()
          const local = !this.#options.waitForSync && this.#values.keys().length > 0
          if (local) {
            this.#tryLocal()
            return resolve()
          }
          if (kind === "late" || (this.state === "failed" && !this.#options.waitForSync)) reject(this.#gaveUp(last))
        }
        this.#connection.open()
      })
    } catch (error) {
      await this.close()
      throw error
    } finally {
      cancel()
      this.#outcome = () => {}
    }
    await this.#updates.idle()
  }

  #gaveUp(last: Ended | undefined): ConnectError {
    const { address, connectTimeoutMillis } = this.#checked
    const why = last === undefined ? `no answer in ${connectTimeoutMillis} ms` : last.message
    const fix = this.#options.waitForSync
      ? "Check the address, the port and the token, or allow local values with waitForSync: false."
      : "Check the address, the port and the token, or give lastKnownGood, bootstrap or defaults to start without a server."
    return new ConnectError(
      last?.code ?? "HRLD-5101",
      `${address} did not send the configuration: ${why}. ${fix}`,
      last?.status
    )
  }

  #tryLocal(): void {
    if (this.#triedLocal) return
    this.#triedLocal = true
    this.#updates.tryLocal()
  }

  #rejected(version: Version, reason: string): void {
    this.#acks.rejected(version, reason)
    const { key, revision } = version
    this.#emit({ type: "rejected", key, version: version.version, revision, reason })
  }

  #became(state: State, former: State, why: Ended | undefined): void {
    this.#values.live = state === "live"
    try {
      this.#options.onStateChange?.(state, former, why)
    } catch (error) {
      reportError(error)
    }
    if (state !== "live") return
    this.#acks.flush()
    this.#outcome("synced")
  }

  #emit(event: ClientEvent): void {
    try {
      this.#options.onEvent?.(event)
    } catch (error) {
      reportError(error)
    }
  }
}

/** A listener's defect must not stop updates, nor hide: it surfaces as an uncaught exception of its own. */
const reportError = (error: unknown): void => {
  queueMicrotask(() => {
    throw error
  })
}
