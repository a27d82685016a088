/**
 * MurmurHash3 x86 32 with seed 0 over UTF-8, as flagd buckets people by it. Pure.
 *
 *   FB1  The hash is of the text's UTF-8, whatever characters it has: the same everywhere. Half of a surrogate pair counts as U+FFFD.
 *   FB2  What stands before every text that is hashed (a flag's key) is hashed once: nothing is put together to hash it.
 */

/** Where a hash stands after some bytes. */
export interface Begun {
  readonly hash: number
  /** Bytes that fill no block of four yet, the first in the lowest bits. */
  readonly tail: number
  /** Bytes so far. */
  readonly bytes: number
}

export const nothing: Begun = { hash: 0, tail: 0, bytes: 0 }

const mixed = (block: number): number => {
  const one = Math.imul(block, 0xcc9e2d51)
  return Math.imul((one << 15) | (one >>> 17), 0x1b873593)
}

const added = (hash: number, block: number): number => {
  const one = hash ^ mixed(block)
  return (Math.imul((one << 13) | (one >>> 19), 5) + 0xe6546b64) | 0
}

const ended = (hash: number, tail: number, bytes: number): number => {
  let one = (bytes & 3) === 0 ? hash : hash ^ mixed(tail)
  one ^= bytes
  one = Math.imul(one ^ (one >>> 16), 0x85ebca6b)
  one = Math.imul(one ^ (one >>> 13), 0xc2b2ae35)
  return (one ^ (one >>> 16)) >>> 0
}

/** Of a text, behind what `begun` had. Unsigned. FB1 */
export const hashText = (text: string, begun: Begun = nothing): number => {
  let { hash, tail, bytes } = begun
  const length = text.length
  let at = 0
  if ((bytes & 3) === 0) {
    // Four letters of ASCII are a block: nearly every id is made of nothing else.
    for (; at + 4 <= length; at += 4) {
      const [a, b, c, d] = [
        text.charCodeAt(at),
        text.charCodeAt(at + 1),
        text.charCodeAt(at + 2),
        text.charCodeAt(at + 3)
      ]
      if ((a | b | c | d) > 127) break
      hash = added(hash, a | (b << 8) | (c << 16) | (d << 24))
      bytes += 4
    }
  }
  for (; at < length; at++) {
    let code = text.charCodeAt(at)
    // Bytes of this character, the first in the lowest bits.
    let encoded = code
    let count = 1
    if (code > 127) {
      if (code >= 0xd800 && code < 0xe000) {
        const next = code < 0xdc00 ? text.charCodeAt(at + 1) : 0
        if (next >= 0xdc00 && next < 0xe000) {
          code = 0x10000 + ((code & 0x3ff) << 10) + (next & 0x3ff)
          at++
        } else code = 0xfffd
      }
      if (code < 0x800) {
        encoded = 0xc0 | (code >> 6) | ((0x80 | (code & 63)) << 8)
        count = 2
      } else if (code < 0x10000) {
        encoded = 0xe0 | (code >> 12) | ((0x80 | ((code >> 6) & 63)) << 8) | ((0x80 | (code & 63)) << 16)
        count = 3
      } else {
        encoded =
          0xf0 |
          (code >> 18) |
          ((0x80 | ((code >> 12) & 63)) << 8) |
          ((0x80 | ((code >> 6) & 63)) << 16) |
          ((0x80 | (code & 63)) << 24)
        count = 4
      }
    }
    for (; count > 0; count--) {
      tail |= (encoded & 255) << ((bytes & 3) << 3)
      encoded >>>= 8
      bytes++
      if ((bytes & 3) === 0) {
        hash = added(hash, tail)
        tail = 0
      }
    }
  }
  return ended(hash, tail, bytes)
}

/** Of bytes. Unsigned. */
export const hashBytes = (of: Uint8Array): number => {
  let hash = 0
  let tail = 0
  for (let at = 0; at < of.length; at++) {
    tail |= of[at]! << ((at & 3) << 3)
    if ((at & 3) === 3) {
      hash = added(hash, tail)
      tail = 0
    }
  }
  return ended(hash, tail, of.length)
}

/** What stands before every text that is hashed behind it. FB2 */
export const begin = (text: string): Begun => {
  let [hash, tail] = [0, 0]
  const of = new TextEncoder().encode(text)
  for (let at = 0; at < of.length; at++) {
    tail |= of[at]! << ((at & 3) << 3)
    if ((at & 3) === 3) {
      hash = added(hash, tail)
      tail = 0
    }
  }
  return { hash, tail, bytes: of.length }
}
