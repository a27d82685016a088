/** What `HeraldClient.connect` takes. Wrong options throw `OptionError` before anything is opened. */
import { OptionError } from "./ClientError.ts"
import type { State } from "./Connection.ts"
import type { Source } from "./Entry.ts"
import type { Hooks } from "./Hooks.ts"
import type { Ended } from "./Transport.ts"

/** Sent as `authorization: Bearer …`. A function is asked at every connection, so a token can rotate. */
export type Token = string | (() => string | undefined | Promise<string | undefined>)

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

/** Something an operator may want in a log. */
export type ClientEvent =
  | {
      readonly type: "rejected"
      readonly key: string
      readonly version: number
      readonly revision: bigint
      readonly reason: string
    }
  | { readonly type: "local-rejected"; readonly key: string; readonly source: Source; readonly reason: string }
  | { readonly type: "problem"; readonly key: string; readonly reason: string }
  | { readonly type: "last-known-good"; readonly message: string }
  | { readonly type: "resync"; readonly key: string; readonly reason: string }
  | { readonly type: "drain"; readonly reconnectAfterMillis: number }
  | {
      readonly type: "disconnected"
      readonly status: number
      readonly code: string | undefined
      readonly message: string
    }

export interface ConnectOptions extends Hooks<unknown> {
  /** `host:port` of a Herald gRPC port; or of several nodes, which are tried in an order of the client's own, the next one on failure. */
  readonly address: string | ReadonlyArray<string>
  readonly service: string
  /** Unique in the service and environment; host, process and chance when left out. */
  readonly instance?: string | undefined
  /** "production" when left out. */
  readonly environment?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Exact keys or `prefix.*`; the service's own name and `<service>.*` when left out. */
  readonly keys?: ReadonlyArray<string> | undefined
  readonly token?: Token | undefined
  readonly tls?: Tls | undefined
  /** Where values survive a restart without a server. Nothing is written when left out. */
  readonly lastKnownGood?: { readonly directory: string; readonly delayMillis?: number | undefined } | false | undefined
  /** Values shipped with the application: a JSON object of key → value. */
  readonly bootstrap?: { readonly file: string } | { readonly values: Readonly<Record<string, unknown>> } | undefined
  readonly defaults?: Readonly<Record<string, unknown>> | undefined
  /** true: only a server will do. false: local values will, once an attempt failed or `connectTimeoutMillis` passed. */
  readonly waitForSync?: boolean | undefined
  /** How long `connect` waits. 10 000. */
  readonly connectTimeoutMillis?: number | undefined
  readonly onStateChange?: ((state: State, former: State, why: Ended | undefined) => void) | undefined
  readonly onEvent?: ((event: ClientEvent) => void) | undefined
  readonly reconnect?:
    | {
        /** 250. */
        readonly baseMillis?: number | undefined
        /** 20 000. */
        readonly capMillis?: number | undefined
        /** A connection that was live this long starts the backoff over. 10 000. */
        readonly stableMillis?: number | undefined
      }
    | undefined
  /** 30 000. */
  readonly heartbeatMillis?: number | undefined
  /** A server that said nothing for so long is left. 90 000. */
  readonly silenceMillis?: number | undefined
  /** A hook that takes longer has failed. 30 000. */
  readonly hookTimeoutMillis?: number | undefined
}

const positive = (name: string, value: number | undefined, otherwise: number): number => {
  if (value === undefined) return otherwise
  if (Number.isFinite(value) && value > 0) return value
  throw new OptionError(`${name} is ${value}. Give a number of milliseconds above 0.`)
}

const named = (name: string, value: unknown, longest: number): string => {
  if (typeof value === "string" && value !== "" && value.length <= longest) return value
  throw new OptionError(`${name} is ${JSON.stringify(value)}. Give a text of 1 to ${longest} characters.`)
}

const addressesOf = (address: string | ReadonlyArray<string>): string => {
  const all = typeof address === "string" ? [address] : address
  if (all.length === 0) throw new OptionError("address is empty. Give the host:port of at least one node.")
  return all.map((one) => named("address", one, 1024)).join(", ")
}

export type Checked = ReturnType<typeof check>

export const check = (options: ConnectOptions, instanceName: () => string) => {
  const labels = options.labels ?? {}
  if (Object.keys(labels).length > 64) throw new OptionError("labels has more than 64 names. Give at most 64.")
  for (const [name, value] of Object.entries(labels)) {
    if (typeof value !== "string") throw new OptionError(`the label "${name}" is not a text. Labels are texts.`)
  }
  const service = named("service", options.service, 128)
  const keys = [...(options.keys ?? [])]
  return {
    address: addressesOf(options.address),
    service,
    instance: named("instance", options.instance ?? instanceName(), 128),
    environment: named("environment", options.environment ?? "production", 50),
    labels,
    keys,
    /** What the server makes of no keys. */
    patterns: keys.length > 0 ? keys : [service, `${service}.*`],
    connectTimeoutMillis: positive("connectTimeoutMillis", options.connectTimeoutMillis, 10_000),
    hookTimeoutMillis: positive("hookTimeoutMillis", options.hookTimeoutMillis, 30_000),
    connection: {
      baseMillis: positive("reconnect.baseMillis", options.reconnect?.baseMillis, 250),
      capMillis: positive("reconnect.capMillis", options.reconnect?.capMillis, 20_000),
      stableMillis: positive("reconnect.stableMillis", options.reconnect?.stableMillis, 10_000),
      heartbeatMillis: positive("heartbeatMillis", options.heartbeatMillis, 30_000),
      silenceMillis: positive("silenceMillis", options.silenceMillis, 90_000)
    }
  }
}
