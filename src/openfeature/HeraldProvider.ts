/**
 * OpenFeature's provider for servers, on Herald's own stream: flags are evaluated in this process, and reports on them go out in batches. See
 * docs/flags.md.
 *
 *   HV1  It answers as the server's doors do: values, variants, reasons, error codes; a flag of another type is TYPE_MISMATCH, and where no
 *        variant decides, the caller's own default is served.
 *   HV2  Flags that were here are served whatever becomes of the server: the provider then is stale, or in error when it was refused, and
 *        ready again when they are known to be the newest.
 *   HV3  With neither a server nor flags from before, it begins in error and goes on trying: it becomes ready by itself.
 *   HV4  What changed is told by name, once, after it can be evaluated.
 *   HV5  After `onClose` nothing of it runs; a client that the application gave stays open.
 */
import {
  type EvaluationContext,
  type JsonValue,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  ProviderFatalError,
  type ResolutionDetails,
  type TrackingEventDetails
} from "@openfeature/server-sdk"
import { Backoff } from "../client/Backoff.ts"
import { OptionError } from "../client/ClientError.ts"
import type { ClientFlags, FlagsHome } from "../client/ClientFlags.ts"
import { type ConnectOptions, HeraldClient, type State, type Surroundings } from "../client/HeraldClient.ts"
import { systemClock } from "../client/Platform.ts"
import { type Context, checkFlag, Flags, type FlagType, type Resolution } from "./Flags.ts"
import { pageText } from "./Page.ts"
import { Reporter } from "./Reporter.ts"

export { type Context, checkFlag, type ErrorCode, Flags, type Reason, type Resolution } from "./Flags.ts"

export interface ReportOptions {
  /** Milliseconds between two reports, about. 10,000. */
  readonly everyMillis?: number | undefined
  /**
   * Of which flags it is reported who was shown what (a targeting key and a variant, once a day): those whose purpose is an experiment, which is
   * the default; all; or none.
   */
  readonly exposures?: "experiments" | "all" | "none" | undefined
}

export type HeraldProviderOptions = {
  /** False: nothing is reported. */
  readonly report?: ReportOptions | false | undefined
} & (
  | ConnectOptions
  | {
      /** One that was connected with `flags`. It stays open when the provider is closed. */
      readonly client: HeraldClient
    }
)

type Details<T> = ResolutionDetails<T> & { readonly value: T }

/** What it has while it is connected. */
interface Open {
  readonly client: HeraldClient
  readonly flags: Flags
  readonly reporter: Reporter | undefined
  readonly stop: () => void
}

export class HeraldProvider implements Provider {
  readonly metadata = { name: "herald" } as const
  readonly runsOn = "server" as const
  readonly events: OpenFeatureEventEmitter = new OpenFeatureEventEmitter()
  readonly #options: HeraldProviderOptions
  readonly #surroundings: Surroundings
  readonly #exposures: NonNullable<ReportOptions["exposures"]>
  #open: Open | undefined
  /** Grows with each `initialize` and `onClose`: what began before is over. HV5 */
  #life = 0
  #cancelRetry = () => {}
  /** What the application was told last. */
  #told: ProviderEvents | undefined

  constructor(options: HeraldProviderOptions, surroundings: Surroundings = {}) {
    this.#options = options
    this.#surroundings = surroundings
    this.#exposures = (options.report === false ? undefined : options.report?.exposures) ?? "experiments"
  }

