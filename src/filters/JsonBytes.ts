/**
 * Steps through the bytes of JSON and reads values from them. Pure state.
 *
 *   JX1  A value is what JSON.parse gives for it. Only whole numbers that a double can't hold are kept as they are, as int.
 *   JX2  Of what is no JSON nothing is thrown, and no byte is looked at more than a few times.
 *   JX3  What is read is bounded: in bytes of text, in values and in depth. What goes beyond is not there.
 *   JX4  Names are names: no name of a field reaches a prototype.
 */

/** Bytes of text, of all that is read of one event. JX3 */
export const TEXT = 65_536
/** Values within lists and objects, of all that is read of one event. JX3 */
export const VALUES = 1_000
/** Lists and objects within each other. The engine keeps every shape that it met, for ever: with this there are few of them. JX3 */
export const DEPTH = 5

export const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
export const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d]
const [MINUS, PLUS, POINT, ZERO, NINE, SMALL_E, LARGE_E] = [0x2d, 0x2b, 0x2e, 0x30, 0x39, 0x65, 0x45]
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n]
/** Exact as doubles, so that a short decimal is one division. */
const TENS = Array.from({ length: 16 }, (_, n) => 10 ** n)
/** Digits that a double always holds. */
const DIGITS = 15

/** Bytes that are looked at one by one before a quote is searched for. */
const NEAR = 64
/** Short texts come again and again: symbols, names, states. What is kept of them is bounded by their number and length. JX3 */
const KNOWN = 1_024
const KNOWN_LENGTH = 24
const known = new Array<string>(KNOWN).fill("")

/** What is here is no JSON. */
export const BROKEN = Symbol("broken")

export abstract class JsonBytes {
  /** Bytes of text that were read. */
  text = 0
  protected bytes: Buffer = Buffer.alloc(0)
  protected at = 0
  protected left = 0

  protected begin(payload: Uint8Array): void {
    this.bytes = Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    this.at = 0
    this.left = VALUES
    this.text = 0
  }

  protected blank(): void {
    const bytes = this.bytes
    for (let byte = bytes[this.at]!; byte <= 0x20; byte = bytes[++this.at]!)
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
  }

  /** Where the text ends whose bytes from here on are not looked at yet; -1: nowhere. */
  protected end(from: number): number {
    const bytes = this.bytes
    let at = from
    for (;;) {
      const near = Math.min(at + NEAR, bytes.length)
      for (; at < near; at++) {
        const byte = bytes[at]
        if (byte === QUOTE) return at
        if (byte === BACKSLASH) at++
      }
      // A long text: most of those have no quote for a while, and that is found faster than byte by byte.
      const quote = bytes.indexOf(QUOTE, at)
      if (quote === -1) return -1
      let slash = quote - 1
      while (slash >= at && bytes[slash] === BACKSLASH) slash--
      if ((quote - slash) % 2 === 1) return quote
      at = quote + 1
    }
  }

  protected unescaped(from: number, end: number): string | undefined {
    try {
      return JSON.parse(this.bytes.toString("utf8", from - 1, end + 1)) as string
    } catch {
      return undefined
    }
  }

