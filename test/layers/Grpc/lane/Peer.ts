/** A connection of the lane without a socket, and a peer that sends it whatever frames it likes. */
import { Connection } from "../../../../layers/Grpc/lane/Connection.ts"
import {
  Flag,
  FrameReader,
  frame,
  headersFrame,
  PREFACE,
  settingsFrame,
  Type
} from "../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock, type Header, HpackDecoder } from "../../../../layers/Grpc/lane/Hpack.ts"
import { times } from "../../../../layers/Grpc/lane/Life.ts"
import type { Request } from "../../../../layers/Grpc/lane/Request.ts"
import type { Over, Stream } from "../../../../layers/Grpc/lane/Stream.ts"
import { Unsent } from "../../../../layers/Grpc/lane/Unsent.ts"
import { turn } from "../../../support/turn.ts"

export interface Got {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export interface Call {
  readonly stream: Stream
  readonly request: Request
  readonly tooLong: boolean
  data: string
  ended: number
  readonly over: Array<Over>
}

export const POST: ReadonlyArray<Header> = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a.B/C"],
  [":authority", "localhost"],
  ["content-type", "application/grpc"],
  ["te", "trailers"]
]

interface PeerOptions {
  readonly maxStreams?: number
  readonly takes?: boolean
  readonly unsent?: Unsent
}

export const makePeer = (options: PeerOptions = {}) => {
  const got: Array<Got> = []
  const calls: Array<Call> = []
  const refused: Array<string> = []
  const defects: Array<unknown> = []
  const state = { now: 0, writes: 0, reads: true, ended: false, destroyed: false }
  const reader = new FrameReader((type, flags, id, bytes, start, end) =>
    got.push({ type, flags, id, payload: Buffer.from(bytes.subarray(start, end)) })
  )
  const connection = new Connection({
    wire: {
      write: (parts) => {
        state.writes++
        for (const part of parts) reader.push(part)
        return state.reads
      },
      end: () => {
        state.ended = true
      },
      destroy: () => {
        state.destroyed = true
      }
    },
    unsent: options.unsent ?? new Unsent(Number.POSITIVE_INFINITY),
    maxStreams: options.maxStreams ?? 100,
    onStream: (stream, request, tooLong) => {
      const call: Call = { stream, request, tooLong, data: "", ended: 0, over: [] }
      calls.push(call)
      stream.listener = {
        data: (bytes, start, end) => {
          call.data += bytes.toString("latin1", start, end)
          if (options.takes !== false) stream.taken(end - start)
          return false
        },
        ended: () => call.ended++,
        over: (how) => call.over.push(how)
      }
    },
    refuse: (reason) => refused.push(reason),
    defect: (error) => defects.push(error),
    now: () => state.now,
    times,
    spread: 0.5
  })
  const send = (...frames: ReadonlyArray<Buffer>) => connection.receive(Buffer.concat(frames))
  return {
    connection,
    got,
    calls,
    refused,
    defects,
    state,
    send,
    /** Preface, SETTINGS and the acknowledgement of the server's. */
    greet: () => send(PREFACE, settingsFrame([]), frame(Type.SETTINGS, Flag.ACK, 0, 0)),
    request: (id: number, end = false, headers = POST) => send(headersFrame(id, encodeBlock(headers), end)),
    of: (type: number) => got.filter((one) => one.type === type),
    /** Code of the GOAWAY that ended it. */
    goaway: () => got.find(({ type }) => type === Type.GOAWAY)?.payload.readUInt32BE(4),
    resets: () =>
      got.filter(({ type }) => type === Type.RST_STREAM).map(({ id, payload }) => [id, payload.readUInt32BE(0)]),
    headersOf: (one: Got) => new HpackDecoder(65_536).decode(one.payload).headers,
    /** What is ready is written. */
    written: turn
  }
}
export type Peer = ReturnType<typeof makePeer>
