/** What `HeraldClient.connect` takes. Wrong options throw `OptionError` before anything is opened. */
import type { State } from "./Connection.ts"
import type { Source } from "./Entry.ts"
import type { HealthStatus } from "./Health.ts"
import type { Hooks } from "./Hooks.ts"
import type { Ended } from "./Transport.ts"

/**
 * Sent as `authorization: Bearer …`. A function is called for every connection and health report, so a token can rotate; `signal` is
 * aborted when `connectTimeoutMillis` is over.
 */
export type Token =
  | string
  | ((ask: { readonly signal: AbortSignal }) => string | undefined | Promise<string | undefined>)

export type Tls =
  | boolean
  | {
      /** PEM; the system's roots when left out. */
      readonly rootCertificates?: string | Uint8Array | undefined
      readonly privateKey?: string | Uint8Array | undefined
      readonly certificateChain?: string | Uint8Array | undefined
      /** The name in the server's certificate, when it is not the address. */
      readonly serverName?: string | undefined
    }

/** How the application is. `undefined`: it has nothing to say, and nothing is reported. */
export type HealthAnswer =
  | HealthStatus
  | {
      readonly status: HealthStatus
      /** Why, for people. */
      readonly message?: string | undefined
      /** Numbers by name; counters since the process began, where gates of rollouts ask for rates. */
      readonly metrics?: Readonly<Record<string, number>> | undefined
    }
  | undefined

/** Something an operator may want in a log. Plain data: it can be given to `JSON.stringify`. */
export type ClientEvent =
  | {
      readonly type: "rejected"
      readonly key: string
      readonly version: number
      /** A whole number below 2^53. */
      readonly revision: number
      readonly reason: string
    }
  | { readonly type: "local-rejected"; readonly key: string; readonly source: Source; readonly reason: string }
  | { readonly type: "problem"; readonly key: string; readonly reason: string }
  | { readonly type: "last-known-good"; readonly message: string }
  | { readonly type: "resync"; readonly key: string; readonly reason: string }
  | { readonly type: "drain"; readonly reconnectAfterMillis: number }
  /** The node we are connected to can no longer confirm, or can again, that what it has sent is the newest. */
  | { readonly type: "freshness"; readonly confirmed: boolean }
  /** What is reported of flags: something was left out, or can't be taken. */
  | { readonly type: "report"; readonly message: string }
  /** A function of the application threw or rejected (`onStateChange` or a watch's `onStale`), or `health` gave no answer that there is. */
  | { readonly type: "listener-failed"; readonly listener: string; readonly reason: string }
  | {
      readonly type: "disconnected"
      readonly status: number
      readonly code: string | undefined
      readonly message: string
    }

export interface ConnectOptions extends Hooks<unknown> {
  /** `host:port` of a Herald gRPC port, or of several nodes, which are tried one after the other in a random order. */
  readonly address: string | ReadonlyArray<string>
  readonly service: string
  /** Unique in the service and environment; made of host, process id and a random part when left out. */
  readonly instance?: string | undefined
  /** "production" when left out. */
  readonly environment?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Exact keys or `prefix.*`; the service's own name and `<service>.*` when left out. */
  readonly keys?: ReadonlyArray<string> | undefined
  /**
   * Feature flags of the environment as well: all, or those named exactly or as `prefix.*`. With an empty list of `keys` nothing but flags.
   * They are in `flags` and evaluated by what `herald/openfeature` gives; hooks and `keys()` have nothing of them.
   */
  readonly flags?: boolean | ReadonlyArray<string> | undefined
  readonly token?: Token | undefined
  readonly tls?: Tls | undefined
  /** `http://host:port` of an HTTP proxy (CONNECT). None when left out, whatever the environment says, and never for this machine. */
  readonly proxy?: string | undefined
  /** Where values survive a restart without a server. Nothing is written when left out. */
  readonly lastKnownGood?:
    | {
        readonly directory: string
        /** Milliseconds between a change and its writing. 100. */
        readonly delayMillis?: number | undefined
        /** Names of the labels that a file is bound to: those that templates use, when others change at each start. All when left out. */
        readonly labels?: ReadonlyArray<string> | undefined
      }
    | false
    | undefined
  /** Values shipped with the application: a JSON object of key → value. */
  readonly bootstrap?: { readonly file: string } | { readonly values: Readonly<Record<string, unknown>> } | undefined
  readonly defaults?: Readonly<Record<string, unknown>> | undefined
  /** True: only a server will do. False, the default: local values will, once an attempt failed or `connectTimeoutMillis` passed. */
  readonly waitForSync?: boolean | undefined
  /** How long `connect` waits, in milliseconds. 10,000. */
  readonly connectTimeoutMillis?: number | undefined
  readonly onStateChange?: ((state: State, former: State, why: Ended | undefined) => void) | undefined
  readonly onEvent?: ((event: ClientEvent) => void) | undefined
  /** Gets a line when a listener failed and `onEvent` can't be told. `console.error` when left out. */
  readonly logger?: ((line: string) => void) | undefined
  readonly reconnect?:
    | {
        /** The longest first delay, in milliseconds; it doubles from there. 250. */
        readonly baseMillis?: number | undefined
        /** The longest delay, in milliseconds. 20,000. */
        readonly capMillis?: number | undefined
        /** A connection that was live for so many milliseconds starts the backoff over. 10,000. */
        readonly stableMillis?: number | undefined
      }
    | undefined
  /** Milliseconds between heartbeats to the server. 30,000. */
  readonly heartbeatMillis?: number | undefined
  /** A server that has said nothing for so many milliseconds is given up. 90,000. */
  readonly silenceMillis?: number | undefined
  /** A hook that takes longer, in milliseconds, has failed, and its signal is aborted. 30,000. */
  readonly hookTimeoutMillis?: number | undefined
  /**
   * Says how the application is: asked after something was applied, when the client is live again, and every `healthMillis`. What it says is
   * reported when it is news. Throwing, or taking longer than `hookTimeoutMillis`, is "unhealthy". Rollouts take themselves back by it.
   */
  readonly health?: ((ask: { readonly signal: AbortSignal }) => HealthAnswer | Promise<HealthAnswer>) | undefined
  /** Milliseconds from an answer of `health` to the next question, about. 5,000. */
  readonly healthMillis?: number | undefined
}
