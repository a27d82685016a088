import { assert, describe, it } from "@effect/vitest"
import {
  Code,
  Flag,
  frame,
  headersFrame,
  MAX_WINDOW,
  resetFrame,
  Setting,
  settingsFrame,
  Type,
  WINDOW,
  windowFrame
} from "../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock } from "../../../../layers/Grpc/lane/Hpack.ts"
import { bounds } from "../../../../layers/Grpc/lane/Protections.ts"
import { RECEIVE } from "../../../../layers/Grpc/lane/StreamTable.ts"
import { makePeer, type Peer } from "./Peer.ts"

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

describe("flow control", () => {
  it("CC1 both windows: beyond 2^31 - 1, by 0, and by a setting", async () => {
    await resets(Code.FLOW_CONTROL_ERROR, windowFrame(1, MAX_WINDOW))
    await resets(Code.PROTOCOL_ERROR, windowFrame(1, 0))
    await fails(Code.FLOW_CONTROL_ERROR, windowFrame(0, MAX_WINDOW))
    await fails(Code.PROTOCOL_ERROR, windowFrame(0, 0))
    await fails(Code.FLOW_CONTROL_ERROR, settingsFrame([[Setting.INITIAL_WINDOW_SIZE, 2 ** 31]]))
    await fails(Code.PROTOCOL_ERROR, settingsFrame([[Setting.ENABLE_PUSH, 2]]))
    await fails(Code.PROTOCOL_ERROR, settingsFrame([[Setting.MAX_FRAME_SIZE, 16_383]]))
  })

  it("CC1 a setting that moves the window of a stream beyond 2^31 - 1 ends the connection", async () => {
    const peer = greeted()
    peer.request(1)
    peer.send(windowFrame(1, MAX_WINDOW - WINDOW))
    assert.isUndefined(peer.goaway())
    peer.send(settingsFrame([[Setting.INITIAL_WINDOW_SIZE, WINDOW + 1]]))
    assert.strictEqual(peer.goaway(), Code.FLOW_CONTROL_ERROR)
  })

  it("CC10 padding is given back to its stream", async () => {
    const peer = greeted()
    peer.request(1)
    const padded = Buffer.concat([Buffer.from([255]), Buffer.alloc(100 + 255)])
    for (let n = 0; n < 400; n++) peer.send(frame(Type.DATA, Flag.PADDED, 1, padded))
    assert.deepStrictEqual([peer.calls[0]!.data.length, peer.goaway(), peer.calls[0]!.over], [40_000, undefined, []])
  })

  it("CC6 sends what the windows allow; a setting takes and gives", async () => {
    const peer = greeted()
    peer.send(settingsFrame([[Setting.INITIAL_WINDOW_SIZE, 10]]))
    peer.request(1)
    const { stream } = peer.calls[0]!
    stream.send(Buffer.alloc(20, "x"))
    stream.finish(trailers(1))
    const sent = () => peer.of(Type.DATA).reduce((sum, { payload }) => sum + payload.length, 0)
    await peer.written()
    assert.deepStrictEqual([sent(), stream.waiting], [10, 15])
    peer.send(settingsFrame([[Setting.INITIAL_WINDOW_SIZE, 5]]), windowFrame(1, 5))
    await peer.written()
    assert.strictEqual(sent(), 10)
    peer.send(windowFrame(1, 3))
    await peer.written()
    assert.strictEqual(sent(), 13)
    peer.send(settingsFrame([[Setting.INITIAL_WINDOW_SIZE, 100]]))
    await peer.written()
    assert.deepStrictEqual([sent(), peer.calls[0]!.over], [25, ["done"]])
    assert.strictEqual(peer.got.filter(({ id }) => id === 1).at(-2)?.type, Type.HEADERS)
  })

  it("CC6 streams that wait for the connection's window take turns", async () => {
    const peer = greeted()
    peer.send(settingsFrame([[Setting.INITIAL_WINDOW_SIZE, 1_000_000]]))
    for (const id of [1, 3]) {
      peer.request(id)
      peer.calls.at(-1)!.stream.send(Buffer.alloc(100_000))
    }
    await peer.written()
    const order = () => peer.of(Type.DATA).map(({ id }) => id)
    assert.deepStrictEqual(order().slice(0, 4), [1, 3, 1, 3])
    assert.strictEqual(
      peer.of(Type.DATA).reduce((sum, { payload }) => sum + payload.length, 0),
      WINDOW
    )
    peer.send(windowFrame(0, 1_000_000))
    await peer.written()
    assert.strictEqual(peer.calls[0]!.stream.waiting + peer.calls[1]!.stream.waiting, 0)
  })

  it("CC10 holds the peer to both windows, and gives back what was taken", async () => {
    const peer = greeted({ takes: false })
    peer.request(1)
    const full = "x".repeat(16_384)
    for (let n = 0; n < 3; n++) peer.send(data(1, full))
    peer.send(data(1, full.slice(1)))
    await peer.written()
    assert.lengthOf(
      peer.of(Type.WINDOW_UPDATE).filter(({ id }) => id === 1),
      0
    )
    peer.calls[0]!.stream.taken(40_000)
    await peer.written()
    assert.deepStrictEqual(
      peer
        .of(Type.WINDOW_UPDATE)
        .filter(({ id }) => id === 1)
        .map(({ payload }) => payload.readUInt32BE(0)),
      [40_000]
    )
    for (let n = 0; n < 3; n++) peer.send(data(1, full))
    await peer.written()
    assert.deepStrictEqual(peer.resets(), [[1, Code.FLOW_CONTROL_ERROR]])
  })

  it("CC14 no more is kept of a connection than its bound and one window; what is reset, or taken, makes room", async () => {
    const kept = bounds.unread.bound + RECEIVE
    const stream = WINDOW - 3
    const fill = () => {
      const peer = greeted({ takes: false, maxStreams: 1_000 })
      const given = () =>
        WINDOW +
        peer
          .of(Type.WINDOW_UPDATE)
          .filter(({ id }) => id === 0)
          .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)
      let sent = 0
      const more = async () => {
        peer.request(2 * peer.calls.length + 1)
        for (let n = 0; n < 4; n++) peer.send(data(2 * peer.calls.length - 1, "x".repeat(stream / 4)))
        sent += stream
        await peer.written()
      }
      return { peer, given, sent: () => sent, more }
    }
    for (const [given, bytes] of [
      [(peer: Peer) => peer.send(...peer.calls.map((_, n) => resetFrame(2 * n + 1, Code.CANCEL))), "reset"],
      [(peer: Peer) => peer.calls.map((call) => call.stream.taken(stream)), "taken"]
    ] as const) {
      const { peer, given: all, sent, more } = fill()
      while (sent() + stream <= all() && sent() < 2 * kept) await more()
      assert.isAbove(sent(), bounds.unread.bound, bytes)
      assert.isAtMost(sent(), kept, bytes)
      given(peer)
      await peer.written()
      assert.isAbove(all(), sent() + RECEIVE / 2, bytes)
      const before = sent()
      for (const call of peer.calls) call.stream.taken(stream * Number(bytes === "reset")) // too late
      while (sent() + stream <= all() && sent() < 4 * kept) await more()
      assert.isAtMost(sent() - before, kept, bytes)
    }
    const { peer, sent, more } = fill()
    while (peer.goaway() === undefined && sent() < 2 * kept) await more()
    assert.strictEqual(peer.goaway(), Code.FLOW_CONTROL_ERROR)
    assert.isAtMost(sent(), kept + 2 * WINDOW)
  })

  it("CC14 stops giving back once too much is kept, and goes on when it was taken", async () => {
    const peer = greeted({ takes: false })
    const full = "x".repeat(16_384)
    let id = 1
    for (; peer.goaway() === undefined && id < 1_000; id += 2) {
      peer.request(id)
      for (let n = 0; n < 3; n++) peer.send(data(id, full))
      await peer.written()
      if (peer.calls.length >= 86) break
    }
    const updates = () => peer.of(Type.WINDOW_UPDATE).filter((one) => one.id === 0).length
    const before = updates()
    peer.request(id + 2)
    for (let n = 0; n < 4; n++) peer.send(data(id + 2, full.slice(0, 16_000)))
    for (const call of peer.calls) call.stream.taken(40_000)
    await peer.written()
    assert.isAbove(updates(), before - 1)
    assert.isUndefined(peer.goaway())
  })

  it("CC14 DATA that no stream takes is given back to the connection", async () => {
    const full = "x".repeat(16_384)
    const peer = greeted({ takes: false })
    peer.request(1)
    peer.calls[0]!.stream.reset(Code.CANCEL)
    for (let n = 0; n < 200; n++) peer.send(data(1, full))
    for (let id = 3; id < 203; id += 2) {
      peer.request(id)
      for (let n = 0; n < 4; n++) peer.send(data(id, full)) // one byte more than its window
    }
    await peer.written()
    assert.deepStrictEqual([peer.goaway(), peer.resets().length], [undefined, 101])
  })

  it("CC5 writes once a turn, whatever there is", async () => {
    const peer = greeted()
    for (let id = 1; id < 40; id += 2) peer.request(id)
    await peer.written()
    const before = peer.state.writes
    for (const { stream } of peer.calls) for (let n = 0; n < 5; n++) stream.send(Buffer.from("update"))
    await peer.written()
    assert.strictEqual(peer.state.writes, before + 1)
    assert.lengthOf(peer.of(Type.DATA), 100)
  })

  it("CC7 keeps messages in their streams while the peer reads nothing, and calls back when it has", async () => {
    const peer = greeted()
    peer.request(1)
    await peer.written()
    const { stream } = peer.calls[0]!
    peer.state.reads = false
    stream.send(Buffer.from("first"))
    await peer.written()
    let calls = 0
    const next = Buffer.alloc(20)
    for (let n = 0; n < 16; n++) stream.send(next)
    stream.whenClear(() => calls++)
    await peer.written()
    assert.deepStrictEqual([stream.full(16 * 25), calls, peer.of(Type.DATA).length], [true, 0, 1])
    peer.state.reads = true
    peer.connection.drained()
    await peer.written()
    assert.deepStrictEqual([stream.full(16 * 25), calls, peer.of(Type.DATA).length], [false, 1, 17])
  })

  it("CC7 refuses what waits beyond the bound", () => {
    const peer = greeted()
    peer.request(1)
    const { stream } = peer.calls[0]!
    const large = Buffer.alloc(8_388_608)
    const sent = Array.from({ length: 3 }, () => stream.send(large))
    assert.deepStrictEqual(sent, [undefined, undefined, "unsent_of_stream"])
    for (const id of [3, 5, 7, 9]) peer.request(id)
    const [, ...others] = peer.calls.map((call) => call.stream.send(large))
    assert.deepStrictEqual(others, [undefined, "unsent", "unsent", "unsent"])
    stream.reset(Code.CANCEL) // what waited on it does no more
    assert.deepStrictEqual(
      [peer.calls[4]!.stream.send(large), peer.calls[3]!.stream.send(large)],
      [undefined, undefined]
    )
    assert.strictEqual(peer.calls[2]!.stream.send(large), "unsent")
  })
})
