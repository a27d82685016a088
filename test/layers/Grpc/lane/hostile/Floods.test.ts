/** Frames that cost nothing to send, again and again: each has its bound, and nobody else feels it. */
import { afterEach, describe, it } from "@effect/vitest"
import {
  Code,
  Flag,
  frame,
  goawayFrame,
  headersFrame,
  pingFrame,
  resetFrame,
  SETTINGS_ACK,
  Setting,
  settingsFrame,
  Type,
  windowFrame
} from "../../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock } from "../../../../../layers/Grpc/lane/Hpack.ts"
import { POST } from "../Peer.ts"
import { closeAll } from "../Serving.ts"
import { type Attack, data, hold, padded, request, suffer, talk, to } from "./Attack.ts"

afterEach(closeAll)

const TIMES = 40_000
const calm = { ends: Code.ENHANCE_YOUR_CALM, times: TIMES }
const id = (n: number) => 2 * n + 1
const open = [hold(1)]
const flip = (n: number) => settingsFrame([[Setting.INITIAL_WINDOW_SIZE, n % 2 === 0 ? 0 : 65_535]])

const attacks: Readonly<Record<string, Attack>> = {
  "rapid reset": {
    ...{ ...calm, reason: "resets" },
    unit: (n) => Buffer.concat([hold(id(n)), resetFrame(id(n), Code.CANCEL)])
  },
  "resets of streams that are over": {
    ...{ ...calm, reason: "resets", before: [hold(1), resetFrame(1, Code.CANCEL)] },
    unit: () => resetFrame(1, Code.CANCEL)
  },
  pings: { ...calm, reason: "pings", unit: () => pingFrame(Buffer.alloc(8), false) },
  "acknowledged pings that nobody sent": {
    ...{ ...calm, reason: "unknown" },
    unit: () => pingFrame(Buffer.alloc(8), true)
  },
  settings: { ...calm, reason: "settings", unit: () => settingsFrame([]) },
  "acknowledged settings that nobody sent": { ...calm, ends: Code.PROTOCOL_ERROR, unit: () => SETTINGS_ACK },
  "settings of one frame that move the windows of all streams": {
    ...{ ...calm, reason: "entries", times: 32, micros: 1_000 },
    options: { maxStreams: 2_000 },
    before: [Buffer.concat(Array.from({ length: 2_000 }, (_, n) => hold(id(n))))],
    unit: () =>
      settingsFrame(
        Array.from({ length: 2_730 }, (_, n) => [Setting.INITIAL_WINDOW_SIZE, n % 2 === 0 ? 0 : 65_535] as const)
      )
  },
  "settings that move windows, frame by frame": {
    ...{ ...calm, reason: "settings", micros: 1_000 },
    options: { maxStreams: 2_000 },
    before: [Buffer.concat(Array.from({ length: 2_000 }, (_, n) => hold(id(n))))],
    unit: flip
  },
  "empty DATA": { ...calm, reason: "empty", before: open, unit: () => data(1, "") },
  "DATA of nothing but padding": { ...calm, reason: "tiny", before: open, unit: () => padded(1, 0, 255) },
  "DATA of one byte and padding": { ...calm, reason: "tiny", before: open, unit: () => padded(1, 1, 200) },
  "DATA of one byte": {
    ...{ ...calm, reason: "tiny", before: [hold(1), data(1, Buffer.from([0, 0, 3, 0, 0]))] },
    unit: () => data(1, "x")
  },
  "empty DATA of a stream that was reset": {
    ...{ ...calm, reason: "late" },
    before: [request(1), data(1, "", Flag.END_STREAM), data(1, "")],
    unit: () => data(1, "")
  },
  "HEADERS of a stream that was reset": {
    ...{ ...calm, reason: "late" },
    before: [request(1), data(1, "", Flag.END_STREAM), data(1, "")],
    unit: () => request(1)
  },
  "WINDOW_UPDATE of the connection": { ...calm, reason: "windows", unit: () => windowFrame(0, 1) },
  "WINDOW_UPDATE of a stream": { ...calm, reason: "windows", before: open, unit: () => windowFrame(1, 1) },
  "WINDOW_UPDATE of a stream that is over": {
    ...{ ...calm, reason: "windows", before: [hold(1), resetFrame(1, Code.CANCEL)] },
    unit: () => windowFrame(1, 1)
  },
  "an answer drawn out byte by byte": {
    ...{ ...calm, reason: "windows", settings: [[Setting.INITIAL_WINDOW_SIZE, 1]] },
    before: [talk(1), data(1, Buffer.concat([Buffer.from([0, 0, 0, 234, 96]), Buffer.alloc(16_000)]))].concat(
      Array.from({ length: 3 }, (_, n) => data(1, Buffer.alloc(n < 2 ? 16_000 : 12_000)))
    ),
    unit: () => windowFrame(1, 1)
  },
  PRIORITY: { ...calm, reason: "priorities", before: open, unit: () => frame(Type.PRIORITY, 0, 1, Buffer.alloc(5)) },
  "PRIORITY of streams to come": {
    ...{ ...calm, reason: "priorities" },
    unit: (n) => frame(Type.PRIORITY, 0, id(n), Buffer.alloc(5))
  },
  "frames that the RFC does not know": { ...calm, reason: "unknown", unit: () => frame(0xbb, 0, 1, 0) },
  "large frames that the RFC does not know": {
    ...{ ...calm, reason: "unknown", times: 1_500 },
    unit: () => frame(0xbb, 0, 0, Buffer.alloc(16_384))
  },
  GOAWAY: { ...calm, reason: "unknown", unit: () => goawayFrame(0, Code.NO_ERROR) },
  PUSH_PROMISE: {
    ...{ ends: Code.PROTOCOL_ERROR, times: 1, before: open },
    unit: () => frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 1, Buffer.alloc(8))
  },
  "streams beyond the limit": { ...calm, reason: "provoked", unit: (n) => hold(id(n)) },
  "streams beyond the limit, of one who says that it was not told": {
    ...{ ...calm, reason: "early", unacknowledged: true },
    unit: (n) => hold(id(n))
  },
  "CONTINUATION of one byte": {
    ...{ ...calm, reason: "continuations" },
    unit: (n) => frame(n === 0 ? Type.HEADERS : Type.CONTINUATION, 0, 1, Buffer.from([0x82]))
  },
  "CONTINUATION of nothing": {
    ...{ ...calm, reason: "continuations" },
    unit: (n) => frame(n === 0 ? Type.HEADERS : Type.CONTINUATION, 0, 1, 0)
  },
  "CONTINUATION of 16 KiB": {
    ...{ ...calm, reason: "block" },
    unit: (n) => frame(n === 0 ? Type.HEADERS : Type.CONTINUATION, 0, 1, Buffer.alloc(16_384, 0x82))
  },
  "HEADERS of nothing that end their streams": {
    ...{ ...calm, reason: "provoked" },
    unit: (n) => headersFrame(id(n), Buffer.alloc(0), true)
  },
  "streams that we have to reset: WINDOW_UPDATE of 0": {
    ...{ ...calm, reason: "provoked" },
    unit: (n) => Buffer.concat([hold(id(n)), windowFrame(id(n), 0)])
  },
  "streams that we have to reset: a window beyond 2^31 - 1": {
    ...{ ...calm, reason: "provoked" },
    unit: (n) => Buffer.concat([hold(id(n)), windowFrame(id(n), 2 ** 31 - 1)])
  },
  "streams that we have to reset: PRIORITY on themselves": {
    ...{ ...calm, reason: "priorities" },
    unit: (n) => {
      const itself = Buffer.alloc(5)
      itself.writeUInt32BE(id(n))
      return Buffer.concat([hold(id(n)), frame(Type.PRIORITY, 0, id(n), itself)])
    }
  },
  "streams that we have to reset: PRIORITY of another length": {
    ...{ ...calm, reason: "priorities" },
    unit: (n) => Buffer.concat([hold(id(n)), frame(Type.PRIORITY, 0, id(n), Buffer.alloc(4))])
  },
  "streams that we have to reset: HEADERS in their middle": {
    ...{ ...calm, reason: "provoked" },
    unit: (n) => Buffer.concat([hold(id(n)), hold(id(n))])
  },
  "streams that we have to reset: DATA after their end": {
    ...{ ...calm, reason: "provoked" },
    unit: (n) => Buffer.concat([hold(id(n)), data(id(n), "", Flag.END_STREAM), data(id(n), "x")])
  },
  "streams that we have to reset: more DATA than they said": {
    ...{ ...calm, reason: "provoked" },
    unit: (n) => Buffer.concat([request(id(n), false, [...to("/a.B/Sum"), ["content-length", "1"]]), data(id(n), "xy")])
  },
  "streams that we have to reset: less DATA than they said": {
    ...{ ...calm, reason: "provoked" },
    unit: (n) => headersFrame(id(n), encodeBlock([...POST, ["content-length", "1"]]), true)
  }
}

describe("floods", () => {
  for (const [name, attack] of Object.entries(attacks)) it(`CC12 PV1 ${name}`, () => suffer(attack))
})
