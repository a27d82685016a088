import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Closed } from "../../../../layers/Grpc/lane/Closed.ts"
import {
  Code,
  Flag,
  frame,
  headersFrame,
  MAX_WINDOW,
  PREFACE,
  pingFrame,
  resetFrame,
  Setting,
  settingsFrame,
  Type,
  windowFrame
} from "../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock } from "../../../../layers/Grpc/lane/Hpack.ts"
import { makePeer, type Peer, POST } from "./Peer.ts"

const data = (id: number, text: string, end = false) =>
  frame(Type.DATA, end ? Flag.END_STREAM : 0, id, Buffer.from(text))
const trailers = (id: number) => headersFrame(id, encodeBlock([["grpc-status", "0"]]), true)
const greeted = (options: Parameters<typeof makePeer>[0] = {}) => {
  const peer = makePeer(options)
  peer.greet()
  return peer
}
const fails = async (code: number, ...frames: ReadonlyArray<Buffer>) => {
  const peer = greeted()
  peer.send(...frames)
  await peer.written()
  assert.strictEqual(peer.goaway(), code)
  assert.isTrue(peer.state.ended)
}
const resets = async (code: number, ...frames: ReadonlyArray<Buffer>) => {
  const peer = greeted()
  peer.request(1)
  peer.send(...frames)
  await peer.written()
  assert.deepStrictEqual(peer.resets(), [[1, code]])
  assert.isUndefined(peer.goaway())
  return peer
}

