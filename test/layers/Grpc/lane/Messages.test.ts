import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { MAX_WINDOW } from "../../../../layers/Grpc/lane/Frames.ts"
import { dataHeader, framed, partOf } from "../../../../layers/Grpc/lane/Framing.ts"
import { HpackDecoder } from "../../../../layers/Grpc/lane/Hpack.ts"
import { Messages } from "../../../../layers/Grpc/lane/Messages.ts"
import { escaped, trailers } from "../../../../layers/Grpc/lane/Replies.ts"
import { ReceiveWindow, SendWindow } from "../../../../layers/Grpc/lane/Windows.ts"

const prefixed = (bytes: Uint8Array) => {
  const message = framed(bytes, 1)
  return Buffer.from(partOf(message, 0, message.length))
}
const Cuts = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 })))

describe("messages", () => {
  it.prop(
    "GC2 whatever pieces they come in, they are the same, and copies",
    [Schema.Array(Schema.Uint8Array), Cuts],
    ([sent, cuts]) => {
      const all = Buffer.concat(sent.map(prefixed))
      const messages = new Messages(1_000_000)
      let completed = 0
      let at = 0
      for (const cut of [...cuts, all.length]) {
        const piece = Buffer.from(all.subarray(at, at + cut))
        completed += messages.arrive(piece, 0, piece.length) as number
        piece.fill(0xee)
        at += cut
      }
      const got: Array<Buffer> = []
      for (let one = messages.take(); one !== undefined; one = messages.take()) got.push(one)
      assert.deepStrictEqual(
        got.map((one) => one.toString("hex")),
        sent.map((one) => Buffer.from(one).toString("hex"))
      )
      assert.deepStrictEqual([completed, messages.bytes, messages.isPartial], [sent.length, 0, false])
    }
  )

  it("GC2 knows that one is cut off, and keeps no more than came", () => {
    const messages = new Messages(1_000_000)
    messages.arrive(Buffer.from([0, 0, 15, 0, 0, 1]), 0, 6)
    assert.deepStrictEqual([messages.isPartial, messages.bytes, messages.take()], [true, 6, undefined])
  })

  it("GC3 refuses one that is too long, or packed, by its prefix", () => {
    const arrive = (...bytes: ReadonlyArray<number>) => new Messages(100).arrive(Buffer.from(bytes), 0, bytes.length)
    assert.deepStrictEqual(
      [arrive(0, 0, 0, 0, 101), arrive(0, 255, 255, 255, 255), arrive(1, 0), arrive(2), arrive(0, 0, 0, 0, 100)],
      ["too long", "too long", "packed", "no prefix", 0]
    )
  })

  it("GC1 copies one that goes to many once, with the header of its frame for streams of one number", () => {
    const update = Buffer.from("update")
    const [first, second, other] = [framed(update, 1), framed(update, 1), framed(update, 7)]
    assert.strictEqual(second.frames, first.frames)
    assert.strictEqual(other.frames, first.frames)
    assert.strictEqual(
      first.frames?.toString("hex"),
      `00000b000000000001000000000${update.length}${update.toString("hex")}`
    )
    assert.strictEqual(dataHeader(11, 7, true).toString("hex"), "00000b000100000007")
    assert.isUndefined(framed(Buffer.alloc(65_532), 1).frames)
  })

  it("GC1 one of several frames is one piece, and each part of it is the same bytes without the headers", () => {
    for (const length of [16_379, 16_380, 32_763, 32_764, 49_000, 65_531]) {
      const body = Buffer.from(Array.from({ length }, (_, i) => (i * 31) % 251))
      const message = framed(body, 5)
      const whole = Buffer.concat([Buffer.from([0, 0, 0, length >> 8, length & 255]), body])
      const cut: Array<Buffer> = []
      const frames = message.frames!
      for (let at = 0; at < frames.length; ) {
        const size = frames.readUIntBE(at, 3)
        assert.deepStrictEqual([frames[at + 3], frames[at + 4], frames.readUInt32BE(at + 5)], [0, 0, 5])
        assert.isAtMost(size, 16_384)
        assert.isAtLeast(size, 1)
        cut.push(frames.subarray(at + 9, at + 9 + size))
        at += 9 + size
      }
      assert.isTrue(Buffer.concat(cut).equals(whole))
      for (let from = 0; from < length + 5; from += 4_096) {
        const to = Math.min(length + 5, from + 4_096)
        assert.isTrue(partOf(message, from, to).equals(whole.subarray(from, to)), `${from} to ${to}`)
      }
    }
  })

  it("GC1 a large one is cut anywhere, and copied nowhere but at its prefix", () => {
    const large = Buffer.alloc(70_000, "large")
    const message = framed(large, 1)
    const whole = Buffer.concat([Buffer.from([0, 0, 1, 0x11, 0x70]), large])
    for (const [from, to] of [
      [0, 3],
      [3, 5],
      [4, 9],
      [0, 16_384],
      [5, 10],
      [16_384, 70_005]
    ] as const)
      assert.isTrue(partOf(message, from, to).equals(whole.subarray(from, to)), `${from} to ${to}`)
    assert.strictEqual(partOf(message, 5, 10).buffer, large.buffer)
    assert.strictEqual(message.length, whole.length)
  })

  it("a status is told as far as the peer's list goes", () => {
    const said = { "herald-code": "HRLD-1001", "grpc-status": "0" }
    const told = (maxList: number) => {
      const block = trailers(1, { code: 3, details: "50 % – no\n", trailers: said }, true, maxList).subarray(9)
      return new HpackDecoder(65_536).decode(block).headers.map(([name, value]) => `${name}: ${value}`)
    }
    assert.deepStrictEqual(told(Number.POSITIVE_INFINITY), [
      "grpc-status: 3",
      "grpc-message: 50 %25 %E2%80%93 no%0A",
      "herald-code: HRLD-1001"
    ])
    assert.lengthOf(told(120), 2)
    assert.lengthOf(told(50), 1)
    assert.strictEqual(escaped("\ud800"), "%EF%BF%BD")
  })
})

describe("windows", () => {
  it.prop("CC1 what may be sent never goes beyond 2^31 - 1", [Schema.Array(Schema.Int)], ([steps]) => {
    const window = new SendWindow(65_535)
    for (const by of steps) {
      const before = window.left
      const grown = window.grow(by)
      assert.strictEqual(grown, before + by <= MAX_WINDOW)
      assert.strictEqual(window.left, grown ? before + by : before)
    }
  })

  it.prop(
    "CC2 no more is given back than was taken, and all but less than half of it is",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 500 })))],
    ([steps]) => {
      const window = new ReceiveWindow(1_000)
      let owed = 0
      for (const bytes of steps) {
        assert.isTrue(window.take(bytes))
        owed += bytes - window.give(bytes)
        assert.strictEqual(window.left, 1_000 - owed)
        assert.isBelow(owed, 500)
        assert.isAtLeast(owed, 0)
      }
    }
  )
})
