/** Streams by one credential at every door of a server with TLS, by clients of Herald, grpc-js and ws: what ended, and what was said of it. */
import { readFileSync } from "node:fs"
import { request } from "node:https"
import { type ClientDuplexStream, credentials, Metadata, type ServiceError } from "@grpc/grpc-js"
import { WebSocket } from "ws"
import {
  type ConfigUpdate,
  DistributionServiceClient,
  SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import type { Issued } from "./Authority.ts"
import { waitUntil } from "./waitUntil.ts"

export interface Place {
  /** `https://127.0.0.1:8080`. */
  readonly http: string
  readonly grpc: string
  /** PEM. */
  readonly ca: string
}

/** What is shown: a token, or a certificate. */
export type Credential = { readonly token: string } | { readonly issued: Issued }

export interface Stream {
  readonly isOpen: () => boolean
  /** Undefined: it did not end. What was said of it; nothing of those that can't say it. */
  readonly ended: () => string | undefined
  readonly close: () => unknown
}

const pairOf = (shown: Credential) =>
  "token" in shown ? undefined : { cert: readFileSync(shown.issued.certificate), key: readFileSync(shown.issued.key) }
const headersOf = (shown: Credential): Record<string, string> =>
  "token" in shown ? { authorization: `Bearer ${shown.token}` } : {}
const first = { serviceName: "ends.svc", environment: "production", keys: ["ends.*"], control: true }
let instances = 0
const instanceOf = () => `i${instances++}`

/** The SDK, over the lane. */
const byClient = async ({ grpc, ca }: Place, shown: Credential): Promise<Stream> => {
  const pair = pairOf(shown)
  let open = false
  let why: string | undefined
  const client = await HeraldClient.connect({
    ...{ address: grpc, service: "ends.svc", instance: instanceOf(), environment: "production", keys: ["ends.*"] },
    ...("token" in shown ? { token: shown.token } : {}),
    tls: {
      rootCertificates: ca,
      ...(pair === undefined ? {} : { certificateChain: pair.cert, privateKey: pair.key })
    },
    reconnect: { capMillis: 500 },
    onStateChange: (state, _, ended) => {
      if (state === "live") open = true
      else if (open) why ??= `${ended?.code ?? ""} ${ended?.message ?? ""}`
    }
  })
  return { isOpen: () => open && why === undefined, ended: () => why, close: () => client.close() }
}

const byGrpcJs = ({ grpc, ca }: Place, shown: Credential): Stream => {
  const pair = pairOf(shown)
  const secured = credentials.createSsl(Buffer.from(ca), pair?.key ?? null, pair?.cert ?? null)
  const options = { "grpc.use_local_subchannel_pool": 1, "grpc.ssl_target_name_override": "localhost" }
  const client = new DistributionServiceClient(grpc, secured, options)
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headersOf(shown))) metadata.set(name, value)
  const call: ClientDuplexStream<SubscribeRequest, ConfigUpdate> = client.subscribe(metadata)
  let open = false
  let why: string | undefined
  call.on("data", () => (open = true))
  call.on("error", ({ code, details }: ServiceError) => (why ??= `${code} ${details}`))
  call.on("end", () => (why ??= "end"))
  call.write(SubscribeRequest.fromPartial({ ...first, instanceId: instanceOf() }))
  const close = () => {
    call.cancel()
    client.close()
  }
  return { isOpen: () => open && why === undefined, ended: () => why, close }
}

const byWebSocket = ({ http, ca }: Place, shown: Credential): Stream => {
  const headers = headersOf(shown)
  const url = `${http.replace(/^http/, "ws")}/v1/stream`
  const socket = new WebSocket(url, "herald.v1.json", { ca, headers, ...pairOf(shown) })
  let open = false
  let why: string | undefined
  socket.on("open", () => socket.send(JSON.stringify({ subscribe: { ...first, instanceId: instanceOf() } })))
  socket.on("message", (data) => {
    if (/"update"/.test(String(data))) open = true
  })
  socket.on("error", () => {})
  socket.on("close", (code, reason) => (why ??= `${code} ${reason}`))
  return { isOpen: () => open && why === undefined, ended: () => why, close: () => socket.terminate() }
}

/** Server-sent events. `path`: with a ticket, or the credential goes along. */
const byEvents = ({ http, ca }: Place, path: string, shown: Credential | undefined): Stream => {
  let open = false
  let why: string | undefined
  let text = ""
  const its = shown === undefined ? {} : { headers: headersOf(shown), ...pairOf(shown) }
  const asked = request(`${http}${path}`, { ca, agent: false, ...its }, (answer) => {
    open = answer.statusCode === 200
    answer.setEncoding("utf8").on("data", (piece) => (text += piece))
    answer.on("close", () => (why ??= `${answer.statusCode} ${text}`))
  })
  asked.on("error", ({ message }) => (why ??= message)).end()
  return { isOpen: () => open && why === undefined, ended: () => why, close: () => asked.destroy() }
}

export interface Said {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers by hand
  readonly body: any
}
/** One request on a connection of its own. Undefined: that was closed on it. */
export const ask = (
  { http, ca }: Place,
  shown: Credential,
  method: string,
  path: string,
  value?: unknown
): Promise<Said | undefined> =>
  new Promise((resolve) => {
    const headers = { "content-type": "application/json", ...headersOf(shown) }
    const asked = request(`${http}${path}`, { ca, agent: false, method, headers, ...pairOf(shown) }, (answer) => {
      let text = ""
      answer.setEncoding("utf8").on("data", (piece) => (text += piece))
      answer.on("end", () =>
        resolve({ status: answer.statusCode!, body: text.startsWith("{") ? JSON.parse(text) : text })
      )
    })
    asked.on("error", () => resolve(undefined)).end(value === undefined ? undefined : JSON.stringify(value))
  })

/** What an OFREP provider asks again and again. */
export const poll = (place: Place, shown: Credential) =>
  ask(place, shown, "POST", "/ofrep/v1/evaluate/flags", { context: { targetingKey: "ann" } })

export const DOORS = ["client", "grpc-js", "WebSocket", "SSE", "OFREP SSE by token", "OFREP SSE by ticket"] as const
export type Door = (typeof DOORS)[number]

/** All of them, once all are open; or why one of them is not: the credential had ended before. */
export const openAll = async (place: Place, shown: Credential): Promise<ReadonlyMap<Door, Stream> | string> => {
  const polled = await poll(place, shown)
  if (polled?.status !== 200) return `${polled?.status} ${polled?.body.code}`
  const ticketed: string = polled.body.eventStreams[0].endpoint.requestUri
  const all = new Map<Door, Stream>([
    ["grpc-js", byGrpcJs(place, shown)],
    ["WebSocket", byWebSocket(place, shown)],
    ["SSE", byEvents(place, "/v1/events?environment=production", shown)],
    ["OFREP SSE by token", byEvents(place, "/ofrep/v1/events?environment=production", shown)],
    ["OFREP SSE by ticket", byEvents(place, ticketed, undefined)],
    ["client", await byClient(place, shown)]
  ])
  const settled = await waitUntil("all to be open", () => {
    const [door, ended] = [...all].find(([, stream]) => stream.ended() !== undefined) ?? []
    if (ended !== undefined) return `${door}: ${ended.ended()}`
    return [...all.values()].every((stream) => stream.isOpen()) ? all : undefined
  })
  if (typeof settled === "string") for (const stream of all.values()) await stream.close()
  return settled
}
