/** What inputs are given to, and what has to be so whatever they are: each throws what was not. */
import assert from "node:assert"
import {
  ConnectionError,
  FRAME_BYTES,
  FrameReader,
  HEADER,
  headersFrame,
  Type
} from "../../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock, HpackDecoder, HpackError, sizeOf, TABLE_BYTES } from "../../../../../layers/Grpc/lane/Hpack.ts"
import { bounds } from "../../../../../layers/Grpc/lane/Protections.ts"
import { makePeer, POST } from "../Peer.ts"

export type Target = (input: Buffer) => void | Promise<void>

const read = (input: Buffer, piece: number) => {
  const seen: Array<string> = []
  const reader = new FrameReader((...[type, flags, id, bytes, start, end, length]) => {
    assert.ok(start <= end && end <= bytes.length && length <= FRAME_BYTES)
    seen.push(`${type} ${flags} ${id} ${length} ${bytes.toString("hex", start, end)}`)
  })
  try {
    for (let at = 0; at < input.length; at += piece) {
      reader.push(input.subarray(at, at + piece))
      assert.ok(reader.kept <= HEADER + FRAME_BYTES)
    }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    seen.push(error.message)
  }
  return seen
}

/** FM1–FM3: the same frames and the same end, in whatever pieces. The first byte says in which. */
const frames: Target = (input) => {
  const [piece = 0] = input
  assert.deepStrictEqual(read(input.subarray(1), 1 + piece), read(input.subarray(1), LARGEST_PIECE))
}
const LARGEST_PIECE = 65_536

/** HX1–HX4: a list within its bound, a table within its own; what was read is written and read again. The input is blocks by their lengths. */
const hpack: Target = (input) => {
  const decoder = new HpackDecoder(bounds.list.bound)
  try {
    for (let at = 0; at < input.length; ) {
      const end = Math.min(input.length, at + 1 + input[at]! * 4)
      const { headers, tooLong } = decoder.decode(input, at + 1, end)
      at = end
      assert.ok(headers.reduce((sum, header) => sum + sizeOf(header), 0) <= bounds.list.bound)
      assert.ok(decoder.size <= TABLE_BYTES)
      if (tooLong) continue
      assert.deepStrictEqual(new HpackDecoder(bounds.list.bound).decode(encodeBlock(headers)), { headers, tooLong })
    }
  } catch (error) {
    if (!(error instanceof HpackError)) throw error
  }
}

const ticked = () => new Promise<void>((resolve) => process.nextTick(resolve))
const ANSWER = encodeBlock([["grpc-status", "0"]])
/** Streams that may be open, and bytes of answers for each byte that came: a RST_STREAM for an empty HEADERS is about the most. */
const STREAMS = 8
const AMPLIFIED = 16
const GREETING = 4_096

/**
 * CC4–CC17: no fault, every stream over once, no more of them than may be, nothing after the end, answers as large as what they answer.
 * The first byte says in which pieces, the second how handlers answer, the third whether the peer reads and the server leaves.
 */
const connection: Target = async (input) => {
  const [piece = 0, answers = 0, how = 0] = input
  const peer = makePeer({ maxStreams: STREAMS, takes: (answers & 1) === 0 })
  if ((how & 1) === 0) peer.greet()
  const sent = input.subarray(3)
  const answered = new Set<number>()
  let given = 0
  for (let at = 0, n = 0; at < sent.length; at += 1 + piece, n++) {
    peer.send(sent.subarray(at, at + 1 + piece))
    assert.ok(peer.connection.streams <= STREAMS)
    for (const { stream } of peer.calls) {
      if (answered.has(stream.id)) continue
      answered.add(stream.id)
      const first = headersFrame(stream.id, ANSWER, false)
      if ((answers & 2) !== 0) {
        stream.respond(first)
        stream.send(Buffer.alloc(100))
        given += first.length + 114
      }
      if ((answers & 4) !== 0) stream.finish(headersFrame(stream.id, ANSWER, true))
      if ((answers & 8) !== 0) stream.reset(8)
      if ((answers & 16) !== 0) stream.taken(stream.received)
      given += 64
    }
    peer.state.reads = (how & 2) === 0 || n % 3 !== 0
    if ((how & 4) !== 0 && n === 2) peer.connection.shutdown()
    if ((how & 8) !== 0) peer.connection.tick((peer.state.now += 1_000))
    await ticked()
    if (peer.state.reads) peer.connection.drained()
  }
  await ticked()
  const bytes = peer.got.reduce((sum, { payload }) => sum + HEADER + payload.length, 0)
  assert.ok(bytes <= GREETING + given + AMPLIFIED * sent.length, `${bytes} bytes for ${sent.length}`)
  const ends = peer.got.filter(({ type, payload }) => type === Type.GOAWAY && payload.readUInt32BE(4) !== 0)
  assert.ok(ends.length <= 1)
  if (ends.length === 1) assert.strictEqual(peer.got.at(-1), ends[0])
  peer.connection.gone()
  const { length } = peer.got
  peer.send(sent)
  await ticked()
  assert.strictEqual(peer.got.length, length)
  assert.deepStrictEqual(peer.defects, [])
  for (const { over, ended } of peer.calls) assert.ok(over.length === 1 && ended <= 1)
}

const begin = [headersFrame(1, encodeBlock(POST), false), headersFrame(3, encodeBlock(POST), true)]

/** What fuzzing begins with. */
export const seeds = {
  frames: [Buffer.from([0])],
  hpack: [Buffer.concat([Buffer.from([20]), encodeBlock(POST)])],
  connection: [0, 2, 4, 6, 8, 16, 18, 22].flatMap((answers) =>
    [0, 2, 4, 8].map((how) => Buffer.concat([Buffer.from([40, answers, how]), ...begin]))
  )
} satisfies Readonly<Record<string, ReadonlyArray<Buffer>>>

export const targets = { frames, hpack, connection } satisfies Readonly<Record<string, Target>>
export type TargetName = keyof typeof targets
