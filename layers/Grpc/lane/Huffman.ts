/**
 * The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the lengths of its codes are all that has to be known. Pure.
 *
 *   HX1  What was encoded is decoded to the same bytes; padding that is not the beginning of EOS, or longer than seven bits, is refused, and
 *        so is EOS itself (RFC 7541 §5.2).
 */

/** Bits of the code of each byte; EOS has 30. */
// biome-ignore format: sixteen in a row, as the RFC has them
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30
]
const EOS = 256

/** Codes in the order of their lengths, and of their bytes where these are equal. */
const CODES = new Uint32Array(LENGTHS.length)
{
  const order = LENGTHS.map((_, symbol) => symbol).sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b)
  let code = 0
  let length = 0
  for (const symbol of order) {
    code <<= LENGTHS[symbol]! - length
    length = LENGTHS[symbol]!
    CODES[symbol] = code++
  }
}

/**
 * The tree of the code, read four bits at a time: a node and four bits give the next node and, as no code is shorter than five bits, at most one
 * byte. Nodes are numbered from 0, the root. An entry is `node << 10 | (byte + 1)`, or -1.
 */
const STEPS = new Int32Array(256 * 16)
/** Nodes at which a string may end: the root, and those up to seven ones below it. */
const MAY_END = new Uint8Array(256)
{
  const children = [new Int32Array(512), new Int32Array(512)] as const
  let nodes = 1
  for (const [symbol, length] of LENGTHS.entries()) {
    let node = 0
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = children[((CODES[symbol]! >>> bit) & 1) as 0 | 1]
      if (bit === 0) side[node] = -1 - symbol
      else node = side[node] ||= nodes++
    }
  }
  for (let node = 0; node < nodes; node++)
    for (let four = 0; four < 16; four++) {
      let at = node
      let byte = 0
      for (let bit = 3; bit >= 0 && at >= 0; bit--) {
        const next = children[((four >>> bit) & 1) as 0 | 1][at]!
        if (next >= 0) at = next
        else if (next === -1 - EOS) at = -1
        else {
          byte = -next
          at = 0
        }
      }
      STEPS[node * 16 + four] = at < 0 ? -1 : (at << 10) | byte
    }
  for (let node = 0, ones = 0; ones < 8; ones++) {
    MAY_END[node] = 1
    node = children[1][node]!
  }
}

/** Where decoding puts bytes; no code is shorter than five bits, so a string never grows beyond 8/5 of what it arrived as. */
let scratch = Buffer.allocUnsafeSlow(4_096)

/** The string in `bytes[start..end)` as latin1, or undefined where that is no string. HX1 */
export const unpack = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const most = Math.ceil(((end - start) * 8) / 5)
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most)
  let node = 0
  let length = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = STEPS[node * 16 + ((byte >>> shift) & 15)]!
      if (step < 0) return undefined
      if ((step & 1_023) !== 0) scratch[length++] = (step & 1_023) - 1
      node = step >>> 10
    }
  }
  return MAY_END[node] === 1 ? scratch.toString("latin1", 0, length) : undefined
}

export const packedLength = (text: string): number => {
  let bits = 0
  for (let i = 0; i < text.length; i++) bits += LENGTHS[text.charCodeAt(i) & 255]!
  return (bits + 7) >>> 3
}

/** A latin1 string, packed. */
export const pack = (text: string): Buffer => {
  const packed = Buffer.alloc(packedLength(text))
  let at = 0
  /** Bits that wait for the rest of their byte: fewer than eight. */
  let held = 0
  let bits = 0
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 255
    let left = LENGTHS[symbol]!
    while (left > 0) {
      const take = Math.min(left, 8 - bits)
      left -= take
      held = (held << take) | ((CODES[symbol]! >>> left) & ((1 << take) - 1))
      bits += take
      if (bits < 8) continue
      packed[at++] = held
      held = bits = 0
    }
  }
  if (bits > 0) packed[at] = (held << (8 - bits)) | (255 >>> bits)
  return packed
}
