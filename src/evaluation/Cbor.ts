/**
 * Deterministic CBOR (RFC 8949, 4.2.1) of JSON, as the third way of bucketing hashes it. Pure.
 *
 *   FB3  Equal JSON has equal bytes: whole numbers are integers, −0 is 0, other numbers the shortest floats that hold them, and members stand
 *        in the order of their names' bytes.
 */
import type { Json } from "./Json.ts"

const encoder = new TextEncoder()

const put = (out: Array<number>, major: number, size: number): void => {
  const type = major << 5
  if (size < 24) out.push(type | size)
  else if (size < 0x100) out.push(type | 24, size)
  else if (size < 0x10000) out.push(type | 25, size >>> 8, size & 255)
  else if (size < 0x1_0000_0000) out.push(type | 26, size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255)
  else {
    const high = Math.floor(size / 0x1_0000_0000)
    const low = size % 0x1_0000_0000
    out.push(type | 27, high >>> 24, (high >>> 16) & 255, (high >>> 8) & 255, high & 255)
    out.push(low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255)
  }
}

/** Bits of a half float that holds it exactly; undefined: none does. */
const halfOf = (value: number): number | undefined => {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  const bits = view.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 255) - 127
  const mantissa = bits & 0x7fffff
  if (exponent >= -14 && exponent <= 15) {
    return (mantissa & 0x1fff) === 0 ? sign | ((exponent + 15) << 10) | (mantissa >>> 13) : undefined
  }
  if (exponent < -14 && exponent >= -24) {
    const shift = -exponent - 1
    const whole = mantissa | 0x800000
    return (whole & (2 ** shift - 1)) === 0 ? sign | (whole >>> shift) : undefined
  }
  return undefined
}

const putFloat = (out: Array<number>, value: number): void => {
  if (Math.fround(value) !== value) {
    const view = new DataView(new ArrayBuffer(8))
    view.setFloat64(0, value)
    out.push(0xfb)
    for (let at = 0; at < 8; at++) out.push(view.getUint8(at))
    return
  }
  const half = halfOf(value)
  if (half !== undefined) {
    out.push(0xf9, half >>> 8, half & 255)
    return
  }
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  out.push(0xfa)
  for (let at = 0; at < 4; at++) out.push(view.getUint8(at))
}

/** Whole numbers up to 2^64 are integers there, as JSON has no other sign of them. */
const putNumber = (out: Array<number>, value: number): void => {
  if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 64) putFloat(out, value)
  else if (value < 0) put(out, 1, -1 - value)
  else put(out, 0, value)
}

const putText = (out: Array<number>, text: string): void => {
  const bytes = encoder.encode(text)
  put(out, 3, bytes.length)
  for (const byte of bytes) out.push(byte)
}

/** Shorter encodings come first, for their first byte says how long they are: comparing bytes is enough. */
const byBytes = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  for (let at = 0; at < a.length && at < b.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!
  return a.length - b.length
}

const putValue = (out: Array<number>, value: unknown): void => {
  switch (typeof value) {
    case "string":
      putText(out, value)
      return
    case "number":
      putNumber(out, value)
      return
    case "boolean":
      out.push(value ? 0xf5 : 0xf4)
      return
  }
  if (value === null || value === undefined) {
    out.push(0xf6)
  } else if (Array.isArray(value)) {
    put(out, 4, value.length)
    for (const item of value) putValue(out, item)
  } else {
    const members = Object.entries(value).map(([name, of]) => {
      const key: Array<number> = []
      putText(key, name)
      return { key, of }
    })
    members.sort((a, b) => byBytes(a.key, b.key))
    put(out, 5, members.length)
    for (const { key, of } of members) {
      for (const byte of key) out.push(byte)
      putValue(out, of)
    }
  }
}

/** FB3. Throws `RangeError` when it nests too deep. */
export const cborOf = (value: Json): Uint8Array => {
  const out: Array<number> = []
  putValue(out, value)
  return Uint8Array.from(out)
}
