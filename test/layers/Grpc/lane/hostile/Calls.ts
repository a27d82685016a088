/** Headers, messages and reading: what a client may make of few bytes, or of none. */
import assert from "node:assert"
import {
  Code,
  Flag,
  frame,
  goawayFrame,
  headersFrame,
  resetFrame,
  Setting,
  Type,
  windowFrame
} from "../../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock, type Header } from "../../../../../layers/Grpc/lane/Hpack.ts"
import { pack } from "../../../../../layers/Grpc/lane/Huffman.ts"
import type { Handler } from "../../../../../src/edge/grpc/ServerCall.ts"
import { until } from "../../../../support/turn.ts"
import { POST } from "../Peer.ts"
import { type Attack, data, hold, request, to } from "./Bytes.ts"

const id = (n: number) => 2 * n + 1
const MiB = 2 ** 20
const stays = { ends: "stays", micros: 1_000 } as const
const calm = { ends: Code.ENHANCE_YOUR_CALM, times: 20_000 }
/** HEADERS and CONTINUATION of a block of any length. */
const block = (n: number, bytes: Buffer, end = false) => headersFrame(id(n), bytes, end)
/** Without the update of the table's size that our encoder begins with. */
const holding = encodeBlock(to("/a.B/Sum")).subarray(1)

/** RFC 7541 §5.1, of what is larger than its prefix. */
const integer = (first: number, prefix: number, value: number): Buffer => {
  const most = (1 << prefix) - 1
  const bytes = [first | most]
  let left = value - most
  for (; left >= 0x80; left >>>= 7) bytes.push((left & 0x7f) | 0x80)
  return Buffer.from([...bytes, left])
}
/** A literal with a long value that is put into the table: from now on it is index 62. */
const kept = (name: string, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x40, name.length]), Buffer.from(name), integer(0, 7, value.length), value])
const indexed = (times: number) => Buffer.alloc(times, 0x80 | 62)

/** Sends so many messages of so many bytes, whoever reads them. */
const flooding =
  (times: number, bytes: number): Handler =>
  (call) => {
    call.hear({ message: () => {}, end: () => {}, over: () => {} })
    for (let n = 0; n < times; n++) call.send(Buffer.alloc(bytes)) // one of its own each: what is shared counts once
  }
const flood = (n: number) => request(n, false, to("/a.B/Flood"))

const malformed: ReadonlyArray<ReadonlyArray<Header>> = [
  [],
  [["", ""], ...POST],
  [...POST, ["", ""]],
  [...POST, ["X-Upper", "1"]],
  [...POST, ["with space", "1"]],
  [...POST, ["connection", "keep-alive"]],
  [...POST, ["keep-alive", "1"]],
  [...POST, ["proxy-connection", "1"]],
  [...POST, ["transfer-encoding", "chunked"]],
  [...POST, ["upgrade", "h2c"]],
  [...POST, ["te", "gzip"]],
  [...POST, [":path", "/a.B/Sum"]],
  [[":path", "/a.B/Sum"], ...POST],
  [...POST.slice(0, 4), [":status", "200"]],
  [...POST.slice(0, 4), [":protocol", "websocket"]],
  [...to("/a.B/Sum\r\nhost: b")],
  [...to("/a.B/Sum\0")],
  [...to("")],
  [...POST, ["x", "a\nb"]],
  [...POST, ["x", "a\rb"]],
  [...POST, ["x", "a\0b"]],
  [...POST, ["content-length", "-1"]],
  [...POST, ["content-length", "1, 1"]],
  [...POST, ["content-length", "0x10"]],
  [...POST, ["content-length", "1"], ["content-length", "2"]],
  POST.filter(([name]) => name !== ":scheme")
]

