/**
 * A list of ids, up to a million: in pieces by the hash of an id, each sorted, so that whoever changes a few ids changes a few pieces. Pure.
 *
 *   IL1  Whether an id is in it is exact: the hash finds the piece, the bytes decide.
 *   IL2  A list is bounded in ids and in bytes, and so is an id; what is taken in is the UTF-8 that came, each id once.
 *   IL3  The same ids are the same list, in whatever order and by whatever steps they came: pieces and list are known by their digests.
 */
import { hashBytes } from "../evaluation/Murmur.ts"

/** Ids of one list. */
export const IDS = 1_000_000
/** Bytes of the ids of one list, with one more for each. */
export const IDS_BYTES = 46_137_344
/** Bytes of one id. */
export const ID_BYTES = 256
/** Ids of a list that stands in its segment, as clients that evaluate by themselves are given it. */
export const INLINE = 1_000
export const PIECES = 512
/** Bits of a hash that say nothing of its piece. */
export const SHIFT = 23

/** What is stored of a piece: ids, one a line, in the order of their bytes. */
export interface StoredPiece {
  readonly digest: string
  readonly ids: string
}

/** What is stored of a list: "" for a piece that has no ids. */
export interface StoredList {
  readonly digest: string
  readonly count: number
  readonly bytes: number
  readonly pieces: ReadonlyArray<string>
}

const NEWLINE = 0x0a

export class Piece {
  readonly digest: string
  readonly bytes: Uint8Array
  /** Where each id begins, and where the one behind the last would. */
  readonly starts: Uint32Array

  constructor(digest: string, bytes: Uint8Array, count: number) {
    this.digest = digest
    this.bytes = bytes
    this.starts = new Uint32Array(count + 1)
    let n = 1
    for (let at = 0; at < bytes.length; at++) if (bytes[at] === NEWLINE) this.starts[n++] = at + 1
    this.starts[count] = bytes.length + (count === 0 ? 0 : 1)
  }

  get count(): number {
    return this.starts.length - 1
  }

  id(n: number): Uint8Array {
    return this.bytes.subarray(this.starts[n]!, this.starts[n + 1]! - 1)
  }

  /** IL1 */
  has(id: Uint8Array): boolean {
    let [low, high] = [0, this.count - 1]
    while (low <= high) {
      const middle = (low + high) >> 1
      const order = compare(this.id(middle), id)
      if (order === 0) return true
      if (order < 0) low = middle + 1
      else high = middle - 1
    }
    return false
  }
}

export const compare = (a: Uint8Array, b: Uint8Array): number => {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at++) if (a[at] !== b[at]) return a[at]! - b[at]!
  return a.length - b.length
}

export const pieceOf = (id: Uint8Array): number => hashBytes(id) >>> SHIFT

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** A piece of ids that are sorted and each there once; undefined: of none. */
export const pieceWith = (
  ids: ReadonlyArray<Uint8Array>,
  digestOf: (text: string) => string
): { readonly piece: Piece; readonly stored: StoredPiece } | undefined => {
  if (ids.length === 0) return undefined
  const bytes = new Uint8Array(ids.reduce((sum, id) => sum + id.length + 1, -1))
  let at = 0
  for (const id of ids) {
    if (at > 0) bytes[at++] = NEWLINE
    bytes.set(id, at)
    at += id.length
  }
  const stored = decoder.decode(bytes)
  const digest = digestOf(stored)
  return { piece: new Piece(digest, bytes, ids.length), stored: { digest, ids: stored } }
}

/** From what is stored. */
export const readPiece = ({ digest, ids }: StoredPiece): Piece => {
  const bytes = encoder.encode(ids)
  let count = 1
  for (const byte of bytes) if (byte === NEWLINE) count++
  return new Piece(digest, bytes, count)
}

export class IdList {
  readonly stored: StoredList
  readonly pieces: ReadonlyArray<Piece | undefined>

  constructor(stored: StoredList, pieces: ReadonlyArray<Piece | undefined>) {
    this.stored = stored
    this.pieces = pieces
  }

  has(id: string): boolean {
    const bytes = encoder.encode(id)
    return this.pieces[pieceOf(bytes)]?.has(bytes) ?? false
  }
}

/** IL3 */
export const listOf = (pieces: ReadonlyArray<Piece | undefined>, digestOf: (text: string) => string): IdList => {
  let [count, bytes] = [0, 0]
  for (const piece of pieces) {
    count += piece?.count ?? 0
    bytes += piece === undefined ? 0 : piece.bytes.length + 1
  }
  const digests = pieces.map((piece) => piece?.digest ?? "")
  return new IdList({ digest: digestOf(digests.join("\n")), count, bytes, pieces: digests }, pieces)
}

/** A space, a tab, or what stands before the end of a line on Windows. */
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d

/** Ids of a text with one on each line; what is around them, and empty lines, are left out. */
export class Lines {
  readonly #bytes: Uint8Array
  #at = 0
  line = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3
  }

  /** The next id, or what is wrong with it; undefined: there are no more. */
  next(): Uint8Array | string | undefined {
    const bytes = this.#bytes
    while (this.#at < bytes.length) {
      let end = bytes.indexOf(NEWLINE, this.#at)
      if (end === -1) end = bytes.length
      let from = this.#at
      this.#at = end + 1
      this.line++
      while (from < end && isSpace(bytes[from]!)) from++
      while (end > from && isSpace(bytes[end - 1]!)) end--
      if (from === end) continue
      const id = bytes.subarray(from, end)
      if (id.length > ID_BYTES) return `has ${id.length} bytes; an id has ${ID_BYTES} at most`
      return problemOf(id) ?? id
    }
    return undefined
  }
}

const problemOf = (id: Uint8Array): string | undefined => {
  let ascii = true
  for (const byte of id) {
    if (byte < 0x20) return "has a control character in it"
    if (byte >= 0x80) ascii = false
  }
  if (ascii) return undefined
  try {
    decoder.decode(id)
    return undefined
  } catch {
    return "is no UTF-8"
  }
}

export const MODES = ["add", "remove", "replace"] as const
export type Mode = (typeof MODES)[number]

/** The ids of a piece as they are with a change; `changed`: of that piece, in any order. IL2 */
export const changedPiece = (
  before: Piece | undefined,
  changed: Array<Uint8Array>,
  mode: Mode
): ReadonlyArray<Uint8Array> => {
  const sorted = changed.sort(compare)
  const unique = sorted.filter((id, n) => n === 0 || compare(sorted[n - 1]!, id) !== 0)
  if (mode === "replace" || before === undefined) return mode === "remove" ? [] : unique
  const merged: Array<Uint8Array> = []
  let at = 0
  for (let n = 0; n < before.count; n++) {
    const id = before.id(n)
    while (at < unique.length && compare(unique[at]!, id) < 0) {
      if (mode === "add") merged.push(unique[at]!)
      at++
    }
    if (at < unique.length && compare(unique[at]!, id) === 0) {
      at++
      if (mode === "remove") continue
    }
    merged.push(id)
  }
  if (mode === "add") merged.push(...unique.slice(at))
  return merged
}
