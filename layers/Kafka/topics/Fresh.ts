/**
 * Remembers what has to be looked at each second in which it is used. Pure, and bounded in entries.
 *
 *   KQ5  Whoever finds one too old to be believed looks at all that are in use and soon too old along with it: so of a thousand in use each is looked at once
 *        a second, and all of them in one question.
 */

/** Milliseconds for which what was seen is believed. */
export const FRESH = 1_000
/** Milliseconds since it was last used, for which something is in use. */
const IN_USE = 5_000
/** Of one question. */
const ALONG = 1_000
const MOST = 50_000

interface Held<A> {
  readonly value: A
  at: number
  used: number
}

/** By a topic's id. All times are milliseconds of one clock. */
export class Fresh<A> {
  readonly #held = new Map<number, Held<A>>()
  #lookedAt = Number.NEGATIVE_INFINITY

  get size(): number {
    return this.#held.size
  }

  /** What was seen within the last second; undefined: it is to be looked at. It is in use either way. */
  get(id: number, now: number): { readonly value: A } | undefined {
    const held = this.#held.get(id)
    if (held === undefined) return undefined
    held.used = now
    return now - held.at < FRESH ? held : undefined
  }

  /** What was seen last. */
  last(id: number): A | undefined {
    return this.#held.get(id)?.value
  }

  /** `at`: when it was asked for. */
  set(id: number, value: A, at: number): void {
    const used = this.#held.get(id)?.used ?? at
    if (this.#held.size >= MOST && !this.#held.has(id)) this.#held.clear()
    this.#held.set(id, { value, at, used })
  }

  /** Is to be looked at before it is believed again. */
  doubt(id: number): void {
    const held = this.#held.get(id)
    if (held !== undefined) held.at = Number.NEGATIVE_INFINITY
  }

  delete(id: number): void {
    this.#held.delete(id)
  }

  /** Those to look at along with one that is too old. KQ5 */
  along(now: number): ReadonlyArray<number> {
    if (now - this.#lookedAt < FRESH / 4) return []
    this.#lookedAt = now
    const all: Array<number> = []
    for (const [id, { at, used }] of this.#held)
      if (now - at >= FRESH / 2 && now - used < IN_USE && all.push(id) >= ALONG) break
    return all
  }
}
