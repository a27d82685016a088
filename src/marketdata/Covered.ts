/** Which topics have market data, and in which order they are trusted. Pure. */

export interface Covered {
  /** What all of their names begin with. */
  readonly prefix: string
  readonly covers: (name: string) => boolean
  /** The place of the first pattern that covers it; of what none does, behind the last. */
  readonly rankOf: (name: string) => number
}

const covers = (pattern: string, name: string): boolean =>
  pattern === "*" || (pattern.endsWith("/*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name)

const inBoth = (a: string, b: string): string => {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}

/** `patterns`: names, names with /* for all below them, or * for all. */
export const coveredBy = (patterns: ReadonlyArray<string>): Covered => {
  const prefixes = patterns.map((one) => (one === "*" || one.endsWith("/*") ? one.slice(0, -1) : one))
  return {
    prefix: prefixes.length === 0 ? "" : prefixes.reduce(inBoth),
    covers: (name) => patterns.some((pattern) => covers(pattern, name)),
    rankOf: (name) => {
      const found = patterns.findIndex((pattern) => covers(pattern, name))
      return found < 0 ? patterns.length : found
    }
  }
}
