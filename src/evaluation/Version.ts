/**
 * Versions as the operator `sem_ver` reads and compares them (SemVer 2.0.0, and what flagd forgives). Pure.
 *
 *   FV1  A leading v or V is no part of it; 1 and 1.2 are 1.0.0 and 1.2.0; numbers are read as text; build metadata is not compared.
 *   FV2  What is no version, or compared by an operator that is none, gives null and never false.
 */

export const COMPARISONS = ["=", "!=", "<", "<=", ">", ">=", "^", "~"] as const
export type Comparison = (typeof COMPARISONS)[number]
export const isComparison = (text: unknown): text is Comparison => COMPARISONS.includes(text as Comparison)

export interface Version {
  readonly major: number
  readonly minor: number
  readonly patch: number
  /** Numbers are compared as such. Empty: it is a release. */
  readonly pre: ReadonlyArray<string | number>
}

/** Characters. */
const LONGEST = 256
const FULL =
  /^v?(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})(?:-((?:0|[1-9]\d{0,15}|\d{0,256}[a-zA-Z-][a-zA-Z0-9-]{0,250})(?:\.(?:0|[1-9]\d{0,15}|\d{0,256}[a-zA-Z-][a-zA-Z0-9-]{0,250}))*))?(?:\+[a-zA-Z0-9-]{1,250}(?:\.[a-zA-Z0-9-]{1,250})*)?$/
const PARTIAL = /^(0|[1-9]\d{0,15})(?:\.(0|[1-9]\d{0,15}))?$/

const none: ReadonlyArray<string | number> = []

const made = (major: number, minor: number, patch: number, pre: string | undefined): Version | undefined =>
  major <= Number.MAX_SAFE_INTEGER && minor <= Number.MAX_SAFE_INTEGER && patch <= Number.MAX_SAFE_INTEGER
    ? { major, minor, patch, pre: pre === undefined ? none : pre.split(".").map(identifier) }
    : undefined

const identifier = (text: string): string | number => {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return number < Number.MAX_SAFE_INTEGER ? number : text
}

/** FV1. Undefined: it is no version. */
export const readVersion = (raw: unknown): Version | undefined => {
  let text: string
  try {
    text = String(raw)
  } catch {
    return undefined
  }
  if (text.length > LONGEST + 1) return undefined
  if (text.startsWith("v") || text.startsWith("V")) text = text.slice(1)
  if (text.length > LONGEST) return undefined
  const full = FULL.exec(text.trim())
  if (full !== null) return made(Number(full[1]), Number(full[2]), Number(full[3]), full[4])
  const part = PARTIAL.exec(text)
  return part === null ? undefined : made(Number(part[1]), Number(part[2] ?? 0), 0, undefined)
}

const byPre = (a: ReadonlyArray<string | number>, b: ReadonlyArray<string | number>): number => {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 0 : a.length === 0 ? 1 : -1
  for (let at = 0; ; at++) {
    const [one, other] = [a[at], b[at]]
    if (one === undefined || other === undefined) return one === other ? 0 : one === undefined ? -1 : 1
    if (one === other) continue
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1
    return one < other ? -1 : 1
  }
}

export const compareVersions = (a: Version, b: Version): number =>
  a.major - b.major || a.minor - b.minor || a.patch - b.patch || byPre(a.pre, b.pre)

const judged = (order: number, comparison: Comparison, sameMajor: boolean, sameMinor: boolean): boolean => {
  switch (comparison) {
    case "=":
      return order === 0
    case "!=":
      return order !== 0
    case "<":
      return order < 0
    case "<=":
      return order <= 0
    case ">":
      return order > 0
    case ">=":
      return order >= 0
    case "^":
      return sameMajor
    case "~":
      return sameMajor && sameMinor
  }
}

/** FV2 */
export const compared = (a: unknown, comparison: unknown, b: unknown): boolean | null => {
  const one = readVersion(a)
  const other = readVersion(b)
  const by = String(comparison)
  if (one === undefined || other === undefined || !isComparison(by)) return null
  return judged(compareVersions(one, other), by, one.major === other.major, one.minor === other.minor)
}

/** The same with what stands on the right read once. Plain versions are read digit by digit, and nothing is made of them. */
export const comparing = (comparison: Comparison, right: unknown): ((left: unknown) => boolean | null) => {
  const other = readVersion(right)
  if (other === undefined) return () => null
  const { major, minor, patch } = other
  const behind = other.pre.length > 0 ? 1 : 0
  return (left) => {
    if (typeof left === "string") {
      let at = 0
      let one = 0
      let two = 0
      let dots = 0
      let digits = 0
      let number = 0
      const length = left.length
      for (; at < length; at++) {
        const code = left.charCodeAt(at)
        if (code >= 48 && code <= 57) {
          if ((digits > 0 && number === 0) || digits === 15) break
          number = number * 10 + code - 48
          digits++
        } else if (code === 46 && digits > 0 && dots < 2) {
          if (dots++ === 0) one = number
          else two = number
          number = 0
          digits = 0
        } else break
      }
      if (at === length && dots === 2 && digits > 0) {
        const order = one - major || two - minor || number - patch || behind
        return judged(order, comparison, one === major, two === minor)
      }
    }
    const read = readVersion(left)
    if (read === undefined) return null
    return judged(compareVersions(read, other), comparison, read.major === major, read.minor === minor)
  }
}
