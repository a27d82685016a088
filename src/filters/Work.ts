/**
 * What evaluating a part of a filter can cost, by what it looks at. Pure.
 *
 *   FZ12 What a part of a filter gives is never larger than its size here, and what looks at all of it costs at least that: also of lists and texts
 *        that are put together, again and again. What a filter doesn't look at costs it nothing.
 */

/** Bytes that one value in a list or an object counts as: looking at it takes as long. Measured. */
export const ELEMENT_BYTES = 40

/**
 * Of what a part gives: how many times each variable at most, in bytes. `OWN`: bytes of constants. `ELEMENT`: how many times the element of the list that is
 * gone through.
 */
export type Size = ReadonlyMap<string, number>

/** No variable has these names. */
export const OWN = ""
export const ELEMENT = "#"

export const NOTHING: Size = new Map()
export const sizeOf = (name: string, times = 1): Size => new Map([[name, times]])

export const sum = (sizes: Iterable<Size>): Size => {
  const all = new Map<string, number>()
  for (const size of sizes) add(all, size)
  return all
}

export const times = (size: Size, factor: number): Size =>
  new Map(Array.from(size, ([name, count]) => [name, count * factor]))

const add = (into: Map<string, number>, size: Size, factor = 1): void => {
  for (const [name, count] of size) into.set(name, (into.get(name) ?? 0) + count * factor)
}

/** A part of a filter that is evaluated once, or once for each element of a list. */
export class Work {
  nodes = 0
  /** What calls and operators look at that look at every byte of a text, or at every element of a list. */
  readonly scans = new Map<string, number>()
  /** What patterns look at, times their characters, with repetitions written out. */
  readonly patterns = new Map<string, number>()

  scan(size: Size): void {
    add(this.scans, size)
  }

  match(size: Size, pattern: number): void {
    add(this.patterns, size, pattern)
  }
}

/** A list that is gone through. */
export interface Through {
  /** Of all of its elements together. */
  readonly size: Size
  /** At most. */
  readonly elements: number
}

/** Takes what looks at elements, which are all of the list together, out of what is done for each. */
export const spread = (each: Work, once: Work, { size }: Through): void => {
  for (const [from, into] of [
    [each.scans, once.scans],
    [each.patterns, once.patterns]
  ] as const) {
    const count = from.get(ELEMENT)
    if (count === undefined) continue
    from.delete(ELEMENT)
    add(into, size, count)
  }
}

/** What `map` gives: for each element what `body` is. */
export const mapped = (body: Size, { size, elements }: Through): Size => {
  const all = new Map<string, number>([[OWN, ELEMENT_BYTES * elements]])
  for (const [name, count] of body)
    if (name === ELEMENT) add(all, size, count)
    else add(all, sizeOf(name, count), elements)
  return all
}
