/**
 * A JSON object as what changed since another one: whole fields, as they were written. Pure, and for any platform.
 *
 *   XC1  What is put together again is what was published, byte for byte. Where that can't be, there is no difference: it is sent as it is.
 *   XC2  No more than `MEMBERS` fields are looked at, nothing within them, and each byte once. Whatever bytes come, nothing is thrown.
 */

/** Fields of an object that is sent as a difference. XC2 */
export const MEMBERS = 256

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d]

/** A field: its name in quotes, and all of it, as they were written. */
interface Member {
  readonly name: string
  readonly bytes: Uint8Array
}

/** An object, and its fields in their order. */
export interface Written {
  readonly bytes: Uint8Array
  readonly members: ReadonlyArray<Member>
}

export interface Change {
  /** An object with the fields that are new or different. */
  readonly payload: Uint8Array
  /** Which fields of the one before it has not. */
  readonly gone: ReadonlyArray<number>
}

/** Where a text ends that begins at `from`, behind its quote; -1: nowhere. */
const textEnd = (bytes: Uint8Array, from: number): number => {
  for (let at = from + 1; at < bytes.length; at++)
    if (bytes[at] === BACKSLASH) at++
    else if (bytes[at] === QUOTE) return at + 1
  return -1
}

/** Where a value ends; -1: nowhere. */
const valueEnd = (bytes: Uint8Array, from: number): number => {
  if (bytes[from] === QUOTE) return textEnd(bytes, from)
  let depth = 0
  for (let at = from; at < bytes.length; ) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      at = textEnd(bytes, at)
      if (at < 0) return -1
      continue
    }
    if (depth === 0 && (byte === COMMA || byte === CLOSE)) return at === from ? -1 : at
    if (byte === OPEN || byte === OPEN_LIST) depth++
    else if (byte === CLOSE || byte === CLOSE_LIST) depth--
    if (depth < 0) return -1
    at++
  }
  return -1
}

const textOf = (bytes: Uint8Array, from: number, to: number): string => {
  let text = ""
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at]!)
  return text
}

/** Undefined: it is no object, or not one that has no blanks between its fields, each name once and at most `MEMBERS` of them. XC2 */
export const writtenOf = (bytes: Uint8Array): Written | undefined => {
  const members: Array<Member> = []
  const names = new Set<string>()
  if (bytes[0] !== OPEN) return undefined
  for (let at = 1; ; at++) {
    if (bytes[at] !== QUOTE || members.length === MEMBERS) return undefined
    const colon = textEnd(bytes, at)
    if (colon < 0 || bytes[colon] !== COLON) return undefined
    const end = valueEnd(bytes, colon + 1)
    if (end < 0) return undefined
    const name = textOf(bytes, at, colon)
    if (names.has(name)) return undefined
    names.add(name)
    members.push({ name, bytes: bytes.subarray(at, end) })
    at = end
    if (bytes[at] === CLOSE) return at === bytes.length - 1 ? { bytes, members } : undefined
    if (bytes[at] !== COMMA) return undefined
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const objectOf = (members: ReadonlyArray<Member>): Uint8Array => {
  const bytes = new Uint8Array(
    members.reduce((sum, member) => sum + member.bytes.length + 1, members.length === 0 ? 2 : 1)
  )
  bytes[0] = OPEN
  let at = 1
  for (const member of members) {
    bytes.set(member.bytes, at)
    at += member.bytes.length
    bytes[at++] = COMMA
  }
  bytes[bytes.length - 1] = CLOSE
  return bytes
}

/** Undefined: it is sent as it is, because fields changed their places, or that is no longer. XC1 */
export const changeOf = (before: Written, now: Written): Change | undefined => {
  const old = new Map(before.members.map((member) => [member.name, member.bytes]))
  const kept = new Set(now.members.map(({ name }) => name))
  const gone = before.members.flatMap(({ name }, i) => (kept.has(name) ? [] : [i]))
  const stay = before.members.filter(({ name }) => kept.has(name))
  if (stay.some(({ name }, i) => now.members[i]!.name !== name)) return undefined
  const payload = objectOf(
    now.members.filter(({ name, bytes }) => {
      const its = old.get(name)
      return its === undefined || !isSame(its, bytes)
    })
  )
  return payload.length + gone.length < now.bytes.length ? { payload, gone } : undefined
}

/** Undefined: it does not fit what was before. XC1 */
export const changedBy = (before: Written, { payload, gone }: Change): Written | undefined => {
  const isEmpty = payload.length === 2 && payload[0] === OPEN && payload[1] === CLOSE
  const change = isEmpty ? { members: [] } : writtenOf(payload)
  if (change === undefined || gone.some((i) => i >= before.members.length)) return undefined
  const left = new Set(gone)
  const fresh = new Map(change.members.map((member) => [member.name, member]))
  const members = before.members.flatMap((member, i) => {
    const its = fresh.get(member.name)
    fresh.delete(member.name)
    return left.has(i) ? [] : [its ?? member]
  })
  members.push(...fresh.values())
  return { bytes: objectOf(members), members }
}
