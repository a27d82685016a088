/**
 * Reads DER (X.690), as far as certificates and lists of revoked ones need it. Throws what is wrong.
 *
 *   XD1  What is cut short, has a length that nobody writes so, or goes on where it should end is refused; nothing is read beyond what there is.
 */

/** One value: its tag, all of its bytes, and what is in it. Views of what was read. */
export interface Der {
  readonly tag: number
  readonly whole: Buffer
  readonly content: Buffer
}

export const TAG = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  boolean: 0x01
} as const

const wrong = (what: string): never => {
  throw new Error(`it is not DER: ${what}`)
}

/** The value that begins at `at`. XD1 */
export const valueAt = (bytes: Buffer, at: number): Der => {
  const tag = bytes[at] ?? wrong("it is cut short")
  if ((tag & 0x1f) === 0x1f) wrong("it has a tag of several bytes")
  const first = bytes[at + 1] ?? wrong("it is cut short")
  let from = at + 2
  let length = first
  if (first >= 0x80) {
    const size = first & 0x7f
    if (size === 0 || size > 4 || from + size > bytes.length) wrong("it has a length that can't be")
    length = bytes.readUIntBE(from, size)
    if (length < 0x80) wrong("a length is longer than it has to be")
    from += size
  }
  if (from + length > bytes.length) wrong("it is cut short")
  return { tag, whole: bytes.subarray(at, from + length), content: bytes.subarray(from, from + length) }
}

/** The values in something, one after the other. */
export function* valuesIn(bytes: Buffer): Generator<Der, void> {
  for (let at = 0; at < bytes.length; ) {
    const value = valueAt(bytes, at)
    yield value
    at += value.whole.length
  }
}

/** All of them: of what has few. */
export const partsOf = ({ content }: Der): ReadonlyArray<Der> => [...valuesIn(content)]

/** The only value, and nothing after it. */
export const onlyValue = (bytes: Buffer): Der => {
  const value = valueAt(bytes, 0)
  return value.whole.length === bytes.length ? value : wrong("it goes on where it should end")
}

export const expected = (value: Der | undefined, tag: number, what: string): Der =>
  value?.tag === tag ? value : wrong(`${what} is not where it should be`)

/** Such as 1.2.840.113549.1.1.11. */
export const oidOf = ({ content }: Der): string => {
  const arcs: Array<number> = []
  let arc = 0
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const [first = 0, ...rest] = arcs
  return [Math.min(2, Math.floor(first / 40)), first - 40 * Math.min(2, Math.floor(first / 40)), ...rest].join(".")
}

const TIME = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/

/** Milliseconds since 1970. RFC 5280 §4.1.2.5 */
export const timeOf = ({ tag, content }: Der): number => {
  const [, year = "", ...rest] = TIME.exec(content.toString("latin1")) ?? []
  if ((tag === TAG.utcTime) !== (year.length === 2) || year === "") wrong("a time is none")
  const full = year.length === 4 ? year : `${Number(year) < 50 ? "20" : "19"}${year}`
  const [month, day, hour, minute, second] = rest
  const time = Date.parse(`${full}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(time) ? wrong("a time is none") : time
}
