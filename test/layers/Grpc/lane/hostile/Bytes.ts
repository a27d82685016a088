/** What a hostile client sends, and what has to become of it. */
import type { Socket } from "node:net"
import { Flag, frame, headersFrame, Type } from "../../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock, type Header } from "../../../../../layers/Grpc/lane/Hpack.ts"
import type { LaneOptions } from "../../../../../layers/Grpc/lane/LaneServer.ts"
import type { Handler } from "../../../../../src/edge/grpc/ServerCall.ts"
import { POST } from "../Peer.ts"

export interface Attack {
  /** After the preface and SETTINGS. */
  readonly before?: ReadonlyArray<Buffer>
  /** Sent `times` times, or until the connection is over; `n` counts from 0. */
  readonly unit: (n: number) => Buffer
  readonly times: number
  /** The GOAWAY that ends it, or "stays". */
  readonly ends: number | "stays"
  /** What is counted of it, and once or more. */
  readonly reason?: string
  /** Microseconds of CPU that each unit may take at most: several times of what it does. */
  readonly micros?: number
  /** Bytes that may be held for it. */
  readonly holds?: number
  /** False: it reads nothing. */
  readonly reads?: boolean
  readonly settings?: ReadonlyArray<readonly [number, number]>
  /** It never acknowledges the server's SETTINGS. */
  readonly unacknowledged?: boolean
  readonly options?: LaneOptions
  /** Beside those of Serving.ts, by path. */
  readonly handlers?: Readonly<Record<string, Handler>>
  /** Looks at it while it is still connected. */
  readonly afterwards?: (attacked: Attacked) => Promise<void> | void
}

export interface Attacked {
  readonly socket: Socket
  readonly count: (type: number) => number
  /** Codes of RST_STREAM, and how often each came. */
  readonly resets: ReadonlyMap<number, number>
  readonly held: () => number
  /** The server's end. */
  readonly end: () => Socket
  readonly calls: { readonly open: number; readonly over: number }
  readonly settle: () => Promise<void>
}

export const request = (id: number, end = false, headers: ReadonlyArray<Header> = POST): Buffer =>
  headersFrame(id, encodeBlock(headers), end)
export const to = (path: string): ReadonlyArray<Header> =>
  POST.map(([name, value]) => [name, name === ":path" ? path : value])
export const talk = (id: number): Buffer => request(id, false, to("/a.B/Talk"))
/** A call whose handler takes nothing and never answers. */
export const hold = (id: number): Buffer => request(id, false, to("/a.B/Sum"))
export const data = (id: number, payload: Uint8Array | string, flags = 0): Buffer =>
  frame(Type.DATA, flags, id, typeof payload === "string" ? Buffer.from(payload) : payload)
/** DATA with so many bytes of content and of padding. */
export const padded = (id: number, content: number, padding: number): Buffer =>
  frame(Type.DATA, Flag.PADDED, id, Buffer.concat([Buffer.from([padding]), Buffer.alloc(content + padding)]))