export const attacks: Readonly<Record<string, Attack>> = {
  "HX2 values of names that end in -bin, of nothing but commas, out of the table": {
    ...{ ...stays, times: 90 },
    before: [block(0, Buffer.concat([holding, kept("x-bin", Buffer.alloc(4_000, ","))]))],
    unit: (n) => block(n + 1, Buffer.concat([holding, indexed(3)]))
  },
  "HX2 lists that are too long, out of the table": {
    ...{ ...stays, reason: "list", times: 2_000 },
    before: [block(0, Buffer.concat([holding, kept("x", Buffer.alloc(4_000, "x"))]))],
    unit: (n) => block(n + 1, Buffer.concat([holding, indexed(20)]), true)
  },
  "HX2 blocks of nothing but references": {
    ...{ ...stays, reason: "list", times: 100, micros: 20_000 },
    before: [block(0, Buffer.concat([holding, kept("x", Buffer.alloc(4_000, "x"))]))],
    unit: (n) => block(n + 1, Buffer.concat([holding, indexed(32_000)]), true)
  },
  "HX1 strings that unpack to more than they are": {
    ...{ ...stays, reason: "list", times: 100, micros: 20_000 },
    unit: (n) => {
      const packed = pack("0".repeat(48_000))
      return block(n, Buffer.concat([holding, Buffer.from([0, 1, 120]), integer(0x80, 7, packed.length), packed]), true)
    }
  },
  "HX2 a table that grows and shrinks": {
    ...{ ...stays, times: 90, micros: 20_000 },
    unit: (n) => block(n, Buffer.concat([Buffer.alloc(16_000, Buffer.from("203fe11f", "hex")), holding]))
  },
  "HX2 a table whose entries push each other out": {
    ...{ ...stays, times: 90, micros: 20_000 },
    unit: (n) => block(n, Buffer.concat([holding, Buffer.alloc(1_750, Buffer.from([0x40, 1, 97, 1, 98]))]))
  },
  "CC3 requests that are none": {
    ...{ ...stays, times: malformed.length },
    unit: (n) => request(id(n), true, malformed[n]!),
    afterwards: ({ resets }) => assert.deepStrictEqual([...resets], [[Code.PROTOCOL_ERROR, malformed.length]])
  },
  "D3 calls that say they are packed": {
    ...{ ...stays, reason: "compression", times: 1_000 },
    unit: (n) => request(id(n), true, [...POST, ["grpc-encoding", "gzip"]])
  },
  "GC3 messages that are packed although their calls are not": {
    ...{ ...stays, times: 1_000 },
    unit: (n) => Buffer.concat([hold(id(n)), data(id(n), Buffer.from([1, 0, 0, 0, 1, 0]))]),
    afterwards: async ({ calls }) => until(() => calls.over === 1_000)
  },
  "GC2 messages that promise 4 GiB": {
    ...{ ...stays, times: 1_000 },
    unit: (n) => Buffer.concat([hold(id(n)), data(id(n), Buffer.from([0, 255, 255, 255, 255]))]),
    afterwards: async ({ calls }) => until(() => calls.over === 1_000)
  },
  "GC2 messages that promise what is allowed, and never come": {
    ...{ ...stays, times: 100 },
    unit: (n) => Buffer.concat([hold(id(n)), data(id(n), Buffer.from([0, 0, 63, 255, 255]))])
  },
  "GC2 the smallest messages that nobody reads": {
    ...{ ...stays, times: 60, micros: 100_000 },
    unit: (n) =>
      Buffer.concat([hold(id(n)), ...Array.from({ length: 13_000 }, () => data(id(n), Buffer.from([0, 0, 0, 0, 0])))])
  },
  "CC10 messages that nobody reads, as large as a window": {
    ...{ ...stays, times: 60, micros: 5_000 },
    unit: (n) => Buffer.concat([hold(id(n)), ...Array.from({ length: 4 }, () => data(id(n), Buffer.alloc(16_383)))])
  },
  "CC14 more than a connection may have unread": {
    ...{ ends: Code.FLOW_CONTROL_ERROR, times: 100, micros: 5_000 },
    unit: (n) => Buffer.concat([hold(id(n)), ...Array.from({ length: 4 }, () => data(id(n), Buffer.alloc(16_383)))])
  },
  "calls that never send a message": { ...{ ...stays, times: 100 }, unit: (n) => hold(id(n)) },
  "CC16 a method with a name of 16 KB that nobody has, said again": {
    ...{ ...stays, times: 200, micros: 3_000 },
    unit: (n) => request(id(n), true, to(`/${"\xff".repeat(15_000)}`)),
    afterwards: ({ end }) => assert.ok(end().bytesWritten < 200 * 2_000)
  },
  "D5 calls of methods that nobody has": {
    ...{ ...calm, reason: "strangers", options: { isStranger: (_, code) => code === 12 } },
    unit: (n) => request(id(n), true, to("/none/Such"))
  },
  "D5 what is no gRPC": {
    ...{ ...calm, reason: "strangers", options: { maxStreams: 100_000, isStranger: (_, code) => Number.isNaN(code) } },
    unit: (n) => request(id(n), true, [[":method", "GET"], ...POST.slice(1)])
  },
  "D6 calls that are refused unread": {
    ...{ ...calm, reason: "strangers" },
    options: {
      admit: ({ socket, unread }, begin) => {
        const flood = socket.bytesRead > 1_000 // the neighbour is not one
        if (flood) unread()
        else begin()
        return !flood
      }
    },
    unit: (n) => hold(id(n))
  },
  "CC7 messages that wait, beyond what may": {
    ...{ ...stays, reason: "unsent_of_stream", reads: false, handlers: { "/a.B/Flood": flooding(80, MiB) } },
    ...{ times: 1, micros: 2_000_000, settings: [[Setting.INITIAL_WINDOW_SIZE, 2 ** 30]] },
    unit: () => Buffer.concat([windowFrame(0, 2 ** 30), flood(1)])
  },
  "CC7 messages that wait on several streams, each below what one may, beyond what a connection may": {
    ...{ ...stays, reason: "unsent", reads: false, handlers: { "/a.B/Flood": flooding(12, MiB) } },
    ...{ times: 1, micros: 2_000_000, holds: 40 * MiB, settings: [[Setting.INITIAL_WINDOW_SIZE, 2 ** 30]] },
    unit: () => Buffer.concat([windowFrame(0, 2 ** 30), ...[1, 3, 5, 7].map(flood)])
  },
  "UB2 messages that wait, beyond what may in all": {
    ...{ ...calm, reason: "unsent_in_all", reads: false, handlers: { "/a.B/Flood": flooding(12, MiB) } },
    ...{ times: 1, micros: 2_000_000, settings: [[Setting.INITIAL_WINDOW_SIZE, 2 ** 30]] },
    options: { maxUnsent: 8 * MiB },
    unit: () => Buffer.concat([windowFrame(0, 2 ** 30), flood(1)]),
    afterwards: async ({ end }) => until(() => end().destroyed)
  },
  "CC7 answers that wait for a client that does not read": {
    ...{ ...calm, reason: "queued", reads: false, handlers: { "/a.B/Flood": flooding(12, MiB) } },
    ...{ settings: [[Setting.INITIAL_WINDOW_SIZE, 2 ** 30]], times: 1_020, micros: 2_000 },
    before: [Buffer.concat([windowFrame(0, 2 ** 30), flood(1)])],
    unit: (n) => Buffer.concat([hold(id(n + 1)), windowFrame(id(n + 1), 0)]),
    afterwards: async ({ end }) => until(() => end().destroyed)
  },
  "CC7 messages that wait for a window that never opens, and are given up": {
    ...{ ...stays, handlers: { "/a.B/Flood": flooding(10, 100_000) } },
    ...{ settings: [[Setting.INITIAL_WINDOW_SIZE, 0]], times: 200, micros: 5_000 },
    unit: (n) => Buffer.concat([flood(id(n)), resetFrame(id(n), Code.CANCEL)])
  },
  "CC11 GOAWAY with calls that go on": {
    ...{ ...stays, times: 50 },
    before: [goawayFrame(0, Code.NO_ERROR, "bye")],
    unit: (n) => hold(id(n)),
    afterwards: ({ calls }) => assert.strictEqual(calls.open, 50)
  },
  "CC11 bytes after a failure": {
    ...{ ends: Code.PROTOCOL_ERROR, times: 2_000 },
    before: [frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 1, 4)],
    unit: () => hold(1)
  }
}