  /** Steps over a value. */
  protected skip(): boolean {
    const bytes = this.bytes
    let at = this.at
    const first = bytes[at]
    if (first === QUOTE) {
      const end = this.end(at + 1)
      this.at = end + 1
      return end !== -1
    }
    if (first !== OPEN && first !== OPEN_LIST) {
      const from = at
      for (let byte = first; byte !== undefined && byte > 0x20 && byte !== COMMA; byte = bytes[++at])
        if (byte === CLOSE || byte === CLOSE_LIST) break
      this.at = at
      return at > from
    }
    for (let depth = 0; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) {
        at = this.end(at + 1)
        if (at === -1) return false
      } else if (byte === OPEN || byte === OPEN_LIST) depth++
      else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) {
        this.at = at + 1
        return true
      }
    }
    return false
  }

  /** Undefined: it goes beyond a bound, and was stepped over. */
  protected value(depth: number): unknown {
    switch (this.bytes[this.at]) {
      case QUOTE:
        return this.string()
      case OPEN:
        return this.within(depth) ? this.object(depth + 1) : this.over()
      case OPEN_LIST:
        return this.within(depth) ? this.list(depth + 1) : this.over()
      default:
        return this.scalar()
    }
  }

  protected within(depth: number): boolean {
    return depth <= DEPTH && this.left > 0
  }

  /** Steps over what goes beyond a bound. */
  protected over(): unknown {
    return this.skip() ? undefined : BROKEN
  }

  /** JX3: an object or list of which a part can't be read, can't be read itself. */
  protected object(depth: number): unknown {
    const found = new Map<string, unknown>()
    const bytes = this.bytes
    let whole = true
    this.at++
    this.blank()
    if (bytes[this.at] === CLOSE) {
      this.at++
      return found
    }
    for (;;) {
      if (bytes[this.at] !== QUOTE) return BROKEN
      const name = this.string()
      if (name === BROKEN) return BROKEN
      this.blank()
      if (bytes[this.at++] !== COLON) return BROKEN
      this.blank()
      const value = this.part(depth, whole && name !== undefined)
      if (value === BROKEN) return BROKEN
      if (value === undefined || name === undefined) whole = false
      else found.set(name as string, value)
      this.blank()
      const next = bytes[this.at++]
      if (next === CLOSE) return whole ? found : undefined
      if (next !== COMMA) return BROKEN
      this.blank()
    }
  }

  protected list(depth: number): unknown {
    const bytes = this.bytes
    const found: Array<unknown> = []
    let whole = true
    this.at++
    this.blank()
    if (bytes[this.at] === CLOSE_LIST) {
      this.at++
      return found
    }
    for (;;) {
      const value = this.part(depth, whole)
      if (value === BROKEN) return BROKEN
      if (value === undefined) whole = false
      else found.push(value)
      this.blank()
      const next = bytes[this.at++]
      if (next === CLOSE_LIST) return whole ? found : undefined
      if (next !== COMMA) return BROKEN
      this.blank()
    }
  }

  protected part(depth: number, wanted: boolean): unknown {
    if (wanted && --this.left >= 0) return this.value(depth)
    return this.over()
  }

  protected string(): unknown {
    const bytes = this.bytes
    const from = this.at + 1
    const end = this.end(from)
    if (end === -1) return BROKEN
    this.at = end + 1
    this.text += end - from
    if (this.text > TEXT) return undefined
    let plain = true
    let hash = 0
    for (let at = from; at < end; at++) {
      const byte = bytes[at]!
      if (byte === BACKSLASH) return this.unescaped(from, end)
      if (byte >= 0x80) plain = false
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    if (!plain) return bytes.toString("utf8", from, end)
    if (end - from > KNOWN_LENGTH) return bytes.toString("latin1", from, end)
    const place = (hash ^ (hash >>> 16)) & (KNOWN - 1)
    const there = known[place]!
    return spells(bytes, from, end, there) ? there : (known[place] = bytes.toString("latin1", from, end))
  }

  protected scalar(): unknown {
    const bytes = this.bytes
    const from = this.at
    let at = from
    const negative = bytes[at] === MINUS
    if (negative) at++
    let sum = 0
    let digits = 0
    let decimals = -1
    for (; ; at++) {
      const byte = bytes[at]!
      if (byte >= ZERO && byte <= NINE) {
        digits++
        sum = sum * 10 + (byte - ZERO)
        if (decimals !== -1) decimals++
      } else if (byte === POINT && decimals === -1) decimals = 0
      else break
    }
    if (digits === 0) return this.word(from)
    const more = bytes[at] === SMALL_E || bytes[at] === LARGE_E
    if (!more && digits <= DIGITS) {
      this.at = at
      const found = decimals > 0 ? sum / TENS[decimals]! : sum
      return negative ? -found : found
    }
    for (let byte = bytes[at]; byte !== undefined; byte = bytes[++at])
      if (!((byte >= ZERO && byte <= NINE) || byte === MINUS || byte === PLUS || byte === SMALL_E || byte === LARGE_E))
        break
    this.at = at
    this.text += at - from
    if (this.text > TEXT) return undefined
    const text = bytes.toString("latin1", from, at)
    if (!more && decimals === -1 && digits < 20) {
      const exact = BigInt(text)
      if (!Number.isSafeInteger(Number(exact)) && exact >= LEAST && exact <= MOST) return exact
    }
    return Number(text)
  }

  protected word(from: number): unknown {
    const bytes = this.bytes
    for (const [word, value] of WORDS) {
      if (!same(bytes, from, from + word.length, word)) continue
      this.at = from + word.length
      return value
    }
    return BROKEN
  }
}

const WORDS: ReadonlyArray<readonly [Uint8Array, unknown]> = [
  [Buffer.from("true"), true],
  [Buffer.from("false"), false],
  [Buffer.from("null"), null]
]

export const same = (bytes: Uint8Array, from: number, end: number, other: Uint8Array): boolean => {
  if (end - from !== other.length) return false
  for (let at = 0; at < other.length; at++) if (bytes[from + at] !== other[at]) return false
  return true
}

const spells = (bytes: Uint8Array, from: number, end: number, text: string): boolean => {
  if (end - from !== text.length) return false
  for (let at = 0; at < text.length; at++) if (bytes[from + at] !== text.charCodeAt(at)) return false
  return true
}
