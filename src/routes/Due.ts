/**
 * Which partitions of a part are to be looked at, are looked at, and rest. State. ZK4
 *
 *   ZK5  A partition is looked at once at a time; one that took its time to fail is one of at most one that are looked at, so that those that hang
 *        take no place of those that don't.
 */

/** Milliseconds before what failed is tried again. */
export const REST = 1_000
/** Milliseconds after which a failure says that what is asked hangs. */
const SLOW = 400

export class Due {
  readonly #due = new Set<string>()
  readonly #atWork = new Set<string>()
  /** When they failed, in milliseconds of the monotonic clock. */
  readonly #resting = new Map<string, number>()
  /** Those of which the last step took its time to fail. */
  readonly #slow = new Set<string>()
  readonly #atOnce: number

  /** `atOnce`: partitions that don't hang. */
  constructor(atOnce: number) {
    this.#atOnce = atOnce
  }

  get anyResting(): boolean {
    return this.#resting.size > 0
  }

  /** There may be something in it: it is looked at in its turn, or once it has rested. */
  add(key: string): void {
    if (!this.#resting.has(key)) this.#due.add(key)
  }

  isAtWork(key: string): boolean {
    return this.#atWork.has(key)
  }

  isSlow(key: string): boolean {
    return this.#slow.has(key)
  }

  /** The next to be looked at, which it is from now on; undefined: none is, as long as no other ended. ZK5 */
  take(): string | undefined {
    let slow = 0
    for (const key of this.#atWork) if (this.#slow.has(key)) slow++
    const isFull = this.#atWork.size - slow >= this.#atOnce
    for (const key of this.#due) {
      if (this.#atWork.has(key) || (this.#slow.has(key) ? slow > 0 : isFull)) continue
      this.#due.delete(key)
      this.#atWork.add(key)
      return key
    }
    return undefined
  }

  /** Whatever came of it. */
  ended(key: string): void {
    this.#atWork.delete(key)
  }

  well(key: string): void {
    this.#slow.delete(key)
  }

  /** `took`: milliseconds until that was known; `now`: of the monotonic clock. */
  failed(key: string, now: number, took: number): void {
    this.#due.delete(key)
    this.#resting.set(key, now)
    if (took > SLOW) this.#slow.add(key)
    else this.#slow.delete(key)
  }

  /** Those that rested long enough are to be looked at. */
  rested(now: number): void {
    for (const [key, at] of this.#resting) {
      if (now - at < REST) continue
      this.#resting.delete(key)
      this.#due.add(key)
    }
  }

  /** Others are none of this part any more. */
  keep(those: { readonly has: (key: string) => boolean }): void {
    for (const keyed of [this.#due, this.#resting, this.#slow])
      for (const key of keyed.keys()) if (!those.has(key)) keyed.delete(key)
  }
}
