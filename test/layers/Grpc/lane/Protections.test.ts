import { assert, describe, it } from "@effect/vitest"
import {
  Code,
  Flag,
  frame,
  goawayFrame,
  headersFrame,
  PREFACE,
  pingFrame,
  resetFrame,
  Setting,
  settingsFrame,
  Type,
  windowFrame
} from "../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock } from "../../../../layers/Grpc/lane/Hpack.ts"
import { type BucketName, Buckets, bounds, buckets } from "../../../../layers/Grpc/lane/Protections.ts"
import { makePeer, POST } from "./Peer.ts"

const data = (id: number, text: string, end = false) =>
  frame(Type.DATA, end ? Flag.END_STREAM : 0, id, Buffer.from(text))
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
describe("protections", () => {
  /** What a hostile client sends, again and again. */
  const attacks: Readonly<
    Record<Exclude<BucketName, "strangers" | "refused" | "provoked" | "late" | "early">, (n: number) => Buffer>
  > = {
    resets: (n) =>
      Buffer.concat([headersFrame(2 * n + 3, encodeBlock(POST), true), resetFrame(2 * n + 3, Code.CANCEL)]),
    pings: () => pingFrame(Buffer.alloc(8), false),
    settings: () => settingsFrame([[Setting.HEADER_TABLE_SIZE, 0]]),
    empty: () => data(1, ""),
    tiny: () => data(1, "x"),
    windows: () => windowFrame(0, 1),
    priorities: () => frame(Type.PRIORITY, 0, 1, Buffer.alloc(5)),
    unknown: () => frame(0xbb, 0, 1, Buffer.alloc(5))
  }
  for (const [name, attack] of Object.entries(attacks))
    it(`CC12 PV1 ${name}: as many as the bound are taken, one more ends the connection and is counted`, async () => {
      const bound = buckets[name as BucketName].bound
      const peer = greeted()
      peer.request(1)
      await peer.written()
      if (name === "pings") peer.send(attack(0)) // the first comes after something was sent
      const before = name === "settings" ? 1 : 0
      for (let n = before; n < bound; n++) {
        peer.send(attack(n))
        if (n % 100 === 0) await peer.written()
      }
      await peer.written()
      assert.deepStrictEqual([peer.goaway(), peer.refused], [undefined, []])
      peer.send(attack(bound))
      assert.deepStrictEqual([peer.goaway(), peer.refused], [Code.ENHANCE_YOUR_CALM, [name]])
      assert.lengthOf(peer.calls[0]!.over, 1)
    })

  it("CC12 provoked: streams that we have to reset are counted", async () => {
    const peer = greeted()
    for (let n = 0; n < buckets.provoked.bound; n++) {
      peer.request(2 * n + 1, true, POST.slice(1))
      if (n % 100 === 0) await peer.written()
    }
    assert.isUndefined(peer.goaway())
    peer.request(9_999, true, POST.slice(1))
    assert.deepStrictEqual([peer.goaway(), peer.refused], [Code.ENHANCE_YOUR_CALM, ["provoked"]])
  })

  it("CC12 late: what comes of streams that we reset, or did not take any more, is counted", async () => {
    const leaving = (peer: ReturnType<typeof makePeer>) => {
      peer.connection.shutdown()
      peer.connection.tick((peer.state.now += 1_000))
    }
    const before = (peer: ReturnType<typeof makePeer>) => peer.calls[0]!.stream.reset(Code.CANCEL)
    for (const [begin, unit] of [
      [before, () => data(1, "")],
      [before, () => data(1, "x".repeat(100))],
      [before, () => headersFrame(1, encodeBlock(POST), true)],
      [leaving, (n: number) => headersFrame(2 * n + 3, encodeBlock(POST), true)]
    ] as const) {
      const peer = greeted()
      peer.request(1)
      begin(peer)
      const { bound } = buckets.late
      for (let n = 0; n < bound; n++) {
        peer.send(unit(n))
        if (n % 100 === 0) await peer.written()
      }
      assert.deepStrictEqual([peer.state.ended, peer.refused], [false, []])
      peer.send(unit(bound))
      assert.deepStrictEqual([peer.state.ended, peer.refused], [true, ["late"]])
    }
  })

  it("CC12 entries: settings of one frame", () => {
    const many = (n: number) => settingsFrame(Array.from({ length: n }, () => [Setting.ENABLE_PUSH, 0] as const))
    const peer = greeted()
    peer.send(many(bounds.entries.bound))
    assert.isUndefined(peer.goaway())
    peer.send(many(bounds.entries.bound + 1))
    assert.deepStrictEqual([peer.goaway(), peer.refused], [Code.ENHANCE_YOUR_CALM, ["entries"]])
  })

  it("CC12 unknown: GOAWAY and answers to no PING count as well, the answer to ours does not", async () => {
    for (const unit of [goawayFrame(0, Code.NO_ERROR), pingFrame(Buffer.from("herald.1"), true)]) {
      const peer = greeted()
      peer.request(1)
      for (let n = 0; n < buckets.unknown.bound; n++) peer.send(unit)
      peer.connection.tick(20_000)
      await peer.written()
      peer.send(pingFrame(peer.of(Type.PING)[0]!.payload, true))
      assert.deepStrictEqual([peer.state.destroyed, peer.goaway()], [false, undefined])
      peer.send(unit)
      assert.deepStrictEqual([peer.goaway(), peer.refused], [Code.ENHANCE_YOUR_CALM, ["unknown"]])
    }
  })

  it("CC12 windows: who lets an answer out byte by byte earns nothing by the DATA that it gets so", async () => {
    const peer = makePeer()
    peer.send(PREFACE, settingsFrame([[Setting.INITIAL_WINDOW_SIZE, 0]]), frame(Type.SETTINGS, Flag.ACK, 0, 0))
    peer.request(1)
    peer.calls[0]!.stream.send(Buffer.alloc(10_000))
    for (let n = 0; n < 5_000 && peer.goaway() === undefined; n++) {
      peer.send(windowFrame(1, 1))
      await peer.written()
    }
    assert.deepStrictEqual([peer.goaway(), peer.refused], [Code.ENHANCE_YOUR_CALM, ["windows"]])
  })

  it("CC15 preface: our SETTINGS have to be acknowledged, once", async () => {
    await fails(Code.PROTOCOL_ERROR, frame(Type.SETTINGS, Flag.ACK, 0, 0))
    const peer = makePeer()
    peer.send(PREFACE, settingsFrame([]))
    peer.request(1)
    peer.connection.tick(bounds.preface.bound - 1)
    assert.isFalse(peer.state.destroyed)
    peer.connection.tick(bounds.preface.bound)
    assert.deepStrictEqual([peer.state.destroyed, peer.refused], [true, ["preface"]])
  })

  it("CC7 queued: whoever reads may cause as many answers as it likes in one turn", async () => {
    const peer = makePeer({ maxStreams: 1 })
    peer.send(PREFACE, settingsFrame([]))
    await peer.written()
    for (let id = 1; id < 6_000; id += 2) peer.request(id)
    assert.deepStrictEqual([peer.goaway(), peer.calls.length], [undefined, 1])
  })

  it("CC12 strangers, and calls that were refused unread", () => {
    for (const name of ["strangers", "refused"] as const) {
      const peer = greeted()
      for (let n = 0; n < buckets[name].bound; n++) peer.connection.met(name)
      assert.isUndefined(peer.goaway())
      peer.connection.met(name)
      assert.deepStrictEqual([peer.goaway(), peer.refused], [Code.ENHANCE_YOUR_CALM, ["strangers"]])
    }
  })

  it("CC12 a ping after something was sent is free: a thousand, as grpc-go sends them", async () => {
    const peer = greeted()
    peer.request(1)
    for (let n = 0; n < 1_000; n++) {
      peer.calls[0]!.stream.send(Buffer.from("x"))
      peer.send(pingFrame(Buffer.alloc(8), false), windowFrame(0, 6), windowFrame(1, 6))
      await peer.written()
    }
    assert.isUndefined(peer.goaway())
  })

  it("CC17 continuations: too many, and too large", async () => {
    const part = (n: number, payload: Buffer) => frame(n === 0 ? Type.HEADERS : Type.CONTINUATION, 0, 1, payload)
    const many = greeted()
    for (let n = 0; n <= bounds.continuations.bound; n++) many.send(part(n, Buffer.from([0x82])))
    assert.isUndefined(many.goaway())
    many.send(part(9, Buffer.from([0x82])))
    assert.deepStrictEqual([many.goaway(), many.refused], [Code.ENHANCE_YOUR_CALM, ["continuations"]])

    const large = greeted()
    for (let n = 0; n < 3; n++) large.send(part(n, Buffer.alloc(12_000, 0x82)))
    assert.deepStrictEqual([large.goaway(), large.refused], [Code.ENHANCE_YOUR_CALM, ["block"]])
    await fails(Code.PROTOCOL_ERROR, part(0, Buffer.from([0x82])), pingFrame(Buffer.alloc(8), false))
    await fails(Code.PROTOCOL_ERROR, part(1, Buffer.from([0x82])))
    const block = encodeBlock(POST)
    const ofAnother = frame(Type.CONTINUATION, Flag.END_HEADERS, 3, block.subarray(9))
    await fails(Code.PROTOCOL_ERROR, part(0, block.subarray(0, 9)), ofAnother)
  })

  it("CC12 a list that is too long is answered, with what is known of it", () => {
    const peer = greeted()
    peer.request(1, true, [...POST, ...Array.from({ length: 3 }, () => ["x", "y".repeat(8_000)] as const)])
    assert.deepStrictEqual([peer.calls[0]?.tooLong, peer.calls[0]?.request.path], [true, "/a.B/C"])
  })

  it("CC7 queued: answers to a peer that does not read are counted, and end it", async () => {
    const peer = greeted()
    peer.state.reads = false
    await peer.written()
    peer.request(1)
    for (let n = 0; n < bounds.queued.bound + 1 && peer.refused.length === 0; n++) {
      peer.state.now += 1_000
      peer.send(pingFrame(Buffer.alloc(8), false))
    }
    assert.deepStrictEqual([peer.refused, peer.state.ended], [["queued"], true])
  })

  it("PV2 a bucket fills again with time", async () => {
    const peer = greeted()
    peer.request(1)
    await peer.written()
    for (let n = 0; n < 1_000; n++) {
      peer.send(pingFrame(Buffer.alloc(8), false))
      peer.state.now += 500
      await peer.written()
    }
    assert.isUndefined(peer.goaway())
  })

  it("PV2 a second gives back so many of every bucket, and no more", () => {
    for (const [name, { bound, perSecond }] of Object.entries(buckets)) {
      const of = new Buckets()
      const take = (times: number, now: number) =>
        Array.from({ length: times }, () => of.take(name as BucketName, now)).every((taken) => taken)
      assert.deepStrictEqual([take(bound, 0), take(perSecond, 1_000), take(1, 1_000)], [true, true, false], name)
    }
  })

  it("PV2 windows: DATA that was sent earns two, and no more", async () => {
    const peer = greeted()
    peer.request(1)
    for (let n = 0; n < buckets.windows.bound; n++) peer.send(windowFrame(0, 1))
    peer.calls[0]!.stream.send(Buffer.alloc(100))
    await peer.written()
    peer.send(windowFrame(0, 1), windowFrame(0, 1))
    assert.isUndefined(peer.goaway())
    peer.send(windowFrame(0, 1))
    assert.deepStrictEqual([peer.goaway(), peer.refused], [Code.ENHANCE_YOUR_CALM, ["windows"]])
  })

  it("CC7 queued: bytes that no window limits are counted while nothing is read", async () => {
    const peer = greeted()
    peer.request(1)
    await peer.written()
    const { stream } = peer.calls[0]!
    peer.state.reads = false
    stream.send(Buffer.from("first"))
    await peer.written()
    const respond = () => stream.respond(frame(0xbb, 0, 1, Buffer.alloc(16_375)))
    for (let n = 0; n < 256; n++) respond()
    await peer.written()
    assert.deepStrictEqual(peer.refused, [])
    respond()
    await peer.written()
    assert.deepStrictEqual([peer.refused, peer.state.ended], [["queued"], true])
  })

  it("CC16 refuses a stream too many, and counts it only for who knows the limit", async () => {
    const peer = makePeer({ maxStreams: 1 })
    peer.send(PREFACE, settingsFrame([]))
    for (let id = 1; id < 4_000; id += 2) peer.request(id)
    await peer.written()
    assert.deepStrictEqual([peer.calls.length, peer.goaway()], [1, undefined])
    assert.deepStrictEqual(peer.resets()[0], [3, Code.REFUSED_STREAM])
    assert.deepStrictEqual([peer.refused.length, ...new Set(peer.refused)], [1_999, "streams"])
    const unheard = makePeer({ maxStreams: 1 })
    unheard.send(PREFACE, settingsFrame([]))
    for (let n = 0; n <= buckets.early.bound; n++) unheard.request(2 * n + 1)
    assert.isUndefined(unheard.goaway())
    unheard.request(99_999)
    assert.deepStrictEqual([unheard.goaway(), unheard.refused.at(-1)], [Code.ENHANCE_YOUR_CALM, "early"])
    peer.send(frame(Type.SETTINGS, Flag.ACK, 0, 0))
    for (let id = 4_001; id < 8_000; id += 2) {
      peer.request(id)
      if (id % 500 === 1) await peer.written()
    }
    assert.strictEqual(peer.goaway(), Code.ENHANCE_YOUR_CALM)
  })
})
