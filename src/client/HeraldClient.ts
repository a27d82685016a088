/**
 * The Herald SDK for Node, Deno and browsers: configuration that follows the server and survives it. See docs/sdk.md.
 *
 *   SDK1  Order of sources: live > disk (last known good) > bootstrap > default.
 *   SDK2  While the server is gone every value that was good is still served, marked stale; strict keys throw `StaleError`.
 *   SDK3  A value never goes back to a lower revision of the same epoch, whatever the network does.
 *   SDK4  Time is monotonic: no decision looks at the wall clock.
 *   SDK5  After `close` nothing is applied, answered, told or written, and nothing keeps the process alive.
 */
import { Acks } from "./Acks.ts"
import { readBootstrap } from "./Bootstrap.ts"
import { type Checked, check } from "./CheckedOptions.ts"
import { type Checkup, checkup } from "./Checkup.ts"
import { ClosedError, MissingKeyError, StaleError } from "./ClientError.ts"
import { ClientFlags } from "./ClientFlags.ts"
import { Connection, type State } from "./Connection.ts"
import { dial } from "./Dial.ts"
import type { Entry, Version } from "./Entry.ts"
import { Feed } from "./Feed.ts"
import { gaveUp } from "./GaveUp.ts"
import { type HealthStatus, healthReport } from "./Health.ts"
import { type HookLimits, HookSet, Running } from "./Hooks.ts"
import { Lanes } from "./Lanes.ts"
import { LastKnownGood } from "./LastKnownGood.ts"
import { Listeners } from "./Listeners.ts"
import type { ConnectOptions } from "./Options.ts"
import { instanceName, systemClock } from "./Platform.ts"
import { decode, type StandardSchemaV1 } from "./StandardSchema.ts"
import { StrictKeys } from "./StrictKeys.ts"
import type { Surroundings } from "./Surroundings.ts"
import type { Ended, Transport } from "./Transport.ts"
import { type Topic, Topics } from "./topics/Topics.ts"
import { Updates } from "./Updates.ts"
import { Values } from "./Values.ts"
import { Watch, type WatchOptions } from "./Watch.ts"

export * from "./Public.ts"

export class HeraldClient implements AsyncDisposable {
  /** The feature flags that `flags` of the options asked for. */
  readonly flags: ClientFlags
  readonly #checked: Checked
  readonly #transport: Transport
  readonly #values: Values
  readonly #updates: Updates
  readonly #acks: Acks
  readonly #connection: Connection
  readonly #feed: Feed
  readonly #disk: LastKnownGood | undefined
  readonly #listeners: Listeners
  readonly #limits: HookLimits
  readonly #strict: StrictKeys
  readonly #checkup: Checkup | undefined
  readonly #topics: Topics
  /** Who waits for the first sync. */
  #gate: { readonly synced: () => void; readonly failed: (why: Ended) => void } | undefined
  #triedLocal = false
  #opened = false
  #closing: Promise<void> | undefined

  /**
   * Resolves when the first sync has been applied; or, with the server gone or refusing, when local values can serve.
   * Throws `OptionError`, or `ConnectError` when neither a server nor a local value is there.
   */
  static async connect(options: ConnectOptions, surroundings: Surroundings = {}): Promise<HeraldClient> {
    const checked = check(options, instanceName)
    const client = new HeraldClient(checked, await readBootstrap(checked.bootstrap), surroundings)
    await client.#start()
    return client
  }

