import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  Code,
  ConnectionError,
  Flag,
  FRAME_BYTES,
  FrameReader,
  frame,
  goawayFrame,
  headersFrame,
  pingFrame,
  resetFrame,
  settingsFrame,
  Type,
  windowFrame
} from "../../../../layers/Grpc/lane/Frames.ts"

interface Seen {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: string
  readonly length: number
}

const reading = () => {
  const seen: Array<Seen> = []
  const reader = new FrameReader((type, flags, id, bytes, start, end, length) =>
    seen.push({ type, flags, id, payload: bytes.toString("hex", start, end), length })
  )
  return { reader, seen }
}

const read = (...chunks: ReadonlyArray<Buffer>) => {
  const { reader, seen } = reading()
  for (const chunk of chunks) reader.push(chunk)
  return seen
}

const refuses = (bytes: Buffer, code: number, section: string) => {
  try {
    read(bytes)
  } catch (error) {
    assert.instanceOf(error, ConnectionError)
    assert.strictEqual((error as ConnectionError).code, code)
    return assert.include((error as Error).message, `§${section})`)
  }
  assert.fail("it was taken")
}

const all = Buffer.concat([
  settingsFrame([[4, 65_535]]),
  headersFrame(1, Buffer.from("82", "hex"), false),
  frame(Type.DATA, Flag.END_STREAM, 1, Buffer.from("hello")),
  frame(Type.DATA, 0, 1, Buffer.alloc(0)),
  pingFrame(Buffer.alloc(8, 7), true),
  resetFrame(1, Code.CANCEL),
  windowFrame(0, 9),
  goawayFrame(1, Code.NO_ERROR, "bye"),
  frame(0xfa, 0, 5, Buffer.from("unknown"))
])

