/** Makes inputs out of others, by a seed: bytes, numbers that bounds are about, whole frames, and parts of two. */
import {
  Code,
  Flag,
  frame,
  PREFACE,
  Setting,
  settingsFrame,
  windowFrame
} from "../../../../../layers/Grpc/lane/Frames.ts"
import { encodeBlock } from "../../../../../layers/Grpc/lane/Hpack.ts"
import { POST } from "../Peer.ts"

/** From 0 up to `below`, by mulberry32. */
export const makeRandom = (seed: number) => {
  let state = seed >>> 0
  return (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}
export type Random = ReturnType<typeof makeRandom>

/** Bytes of an input. */
export const LARGEST = 4_096

const NUMBERS = [0, 1, 2, 5, 9, 63, 127, 128, 255, 16_384, 16_385, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
const IDS = [0, 1, 2, 3, 5, 7, 9, 99, 2 ** 31 - 1]
const FLAGS = [0, Flag.END_STREAM, Flag.END_HEADERS, Flag.PADDED, Flag.PRIORITY, 5, 13, 45, 255]
const PAYLOADS = [
  ...[Buffer.alloc(0), Buffer.alloc(4), Buffer.alloc(5), Buffer.alloc(8), Buffer.from([0, 0, 0, 0, 1, 3])],
  ...[
    encodeBlock(POST),
    encodeBlock([["x", "y"]]),
    Buffer.from([0x82]),
    Buffer.from("herald.1"),
    Buffer.from("herald.2")
  ],
  ...[windowFrame(0, 1).subarray(9), settingsFrame([[Setting.INITIAL_WINDOW_SIZE, 5]]).subarray(9)],
  Buffer.from([0, 0, 0, Code.CANCEL])
]

const of = <A>(random: Random, all: ReadonlyArray<A>): A => all[random(all.length)]!

const anyFrame = (random: Random): Buffer =>
  random(20) === 0 ? PREFACE : frame(random(12), of(random, FLAGS), of(random, IDS), of(random, PAYLOADS))

const once = (random: Random, input: Buffer, other: Buffer): Buffer => {
  const at = random(input.length + 1)
  const [before, after] = [input.subarray(0, at), input.subarray(at)]
  switch (random(9)) {
    case 0: {
      const changed = Buffer.from(input)
      if (input.length > 0) changed[at % input.length]! ^= 1 << random(8)
      return changed
    }
    case 1:
      return Buffer.concat([before, Buffer.from([random(256)]), after])
    case 2:
      return Buffer.concat([before, after.subarray(1 + random(16))])
    case 3:
    case 4:
      return Buffer.concat([before, anyFrame(random), after])
    case 5:
      return Buffer.concat([before, after.subarray(0, 1 + random(64)), after])
    case 6: {
      const changed = Buffer.from(input)
      const number = of(random, NUMBERS)
      if (at + 4 <= input.length) changed.writeUInt32BE(number, at)
      else if (at < input.length) changed[at] = number & 255
      return changed
    }
    case 7:
      return Buffer.concat([before, other.subarray(random(other.length + 1))])
    default:
      return Buffer.concat([input, anyFrame(random)])
  }
}

export const mutate = (random: Random, input: Buffer, other: Buffer): Buffer => {
  let made = input
  for (let n = 1 << random(4); n > 0; n--) made = once(random, made, other)
  return made.subarray(0, LARGEST)
}
