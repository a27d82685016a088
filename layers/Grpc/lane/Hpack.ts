/**
 * HPACK (RFC 7541): reads header blocks of one connection, and writes those that any connection may have. Pure.
 *
 *   HX2  What a block may make of itself is limited: the table in bytes, a list in bytes (as RFC 9113 §6.5.2 counts them), a string by its
 *        block, an integer to 28 bits. A list that is too long is still read to its end, or the table would no longer be the peer's, but
 *        nothing more of it is kept.
 *   HX3  Whatever else is wrong with a block is a `HpackError`; there is no way on for its connection (RFC 9113 §4.3).
 *   HX4  Blocks that are written refer to no table of the connection and begin with an update of its size to 0, which is right after
 *        whatever the peer's settings say, so one block is good for all connections.
 */
import { pack, packedLength, unpack } from "./Huffman.ts"

export class HpackError extends Error {}

export type Header = readonly [name: string, value: string]

/** RFC 7541, appendix A. */
// biome-ignore format: a name, or a name and a value
export const STATIC: ReadonlyArray<Header> = [
  [":authority", ""], [":method", "GET"], [":method", "POST"], [":path", "/"], [":path", "/index.html"], [":scheme", "http"],
  [":scheme", "https"], [":status", "200"], [":status", "204"], [":status", "206"], [":status", "304"], [":status", "400"],
  [":status", "404"], [":status", "500"], ["accept-charset", ""], ["accept-encoding", "gzip, deflate"], ["accept-language", ""],
  ["accept-ranges", ""], ["accept", ""], ["access-control-allow-origin", ""], ["age", ""], ["allow", ""], ["authorization", ""],
  ["cache-control", ""], ["content-disposition", ""], ["content-encoding", ""], ["content-language", ""], ["content-length", ""],
  ["content-location", ""], ["content-range", ""], ["content-type", ""], ["cookie", ""], ["date", ""], ["etag", ""], ["expect", ""],
  ["expires", ""], ["from", ""], ["host", ""], ["if-match", ""], ["if-modified-since", ""], ["if-none-match", ""], ["if-range", ""],
  ["if-unmodified-since", ""], ["last-modified", ""], ["link", ""], ["location", ""], ["max-forwards", ""], ["proxy-authenticate", ""],
  ["proxy-authorization", ""], ["range", ""], ["referer", ""], ["refresh", ""], ["retry-after", ""], ["server", ""], ["set-cookie", ""],
  ["strict-transport-security", ""], ["transfer-encoding", ""], ["user-agent", ""], ["vary", ""], ["via", ""], ["www-authenticate", ""]
]

/** What an entry counts beside its name and value, in a table and in a list. */
const ENTRY = 32
export const sizeOf = ([name, value]: Header): number => name.length + value.length + ENTRY

/** Bytes of the table that a peer's encoder may have of ours: RFC 9113's default. HX2 */
export const TABLE_BYTES = 4_096

export interface Decoded {
  /** Up to the one with which the list became too long. */
  readonly headers: ReadonlyArray<Header>
  readonly tooLong: boolean
}

/** One for each connection: its state is the table that the peer's encoder fills. */
export class HpackDecoder {
  readonly #tableBytes: number
  readonly #listBytes: number
  /** Newest last; those before `#first` are evicted. */
  #entries: Array<Header> = []
  #first = 0
  #size = 0
  #max: number
  #bytes: Uint8Array = new Uint8Array()
  #at = 0
  #end = 0

  constructor(listBytes: number, tableBytes = TABLE_BYTES) {
    this.#listBytes = listBytes
    this.#tableBytes = this.#max = tableBytes
  }

  /** Bytes of the table, as the RFC counts them. */
  get size(): number {
    return this.#size
  }

