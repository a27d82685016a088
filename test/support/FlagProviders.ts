/** OpenFeature's providers of each kind, as they are in their registry, and Herald's own: what one says of a text flag, and of itself. */
import { FlagdProvider } from "@openfeature/flagd-provider"
import { FlagdWebProvider } from "@openfeature/flagd-web-provider"
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider"
import { OpenFeature, ProviderEvents } from "@openfeature/server-sdk"
import { OpenFeature as OnPage, type Provider as PageProvider } from "@openfeature/web-sdk"
import { EventSource } from "eventsource"
import { HeraldProvider } from "../../src/openfeature/HeraldProvider.ts"

/** What a provider gives for a flag that it has not. */
export const OWN = "the caller's own"

export const kinds = ["flagd, in process", "flagd, asking", "flagd-web", "OFREP, in a page", "Herald's own"] as const
export type Kind = (typeof kinds)[number]

export interface Using {
  readonly kind: Kind
  /** Its events, in order: `ready`, `stale`, `error`, `changed`. */
  readonly events: Array<string>
  readonly status: () => string
  readonly details: () => Promise<{ readonly value: string; readonly reason?: string }>
}

export interface At {
  /** `host:port` */
  readonly grpc: string
  /** `http://host:port` */
  readonly http: string
  readonly token: string
}

const NAMES = {
  ready: ProviderEvents.Ready,
  stale: ProviderEvents.Stale,
  error: ProviderEvents.Error,
  changed: ProviderEvents.ConfigurationChanged
} as const

/** Only when to give up: a machine that is starved takes longer than the half second that they have for a call. Milliseconds. */
const PATIENCE = 30_000
const again = { retryBackoffMs: 100, retryBackoffMaxMs: 500, deadlineMs: PATIENCE }

let names = 0

/** Provider and SDK of one kind, once it is ready. Flags are read without a key. `closeProviders` closes all. */
export const using = async (kind: Kind, at: At, flag: string): Promise<Using> => {
  const [host = "", port = ""] = at.grpc.split(":")
  const name = `${kind} ${++names}`
  const events: Array<string> = []
  if (kind === "flagd-web" || kind === "OFREP, in a page") {
    Object.assign(globalThis, { EventSource })
    const provider =
      kind === "flagd-web"
        ? new FlagdWebProvider({ host, port: Number(port), tls: false, maxRetries: 0, maxDelay: 500 })
        : new OFREPWebProvider({ baseUrl: at.http, cacheMode: "disabled", timeoutMs: 60_000 })
    const client = OnPage.getClient(name)
    for (const [word, event] of Object.entries(NAMES)) client.addHandler(event as never, () => void events.push(word))
    await OnPage.setProviderAndWait(name, provider as PageProvider, { targetingKey: "ann" })
    return {
      ...{ kind, events, status: () => String(client.providerStatus) },
      details: async () => client.getStringDetails(flag, OWN)
    }
  }
  const provider =
    kind === "Herald's own"
      ? new HeraldProvider({
          ...{ address: at.grpc, token: at.token, service: "shop", report: false },
          reconnect: { baseMillis: 50, capMillis: 200 }
        })
      : new FlagdProvider({
          ...{ host, port: Number(port), ...again },
          resolverType: kind === "flagd, asking" ? "rpc" : "in-process"
        })
  const client = OpenFeature.getClient(name)
  for (const [word, event] of Object.entries(NAMES)) client.addHandler(event, () => void events.push(word))
  await OpenFeature.setProviderAndWait(name, provider)
  return {
    ...{ kind, events, status: () => String(client.providerStatus) },
    details: () => client.getStringDetails(flag, OWN, { targetingKey: "ann" })
  }
}

export const closeProviders = async (): Promise<void> => {
  await OpenFeature.close()
  await OnPage.close()
}