  private constructor(checked: Checked, bootstrap: ReadonlyMap<string, unknown>, surroundings: Surroundings) {
    const { addresses: address, connectTimeoutMillis: tokenMillis } = checked
    const transport = surroundings.transport ?? dial({ ...checked.dialling, address, tokenMillis })
    const { clock = systemClock, checkFlag } = surroundings
    this.#checked = checked
    this.#transport = transport
    this.#listeners = new Listeners(checked.listeners, clock)
    const home = { ...checked, clock, report: transport.report?.bind(transport), listeners: this.#listeners }
    this.flags = new ClientFlags(home, checkFlag)
    this.#values = new Values({ bootstrap, defaults: new Map(Object.entries(checked.defaults)) })
    this.#acks = new Acks(clock, (acks) => this.#connection.send({ acks }))
    if (checked.lastKnownGood) {
      const snapshot = () => ({ ...this.#values.position(), versions: this.#values.held() })
      this.#disk = new LastKnownGood({ ...checked, ...checked.lastKnownGood }, clock, snapshot, (message) =>
        this.#listeners.event({ type: "last-known-good", message })
      )
    }
    this.#limits = { clock, millis: checked.hookTimeoutMillis, running: new Running() }
    const hooks = new HookSet(checked.hooks, undefined, this.#limits)
    this.#updates = new Updates(this.#values, hooks, new Lanes(this.#limits), {
      applied: (version) => [this.#acks.applied(version), this.#checkup?.applied()],
      rejected: (version, reason) => this.#rejected(version, reason),
      trouble: (key, source, reason) => this.#listeners.event({ type: "local-rejected", key, source, reason }),
      held: (version) => {
        this.#disk?.schedule()
        this.flags.became(version)
      },
      read: (version) => this.flags.read(version),
      settled: (key, published) => this.#strict.look(key, published)
    })
    this.#strict = new StrictKeys(this.#values, this.#updates, this.#listeners)
    const dialling = { address, tokenMillis, ...checked.dialling }
    this.#topics = new Topics(dialling, { clock, transport: surroundings.topics })
    this.#checkup = checkup(checked, this.#limits, this.#values, transport, this.#listeners)
    this.#feed = new Feed(checked, this.#values, this.#updates, {
      rejected: (version, reason) => this.#rejected(version, reason),
      restart: (why) => this.#connection.restart(why),
      event: (event) => this.#listeners.event(event),
      unsure: (unsure) => {
        this.#listeners.event({ type: "freshness", confirmed: !unsure })
        this.#strict.lookAtAll()
        this.flags.state(this.state, this.confirmed)
      }
    })
    this.#connection = new Connection(transport, clock, checked.connection, {
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
        const { status, code, message } = ended
        this.#listeners.event({ type: "disconnected", status, code, message })
        this.#gate?.failed(ended)
      },
      drain: (reconnectAfterMillis) => this.#listeners.event({ type: "drain", reconnectAfterMillis }),
      writable: () => this.#acks.flush()
    })
  }

  get state(): State {
    return this.#connection.state
  }

  /** The client is live, and its node is sure that what it has sent is the newest. */
  get confirmed(): boolean {
    return this.state === "live" && !this.#values.unsure
  }

  get instance(): string {
    return this.#checked.instance
  }

  /** Everything up to this revision of this epoch has been heard and applied. */
  get position(): { readonly epoch: string; readonly revision: number } {
    const { epoch, revision } = this.#values.position()
    return { epoch, revision: Number(revision) }
  }

  /** Every key that has a value. */
  keys(): Array<string> {
    return this.#values.keys()
  }

  /**
   * The current value. Throws `MissingKeyError`; `StaleError` for a strict key that can't be confirmed as the newest; `ValueError`
   * when the value does not fit `schema` (Standard Schema v1, synchronous).
   */
  get<T = unknown>(key: string, schema?: StandardSchemaV1<unknown, T>): T {
    const entry = this.#values.entry(key)
    if (entry === undefined) throw new MissingKeyError(key, this.#checked.environment)
    if (entry.strict && entry.stale) throw new StaleError(key, this.#values.staleness(key) ?? "its value is not live") // SDK2
    return schema === undefined ? (entry.value as T) : decode(key, schema, entry.value)
  }

  /** The value with its source, its version and whether it is stale, for strict keys too; undefined when no source has it. */
  getEntry(key: string): Entry | undefined {
    return this.#values.entry(key)
  }

  /**
   * Calls the hooks with the current value, if there is one, and with each change of a key or `prefix.*`. A hook that refuses rejects the
   * version for this whole client. The watch is also an async iterable of changes. Throws `ClosedError`.
   */
  watch<T = unknown>(key: string, options: WatchOptions<T> = {}): Watch<T> {
    if (this.state === "closed") throw new ClosedError()
    const { schema, onStale, ...hooks } = options
    const set = new HookSet<T>(hooks, schema, this.#limits)
    const watch = new Watch<T>(key, set, onStale, (gone) => this.#updates.remove(gone as unknown as Watch<unknown>))
    this.#updates.add(watch as unknown as Watch<unknown>)
    return watch
  }

  /** A topic to publish to, read and consume. Throws `OptionError` and `ClosedError`. See docs/topics.md. */
  topic(name: string): Topic {
    return this.#topics.topic(name)
  }

  /** Resolves once every version that has arrived is applied or rejected. */
  async settled(): Promise<void> {
    await this.#updates.idle()
  }

  /** Reports this instance's health at its current revision; true when the server took it. Throws `ReportError` or `ClosedError`. */
  async reportHealth(
    status: HealthStatus,
    message = "",
    metrics: Readonly<Record<string, number>> = {}
  ): Promise<boolean> {
    if (this.state === "closed") throw new ClosedError()
    return this.#transport.reportHealth(healthReport(this.#checked, this.#values.position(), status, message, metrics))
  }

  /**
   * Ends hooks, watches and the stream, and writes what is good to disk. Values can still be read, as stale. Running hooks are aborted (by
   * their `signal`) and not waited for. SDK5.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()

  async #close(): Promise<void> {
    this.#updates.close()
    this.#limits.running.stop()
    this.#acks.flush()
    const gone = this.#connection.close()
    this.#listeners.close()
    await Promise.all([gone, this.#topics.close()])
    this.#transport.close()
    await this.#disk?.close()
  }

  async #start(): Promise<void> {
    const { connectTimeoutMillis, waitForSync } = this.#checked
    let last: Ended | undefined
    const cancels: Array<() => void> = []
    const after = <A>(millis: number, what: A) =>
      new Promise<A>((resolve) => cancels.push(this.#limits.clock.after(millis, () => resolve(what))))
    const canServe = () => !waitForSync && this.#values.keys("").length > 0
    try {
      const late = after(connectTimeoutMillis, "late" as const)
      await Promise.race([this.#resume(), after(connectTimeoutMillis / 2, undefined)])
      const answer = new Promise<"done" | "refused">((resolve) => {
        this.#gate = {
          synced: () => resolve("done"),
          failed: (why) => {
            last = why
            if (canServe()) resolve("done")
            else if (this.state === "failed" && !waitForSync) resolve("refused")
          }
        }
        this.#opened = true
        this.#connection.open()
      })
      const outcome = await Promise.race([answer, late])
      if (outcome !== "done" && !(outcome === "late" && canServe())) throw gaveUp(this.#checked, last)
      if (this.state !== "live") this.#tryLocal()
    } catch (error) {
      await this.close()
      throw error
    } finally {
      for (const cancel of cancels) cancel()
      this.#gate = undefined
    }
    await this.#updates.idle()
  }

  /** Reads what is on disk. A disk that does not answer is given up with half of `connect`'s time: the server has the rest. */
  async #resume(): Promise<void> {
    const kept = await this.#disk?.load()
    if (kept === undefined || this.#opened) return
    this.#feed.resume(kept)
    this.flags.resumed(this.#values)
  }

  #tryLocal(): void {
    if (this.#triedLocal) return
    this.#triedLocal = true
    this.#updates.tryLocal()
  }

  #rejected(version: Version, reason: string): void {
    this.#acks.rejected(version, reason)
    const { key, revision } = version
    this.#listeners.event({ type: "rejected", key, version: version.version, revision: Number(revision), reason })
  }

  #became(state: State, former: State, why: Ended | undefined): void {
    this.#values.live = state === "live"
    this.#listeners.state(state, former, why)
    this.#checkup?.live(state === "live")
    this.flags.state(state, this.confirmed)
    if (state !== "closed") this.#strict.lookAtAll()
    if (state !== "live") return
    this.#acks.flush()
    this.#gate?.synced()
  }
}