describe("frames", () => {
  it("FM1 hands on every type, and those it does not know", () => {
    assert.deepStrictEqual(
      read(all).map(({ type }) => type),
      [4, 1, 0, 0, 6, 3, 8, 7, 0xfa]
    )
  })

  it.prop(
    "FM1 in whatever pieces they come",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })))],
    ([cuts]) => {
      const pieces: Array<Buffer> = []
      let at = 0
      for (const cut of cuts) {
        pieces.push(all.subarray(at, at + cut))
        at += cut
      }
      pieces.push(all.subarray(at))
      assert.deepStrictEqual(read(...pieces), read(all))
    }
  )

  it("FM1 byte by byte, too", () => {
    assert.deepStrictEqual(read(...[...all].map((byte) => Buffer.from([byte]))), read(all))
  })

  it("FM2 keeps a copy of an unfinished frame, as long as it is", () => {
    const { reader, seen } = reading()
    const whole = frame(Type.DATA, 0, 1, Buffer.alloc(100, 1))
    const slab = Buffer.concat([all, whole.subarray(0, 20)])
    reader.push(slab)
    assert.strictEqual(reader.kept, 109)
    slab.fill(9)
    reader.push(whole.subarray(20))
    assert.strictEqual(seen.at(-1)?.payload, "01".repeat(100))
    assert.strictEqual(reader.kept, 0)
  })

  it("FM2 refuses what is too large by its header", () => {
    const large = frame(Type.DATA, 0, 1, FRAME_BYTES + 1)
    refuses(large, Code.FRAME_SIZE_ERROR, "4.2")
    refuses(frame(0xfa, 0, 1, FRAME_BYTES + 1), Code.FRAME_SIZE_ERROR, "4.2")
    const { reader } = reading()
    reader.push(large.subarray(0, 8))
    assert.strictEqual(reader.kept, 8)
    assert.throws(() => reader.push(large.subarray(8)), ConnectionError)
    assert.lengthOf(read(frame(Type.DATA, 0, 1, Buffer.alloc(FRAME_BYTES))), 1)
  })

  it("takes padding and priority off, and counts them", () => {
    const padded = Buffer.from([2, 1, 2, 3, 0, 0])
    assert.deepStrictEqual(read(frame(Type.DATA, Flag.PADDED, 1, padded))[0], {
      ...{ type: 0, flags: 8, id: 1 },
      ...{ payload: "010203", length: 6 }
    })
    const both = Buffer.from([1, 0, 0, 0, 0, 16, 0x82, 0])
    assert.strictEqual(read(frame(Type.HEADERS, Flag.PADDED | Flag.PRIORITY, 1, both))[0]?.payload, "82")
    assert.strictEqual(read(frame(Type.DATA, Flag.PADDED, 1, Buffer.from([0])))[0]?.payload, "")
  })

  it("FM3 tells what is wrong by the section of the RFC", () => {
    const { PROTOCOL_ERROR, FRAME_SIZE_ERROR } = Code
    const eight = Buffer.alloc(8)
    refuses(frame(Type.DATA, 0, 0, eight), PROTOCOL_ERROR, "6.1")
    refuses(frame(Type.DATA, Flag.PADDED, 1, Buffer.alloc(0)), FRAME_SIZE_ERROR, "6.1")
    refuses(frame(Type.DATA, Flag.PADDED, 1, Buffer.from([1])), PROTOCOL_ERROR, "6.1")
    refuses(frame(Type.HEADERS, 4, 0, eight), PROTOCOL_ERROR, "6.2")
    refuses(frame(Type.HEADERS, Flag.PRIORITY, 1, Buffer.alloc(4)), FRAME_SIZE_ERROR, "6.2")
    refuses(frame(Type.HEADERS, Flag.PRIORITY, 1, Buffer.from([0, 0, 0, 1, 0])), PROTOCOL_ERROR, "6.2")
    refuses(frame(Type.PRIORITY, 0, 0, Buffer.alloc(5)), PROTOCOL_ERROR, "6.3")
    refuses(frame(Type.RST_STREAM, 0, 0, Buffer.alloc(4)), PROTOCOL_ERROR, "6.4")
    refuses(frame(Type.RST_STREAM, 0, 1, Buffer.alloc(3)), FRAME_SIZE_ERROR, "6.4")
    refuses(frame(Type.SETTINGS, 0, 1, Buffer.alloc(6)), PROTOCOL_ERROR, "6.5")
    refuses(frame(Type.SETTINGS, 0, 0, Buffer.alloc(5)), FRAME_SIZE_ERROR, "6.5")
    refuses(frame(Type.SETTINGS, Flag.ACK, 0, Buffer.alloc(6)), FRAME_SIZE_ERROR, "6.5")
    refuses(frame(Type.PUSH_PROMISE, 4, 1, eight), PROTOCOL_ERROR, "8.4")
    refuses(frame(Type.PING, 0, 1, eight), PROTOCOL_ERROR, "6.7")
    refuses(frame(Type.PING, 0, 0, Buffer.alloc(7)), FRAME_SIZE_ERROR, "6.7")
    refuses(frame(Type.GOAWAY, 0, 1, eight), PROTOCOL_ERROR, "6.8")
    refuses(frame(Type.GOAWAY, 0, 0, Buffer.alloc(7)), FRAME_SIZE_ERROR, "6.8")
    refuses(frame(Type.WINDOW_UPDATE, 0, 0, Buffer.alloc(5)), FRAME_SIZE_ERROR, "6.9")
    refuses(frame(Type.CONTINUATION, 4, 0, eight), PROTOCOL_ERROR, "6.10")
  })

  it("writes a block of any length", () => {
    const block = Buffer.alloc(2 * FRAME_BYTES + 1, 0x82)
    const seen = read(headersFrame(3, block, true))
    assert.deepStrictEqual(
      seen.map(({ type, flags, id, length }) => [type, flags, id, length]),
      [
        [Type.HEADERS, Flag.END_STREAM, 3, FRAME_BYTES],
        [Type.CONTINUATION, 0, 3, FRAME_BYTES],
        [Type.CONTINUATION, Flag.END_HEADERS, 3, 1]
      ]
    )
    assert.strictEqual(seen.map(({ payload }) => payload).join(""), block.toString("hex"))
  })

  it.prop("FM3 whatever comes, is a frame or refused, and no more is kept than one", [Schema.Uint8Array], ([bytes]) => {
    const { reader } = reading()
    try {
      reader.push(Buffer.from(bytes))
    } catch (error) {
      assert.instanceOf(error, ConnectionError)
    }
    assert.isAtMost(reader.kept, FRAME_BYTES + 9)
  })
})