describe("a connection", () => {
  it("begins with SETTINGS, and answers those of the peer", async () => {
    const peer = greeted()
    await peer.written()
    assert.deepStrictEqual(
      peer.got.map(({ type, flags }) => [type, flags]),
      [
        [Type.SETTINGS, 0],
        [Type.WINDOW_UPDATE, 0],
        [Type.SETTINGS, Flag.ACK]
      ]
    )
    assert.strictEqual(peer.state.writes, 1)
  })

  it("CC11 takes a preface in pieces, and answers what is none with GOAWAY", async () => {
    const peer = makePeer()
    for (const byte of PREFACE) peer.connection.receive(Buffer.from([byte]))
    peer.send(settingsFrame([]), pingFrame(Buffer.alloc(8, 1), false))
    await peer.written()
    assert.lengthOf(peer.of(Type.PING), 1)

    const other = makePeer()
    other.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"))
    assert.strictEqual(other.goaway(), Code.PROTOCOL_ERROR)

    const early = makePeer()
    early.send(PREFACE, pingFrame(Buffer.alloc(8), false))
    assert.strictEqual(early.goaway(), Code.PROTOCOL_ERROR)
  })

  it("takes a request, what it sends, its trailers, and answers", async () => {
    const peer = greeted()
    peer.request(1)
    peer.send(data(1, "hel"), data(1, "lo"), headersFrame(1, encodeBlock([["x", "y"]]), true))
    const [call] = peer.calls
    assert.deepStrictEqual([call?.request.path, call?.data, call?.ended], ["/a.B/C", "hello", 1])
    call!.stream.respond(headersFrame(1, encodeBlock([[":status", "200"]]), false))
    call!.stream.send(Buffer.from("one"))
    call!.stream.finish(trailers(1))
    call!.stream.send(Buffer.from("late"))
    await peer.written()
    assert.deepStrictEqual(call?.over, ["done"])
    assert.deepStrictEqual(
      peer.got
        .slice(3)
        .map(({ type, flags, id, payload }) => [type, flags, id, type === 0 ? payload.toString("hex") : 0]),
      [
        [Type.HEADERS, Flag.END_HEADERS, 1, 0],
        [Type.DATA, 0, 1, "00000000036f6e65"],
        [Type.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, 1, 0]
      ]
    )
    assert.strictEqual(peer.connection.streams, 0)
  })

  it("resets a stream that was answered while its client may still send", async () => {
    const peer = greeted()
    peer.request(1)
    peer.calls[0]!.stream.finish(trailers(1))
    peer.send(data(1, "late"), resetFrame(1, Code.CANCEL))
    await peer.written()
    assert.deepStrictEqual(peer.resets(), [[1, Code.NO_ERROR]])
    assert.deepStrictEqual([peer.calls[0]!.over, peer.goaway()], [["done"], undefined])
  })

  it("CC3 resets what is no request", async () => {
    const wrong: ReadonlyArray<typeof POST> = [
      POST.slice(1),
      POST.filter(([name]) => name !== ":path"),
      [...POST, ["X-Upper", "1"]],
      [...POST, ["connection", "close"]],
      [...POST, [":authority", "again"]],
      [...POST, [":path", "/again"]],
      [["te", "trailers"], ...POST],
      [...POST, ["te", "gzip"]],
      [...POST, ["x", "a\nb"]],
      [...POST, ["content-length", "x"]],
      [...POST, ["content-length", "1"], ["content-length", "0"]],
      [[":unknown", "x"], ...POST]
    ]
    for (const headers of wrong) {
      const peer = greeted()
      peer.request(1, true, headers)
      await peer.written()
      assert.deepStrictEqual([peer.resets(), peer.calls.length], [[[1, Code.PROTOCOL_ERROR]], 0])
    }
    const peer = greeted()
    peer.request(1, true, [...POST, ["authorization", "Bearer "], ["x", ""]])
    assert.lengthOf(peer.calls, 1)
  })

  it("CC3 holds a client to the length that it said", async () => {
    for (const [length, ...parts] of [
      ["3", data(1, "four")],
      ["9", data(1, "four", true)],
      ["0", data(1, "x", true)]
    ] as const) {
      const peer = greeted()
      peer.request(1, false, [...POST, ["content-length", length]])
      peer.send(...parts)
      await peer.written()
      assert.deepStrictEqual(peer.resets(), [[1, Code.PROTOCOL_ERROR]])
    }
  })

  it("CC4 meets frames of streams that are over as the RFC has it", async () => {
    await fails(Code.PROTOCOL_ERROR, data(1, "x"))
    await fails(Code.PROTOCOL_ERROR, windowFrame(1, 1))
    await fails(Code.PROTOCOL_ERROR, resetFrame(1, Code.CANCEL))
    await fails(Code.PROTOCOL_ERROR, headersFrame(2, encodeBlock(POST), true))
    await fails(Code.PROTOCOL_ERROR, headersFrame(5, encodeBlock(POST), true), headersFrame(3, encodeBlock(POST), true))
    await resets(Code.STREAM_CLOSED, resetFrame(1, Code.CANCEL), data(1, "x"))
    await resets(Code.STREAM_CLOSED, data(1, "x", true), data(1, "y"))
    await resets(Code.PROTOCOL_ERROR, headersFrame(1, encodeBlock([["x", "y"]]), false))
    const peer = greeted()
    peer.request(1, true)
    peer.calls[0]!.stream.finish(trailers(1))
    peer.send(windowFrame(1, 1), resetFrame(1, Code.CANCEL))
    assert.isUndefined(peer.goaway())
    peer.send(data(1, "x"))
    assert.strictEqual(peer.goaway(), Code.STREAM_CLOSED)
  })

  it("CC4 remembers how the last streams ended, and no more of them", () => {
    const closed = new Closed()
    for (let id = 1; id < 1_000; id += 2) closed.add(id, "by us")
    assert.deepStrictEqual([closed.size, closed.how(1), closed.how(999)], [128, undefined, "by us"])
  })

  it("CC9 tells once that a stream is over, on every way there", async () => {
    const ways: ReadonlyArray<(peer: Peer) => void> = [
      (peer) => peer.send(resetFrame(1, Code.CANCEL)),
      (peer) => peer.calls[0]!.stream.reset(Code.CANCEL),
      (peer) => peer.calls[0]!.stream.finish(trailers(1)),
      (peer) => peer.send(frame(Type.PUSH_PROMISE, 0, 1, Buffer.alloc(8))),
      (peer) => peer.connection.gone(),
      (peer) => peer.connection.destroy()
    ]
    for (const way of ways) {
      const peer = greeted()
      peer.request(1)
      way(peer)
      for (const other of ways) other(peer)
      await peer.written()
      assert.lengthOf(peer.calls[0]!.over, 1)
    }
  })

  it("CC13 leaves in two steps, and serves what it took", async () => {
    const peer = greeted()
    peer.request(1)
    peer.connection.shutdown()
    peer.connection.shutdown()
    await peer.written()
    const [first] = peer.of(Type.GOAWAY)
    assert.strictEqual(first?.payload.readUInt32BE(0), MAX_WINDOW)
    peer.request(3)
    peer.send(pingFrame(peer.of(Type.PING)[0]!.payload, true))
    peer.request(5)
    await peer.written()
    assert.deepStrictEqual(
      peer.of(Type.GOAWAY).map(({ payload }) => payload.readUInt32BE(0)),
      [MAX_WINDOW, 3]
    )
    assert.deepStrictEqual([peer.calls.length, peer.state.ended], [2, false])
    for (const { stream } of peer.calls) stream.finish(trailers(stream.id))
    assert.isTrue(peer.state.ended)
    peer.state.now += 1_000
    peer.connection.tick(peer.state.now)
    assert.isTrue(peer.state.destroyed)
  })

  it("CC15 asks a silent peer, and ends it without an answer; asks one without streams to leave", async () => {
    const peer = greeted()
    const at = (now: number) => {
      peer.state.now = now
      peer.connection.tick(now)
    }
    peer.request(1)
    at(19_999)
    await peer.written()
    assert.lengthOf(peer.of(Type.PING), 0)
    at(20_000)
    at(21_000)
    await peer.written()
    assert.lengthOf(peer.of(Type.PING), 1)
    peer.send(pingFrame(peer.of(Type.PING)[0]!.payload, true))
    at(41_000)
    at(51_000)
    assert.deepStrictEqual([peer.state.destroyed, peer.refused], [true, ["silence"]])

    const idle = greeted()
    idle.state.now = 120_000
    idle.connection.tick(120_000)
    await idle.written()
    assert.lengthOf(idle.of(Type.GOAWAY), 1)
    idle.connection.tick(121_000)
    assert.isTrue(idle.state.ended)

    const mute = makePeer()
    mute.connection.tick(10_000)
    assert.deepStrictEqual([mute.state.destroyed, mute.refused], [true, ["preface"]])
  })

  it("D4 resets a stream whose answer is not read", async () => {
    const peer = greeted()
    peer.send(settingsFrame([[Setting.INITIAL_WINDOW_SIZE, 0]]))
    peer.request(1, true)
    peer.calls[0]!.stream.send(Buffer.from("x"))
    peer.calls[0]!.stream.finish(trailers(1))
    peer.connection.tick(0)
    peer.connection.tick(4_999)
    assert.strictEqual(peer.connection.streams, 1)
    peer.connection.tick(5_000)
    await peer.written()
    assert.deepStrictEqual(peer.resets(), [[1, Code.ENHANCE_YOUR_CALM]])
  })

  it("HX3 ends a connection whose blocks can't be read", () =>
    fails(Code.COMPRESSION_ERROR, headersFrame(1, Buffer.from([0x80]), true)))

  it.prop(
    "CC11 whatever frames come, in whatever order: no fault, each stream over once, nothing kept",
    [
      Schema.Array(
        Schema.Struct({
          type: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 11 })),
          flags: Schema.Literals([0, 1, 4, 5, 8, 13, 32, 45]),
          id: Schema.Literals([0, 1, 2, 3, 5, 7, 9]),
          payload: Schema.Union([
            Schema.Literals(["", "00000000", "00000001", "7fffffff", "0000000000000000", "000400000005", "820a"]),
            Schema.Literals([encodeBlock(POST).toString("hex"), encodeBlock([["x", "y"]]).toString("hex")])
          ])
        })
      )
    ],
    async ([frames]) => {
      const peer = greeted()
      for (const { type, flags, id, payload } of frames) peer.send(frame(type, flags, id, Buffer.from(payload, "hex")))
      await peer.written()
      peer.connection.gone()
      assert.deepStrictEqual(peer.defects, [])
      for (const { over, ended } of peer.calls) {
        assert.lengthOf(over, 1)
        assert.isAtMost(ended, 1)
      }
    }
  )
})
