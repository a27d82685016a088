/** A caller at the gRPC door who sends whatever he likes, and what the server made of it. */
import { type ClientHttp2Session, connect } from "node:http2"
import zlib from "node:zlib"
import { vi } from "@effect/vitest"
import { Effect, Metric } from "effect"
import {
  HeartbeatRequest,
  ReportHealthRequest,
  SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"

export const SERVICE = "herald.distribution.v1.DistributionService"
/** An empty ack is two bytes. */
export const acks = (bytes: number) => Buffer.alloc(bytes, Buffer.from([0x5a, 0]))

/** Counts how often anything of a message was looked at. */
export const looks = () => {
  const spies = [SubscribeRequest, HeartbeatRequest, ReportHealthRequest].map((type) => vi.spyOn(type, "decode"))
  const unpack = [vi.spyOn(zlib, "createGunzip"), vi.spyOn(zlib, "createInflate")]
  return () => [...spies, ...unpack].reduce((sum, spy) => sum + spy.mock.calls.length, 0)
}

export interface Call {
  grpc: string | undefined
  /** It got the beginning of an answer, whatever that says. */
  heard: boolean
  closed: boolean
}
/** Calls on an existing connection; sends nothing but `body`, and does not end, unless `ends`. */
export const call = (
  session: ClientHttp2Session,
  method: string,
  body: Uint8Array,
  headers: Record<string, string> = {},
  ends = false
) => {
  const said: Call = { grpc: undefined, heard: false, closed: false }
  const note = (head: Record<string, unknown>) => {
    said.heard = true
    said.grpc ??= head["grpc-status"] as string | undefined
  }
  const stream = session.request({
    ":method": "POST",
    ":path": `/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers
  })
  stream.on("response", note)
  stream.on("trailers", note)
  stream.on("error", () => {})
  stream.on("close", () => {
    said.closed = true
  })
  stream.resume()
  if (ends) stream.end(body)
  else stream.write(body)
  return said
}

export const dial = (address: string) => {
  const session = connect(`http://${address}`, { maxSessionMemory: 1_000 })
  session.on("error", () => {})
  session.setMaxListeners(0)
  return session
}

/** How often a door refused something since this was made. */
export const counted = (door: "grpc" | "http", reason: string) => {
  const now = async () => {
    const all = await Effect.runPromise(Metric.snapshot)
    const found = all.find(
      ({ id, attributes }) =>
        id === "herald_refused_total" && attributes?.["reason"] === reason && attributes["door"] === door
    )
    return Number((found?.state as { count?: number } | undefined)?.count ?? 0)
  }
  const before = now()
  return async () => (await now()) - (await before)
}