  /** A whole block: throws `HpackError`. */
  decode(bytes: Uint8Array, start = 0, end = bytes.length): Decoded {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    const headers: Array<Header> = []
    let listed = 0
    let begun = false
    while (this.#at < end) {
      const byte = bytes[this.#at]!
      if ((byte & 0xe0) === 0x20) {
        if (begun) throw new HpackError("an update of the table's size stands in the middle of a block (RFC 7541 §4.2)")
        this.#resize(this.#integer(5))
        continue
      }
      begun = true
      const header = byte >= 0x80 ? this.#entry(this.#integer(7)) : this.#literal(byte)
      if (listed > this.#listBytes) continue
      listed += sizeOf(header)
      if (listed <= this.#listBytes) headers.push(header)
    }
    return { headers, tooLong: listed > this.#listBytes }
  }

  #literal(byte: number): Header {
    const indexed = byte >= 0x40
    const index = this.#integer(indexed ? 6 : 4)
    const name = index === 0 ? this.#string() : this.#entry(index)[0]
    const header: Header = [name, this.#string()]
    if (indexed) this.#add(header)
    return header
  }

  #entry(index: number): Header {
    if (index === 0) throw new HpackError("index 0 is not used (RFC 7541 §6.1)")
    const entry = index <= STATIC.length ? STATIC[index - 1] : this.#dynamic(index - STATIC.length)
    if (entry === undefined) throw new HpackError(`no entry has index ${index} (RFC 7541 §2.3.3)`)
    return entry
  }

  #dynamic(back: number): Header | undefined {
    const at = this.#entries.length - back
    return at >= this.#first ? this.#entries[at] : undefined
  }

  #add(header: Header): void {
    const size = sizeOf(header)
    this.#evict(this.#max - size)
    if (size > this.#max) return // larger than the table: it only empties it (RFC 7541 §4.4)
    this.#entries.push(header)
    this.#size += size
  }

  #evict(most: number): void {
    while (this.#size > most && this.#first < this.#entries.length) this.#size -= sizeOf(this.#entries[this.#first++]!)
    if (this.#first < 64 && this.#first < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }

  #resize(max: number): void {
    if (max > this.#tableBytes) throw new HpackError(`a table of ${max} bytes is more than was offered (RFC 7541 §6.3)`)
    this.#max = max
    this.#evict(max)
  }

  /** RFC 7541 §5.1 */
  #integer(prefix: number): number {
    const most = (1 << prefix) - 1
    let value = this.#bytes[this.#at++]! & most
    if (value < most) return value
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#end) throw new HpackError("a block ends within an integer (RFC 7541 §5.1)")
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new HpackError("an integer has more than 28 bits (RFC 7541 §5.1)")
  }

  /** RFC 7541 §5.2 */
  #string(): string {
    if (this.#at >= this.#end) throw new HpackError("a block ends where a string should begin (RFC 7541 §5.2)")
    const packed = this.#bytes[this.#at]! >= 0x80
    const length = this.#integer(7)
    const start = this.#at
    const end = start + length
    if (end > this.#end) throw new HpackError("a block ends within a string (RFC 7541 §5.2)")
    this.#at = end
    if (!packed) return latin1(this.#bytes, start, end)
    const text = unpack(this.#bytes, start, end)
    if (text === undefined) throw new HpackError("a string is not of the Huffman code (RFC 7541 §5.2)")
    return text
  }
}

const latin1 = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", start, end)

const indices = new Map<string, number>()
const names = new Map<string, number>()
for (const [i, [name, value]] of STATIC.entries()) {
  if (!names.has(name)) names.set(name, i + 1)
  if (value !== "") indices.set(`${name} ${value}`, i + 1)
}

const integer = (into: Array<number>, first: number, prefix: number, value: number): void => {
  const most = (1 << prefix) - 1
  if (value < most) return void into.push(first | value)
  into.push(first | most)
  let left = value - most
  for (; left >= 0x80; left >>>= 7) into.push((left & 0x7f) | 0x80)
  into.push(left)
}

const string = (into: Array<number>, text: string): void => {
  const length = packedLength(text)
  const packed = length < text.length
  integer(into, packed ? 0x80 : 0, 7, packed ? length : text.length)
  for (const byte of packed ? pack(text) : Buffer.from(text, "latin1")) into.push(byte)
}

/** A block, without its frame: names in lower case, values in latin1. HX4 */
export const encodeBlock = (headers: ReadonlyArray<Header>): Buffer => {
  const into = [0x20]
  for (const [name, value] of headers) {
    const index = indices.get(`${name} ${value}`)
    if (index !== undefined) integer(into, 0x80, 7, index)
    else {
      const known = names.get(name)
      integer(into, 0, 4, known ?? 0)
      if (known === undefined) string(into, name)
      string(into, value)
    }
  }
  return Buffer.from(into)
}