  async initialize(): Promise<void> {
    const life = ++this.#life
    const { clock = systemClock } = this.#surroundings
    const backoff = new Backoff(clock, { baseMillis: 1_000, capMillis: 20_000 })
    const isOver = () => life !== this.#life
    const again = () => {
      this.#cancelRetry = clock.after(backoff.next(), async () => {
        const error = await this.#connect(isOver).catch((error: unknown) => error)
        if (isOver()) return
        if (error !== undefined) return again() // HV3
        this.#look()
      })
    }
    try {
      await this.#connect(isOver)
      this.#told = ProviderEvents.Ready // the SDK says so itself
      clock.soon(() => isOver() || this.#look())
    } catch (error) {
      if (error instanceof OptionError) throw new ProviderFatalError(error.message)
      if (!isOver()) again()
      throw error
    }
  }

  async onClose(): Promise<void> {
    this.#life++
    this.#cancelRetry()
    const open = this.#open
    this.#open = undefined
    this.#told = undefined
    if (open === undefined) return
    open.stop()
    await open.reporter?.close()
    if (!("client" in this.#options)) await open.client.close()
  }

  async resolveBooleanEvaluation(name: string, own: boolean, context: EvaluationContext): Promise<Details<boolean>> {
    return this.#resolve("boolean", name, own, context)
  }

  async resolveStringEvaluation(name: string, own: string, context: EvaluationContext): Promise<Details<string>> {
    return this.#resolve("string", name, own, context)
  }

  async resolveNumberEvaluation(name: string, own: number, context: EvaluationContext): Promise<Details<number>> {
    return this.#resolve("number", name, own, context)
  }

  async resolveObjectEvaluation<T extends JsonValue>(
    name: string,
    own: T,
    context: EvaluationContext
  ): Promise<Details<T>> {
    return this.#resolve("object", name, own, context)
  }

  /** What a user did, for experiments: only the targeting key of the context is reported, and what `details` holds. Never throws. */
  track(name: string, context: EvaluationContext = {}, { value, ...more }: TrackingEventDetails = {}): void {
    const { reporter, client } = this.#open ?? {}
    if (reporter === undefined || reporter.gathered.tracked(name, context.targetingKey, value, more)) return
    const message = `"${String(name).slice(0, 40)}" is not reported: it needs a targeting key of at most 256 characters, and details that are at most 16 texts, numbers, true or false, in 1,024 bytes`
    client?.flags.home.listeners.event({ type: "report", message })
  }

  /**
   * Flags as JSON for a page that is rendered here, in the form of OFREP's answer for all flags. It can stand in a script of HTML as it is.
   * `only`: names, and `prefix.*`; all when left out, which then count as used by nobody. Everything in it can be read by the page's user.
   */
  bootstrap(context: EvaluationContext = {}, only?: ReadonlyArray<string>): string {
    return pageText(this.#open?.flags.several(plain(context), only) ?? []) // PJ2
  }

  /** Sends what is to be reported now, and waits for the answer; false when it was not taken. */
  async flush(): Promise<boolean> {
    return (await this.#open?.reporter?.flush()) ?? true
  }

  /** HV1 */
  #resolve<T>(type: FlagType, name: string, own: T, context: EvaluationContext): Details<T> {
    const open = this.#open
    if (open === undefined) return { value: own, reason: "ERROR", errorCode: NOT_READY, errorMessage: "no flags yet" }
    const resolution = open.flags.evaluate(name, plain(context), type)
    const { value, variant } = resolution
    const its = detailsOf(resolution, name, open.client.flags)
    if (value === undefined) return { ...its, value: own }
    if (open.reporter !== undefined && variant !== undefined && this.#exposures !== "none")
      this.#expose(open, open.reporter, name, variant, context)
    return its as Details<T>
  }

  #expose({ client }: Open, { gathered }: Reporter, name: string, variant: string, context: EvaluationContext): void {
    const held = client.flags.held(name)
    if (held === undefined) return
    const wanted = this.#exposures === "all" || (held.said as { purpose?: unknown }).purpose === "experiment"
    if (wanted) gathered.exposed(name, held.version, variant, context.targetingKey)
  }

  async #connect(isOver: () => boolean): Promise<undefined> {
    const { report, ...options } = this.#options
    const own = !("client" in options)
    if (!own && !(options.client as HeraldClient).flags.wanted)
      throw new OptionError("client was connected without flags. Connect it with flags: true.")
    const client = own
      ? await HeraldClient.connect(
          { keys: [], ...(options as ConnectOptions), flags: (options as ConnectOptions).flags || true },
          { ...this.#surroundings, checkFlag }
        )
      : (options.client as HeraldClient)
    if (isOver()) {
      if (own) await client.close()
      return
    }
    const flags = new Flags(client)
    const { home } = client.flags
    this.#open = {
      client,
      flags,
      reporter: report === false ? undefined : this.#reporter(flags, home, report?.everyMillis),
      stop: client.flags.listen({
        changed: (flagsChanged) =>
          this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [...flagsChanged] }), // HV4
        state: () => this.#look()
      })
    }
  }

  #reporter(flags: Flags, home: FlagsHome, everyMillis = 10_000): Reporter | undefined {
    return home.report === undefined ? undefined : new Reporter(flags, home, everyMillis)
  }

  /** Tells the application what it is now, when that is another. HV2 */
  #look(): void {
    const client = this.#open?.client
    if (client === undefined) return
    const now = eventOf(client.state, client.confirmed)
    if (now === undefined || now === this.#told) return
    this.#told = now
    this.events.emit(now, now === ProviderEvents.Ready ? {} : { message: WHY[client.state] ?? UNSURE })
  }
}

const NOT_READY = "PROVIDER_NOT_READY" as never

const eventOf = (state: State, confirmed: boolean) => {
  if (state === "live") return confirmed ? ProviderEvents.Ready : ProviderEvents.Stale
  return state === "failed" ? ProviderEvents.Error : state === "closed" ? undefined : ProviderEvents.Stale
}

const UNSURE = "the server can't confirm with its database that these flags are the newest"
const WHY: Readonly<Record<string, string>> = {
  connecting: "the server is not reached; the flags from before are served",
  stale: "the server is gone; the flags from before are served",
  failed: "the server refuses this client; the flags from before are served"
}

const made = new WeakMap<Resolution, ResolutionDetails<unknown>>()

/**
 * Without a value where the caller's own is served. One for all who get the same: a resolution is of one version of one flag. The metadata has what
 * OpenTelemetry's conventions ask for, by OpenFeature's names.
 */
const detailsOf = (
  resolution: Resolution,
  name: string,
  flags: ClientFlags
): Omit<ResolutionDetails<unknown>, "value"> => {
  let details = made.get(resolution)
  if (details === undefined) {
    const { value, variant, reason, errorCode, errorDetails, metadata } = resolution
    const held = flags.held(name)
    const of = { flagSetId: flags.home.environment, ...(held === undefined ? {} : { version: String(held.version) }) }
    details = {
      ...(value === undefined ? {} : { value }),
      ...(variant === undefined ? {} : { variant }),
      reason,
      ...(errorCode === undefined ? {} : { errorCode: errorCode as never }),
      ...(errorDetails === undefined ? {} : { errorMessage: errorDetails }),
      flagMetadata: { ...of, ...metadata }
    } as ResolutionDetails<unknown>
    made.set(resolution, Object.freeze(details))
  }
  return details
}

/** As JSON says it: OpenFeature's contexts may have dates. */
const plain = (context: EvaluationContext): Context => {
  for (const name in context) if (isDated(context[name], 0)) return JSON.parse(JSON.stringify(context)) as Context
  return context
}

/** Levels of a context that are looked at; what is deeper, or goes in a circle, is as `JSON.stringify` takes it. */
const LEVELS = 32

const isDated = (value: unknown, depth: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (value instanceof Date || depth > LEVELS) return true
  return Object.values(value).some((one) => isDated(one, depth + 1))
}
