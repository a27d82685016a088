/** Writes and reads what the newer ("flexible") forms of Kafka's protocol have instead of lengths of a fixed size (KIP-482). Pure. */
import type { Reader, Writing } from "./Bytes.ts"

/** A length and one more in front, as an unsigned varint. */
export const count = (to: Writing, of: number): Writing => {
  for (let rest = of + 1; ; rest >>>= 7) {
    if (rest < 128) return to.int8(rest)
    to.int8((((rest & 127) | 128) << 24) >> 24)
  }
}

export const text = (to: Writing, value: string | null): Writing => {
  if (value === null) return to.int8(0)
  const bytes = Buffer.from(value)
  return count(to, bytes.length).raw(bytes)
}

/** Fields that a later version may add: none. */
export const NONE = 0

const unsigned = (answer: Reader): number => {
  let value = 0
  for (let shift = 1; ; shift *= 128) {
    const byte = answer.int8() & 255
    value += (byte & 127) * shift
    if (byte < 128) return value
    if (shift > 2 ** 28) throw new RangeError("a number has no end")
  }
}

export const textOf = (answer: Reader): string | null => {
  const length = unsigned(answer) - 1
  return length < 0 ? null : answer.raw(length).toString()
}

export const bytesOf = (answer: Reader): Buffer => answer.raw(Math.max(0, unsigned(answer) - 1))

/** Fields that are not known here are passed over. */
export const others = (answer: Reader): void => {
  for (let left = unsigned(answer); left > 0; left--) {
    unsigned(answer)
    answer.raw(unsigned(answer))
  }
}

export const arrayOf = <A>(answer: Reader, one: (answer: Reader) => A): Array<A> => {
  const length = unsigned(answer) - 1
  if (length > answer.left) throw new RangeError("bytes are missing")
  const all: Array<A> = []
  for (let n = 0; n < length; n++) all.push(one(answer))
  return all
}
