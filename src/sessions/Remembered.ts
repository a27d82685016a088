/**
 * Keeps the last mark of each key of one session, and what several sessions were told alike only once. Pure state.
 *
 *   MK1  Sessions that were told the same of many keys keep it together: one that answered all that it was sent has at most `OWN` keys, or a
 *        quarter of what it shares, for itself. So a thousand clients of ten thousand flags cost what one does.
 *   MK2  What is shared never changes: a session that is told more keeps that for itself.
 *   MK3  Looking for what others have costs a step a key, and is done only when there is that much of its own: a few times in a session's
 *        life, for `MOST` keys at most.
 */
import type { Mark } from "../updates/Update.ts"

/** Keys that a session keeps for itself without looking for others. MK1 */
const OWN = 256
/** Keys of one session beyond which nothing is shared: some milliseconds. MK3 */
const MOST = 50_000

type Marks = ReadonlyMap<string, Mark>

/** What is shared, by a number that is the same for the same marks. */
const shared = new Map<string, WeakRef<Marks>>()
const forgotten = new FinalizationRegistry<string>((print) => {
  if (shared.get(print)?.deref() === undefined) shared.delete(print)
})

const alike = (a: Mark, b: Mark | undefined): boolean =>
  a === b ||
  (b !== undefined &&
    a.revision === b.revision &&
    a.epoch === b.epoch &&
    a.kind === b.kind &&
    a.digest === b.digest &&
    a.version === b.version &&
    a.stale === b.stale)

export class Remembered {
  #base: Marks | undefined
  #own = new Map<string, Mark>()

  /** Keys that are kept for this session alone. */
  get own(): number {
    return this.#own.size
  }

  get(key: string): Mark | undefined {
    return this.#own.get(key) ?? this.#base?.get(key)
  }

  has(key: string): boolean {
    return this.#own.has(key) || this.#base?.has(key) === true
  }

  /** MK2 */
  set(mark: Mark): void {
    this.#own.set(mark.key, mark)
  }

  /** Each key that is here when this begins comes once. */
  *keys(): Generator<string, void> {
    const [base, own] = [this.#base, this.#own]
    if (base !== undefined) yield* base.keys()
    for (const key of own.keys()) if (base?.has(key) !== true) yield key
  }

  /** The session has answered all that it was sent: it may have in common with others what it keeps for itself. MK1, MK3 */
  share(): void {
    const size = this.#base?.size ?? 0
    if (this.#own.size < Math.max(OWN, size / 4) || size + this.#own.size > MOST) return
    const print = this.#print()
    const known = shared.get(print)?.deref()
    if (known !== undefined && this.#isAlike(known)) this.#base = known
    else {
      const made = new Map(this.#base)
      for (const [key, mark] of this.#own) made.set(key, mark)
      this.#base = made
      shared.set(print, new WeakRef(made))
      forgotten.register(made, print)
    }
    this.#own = new Map()
  }

  *#marks(): Generator<Mark, void> {
    if (this.#base !== undefined) for (const [key, mark] of this.#base) if (!this.#own.has(key)) yield mark
    yield* this.#own.values()
  }

  /** In whatever order it was told. */
  #print(): string {
    let [size, sum] = [0, 0]
    for (const { key, version, revision } of this.#marks()) {
      size++
      sum = (sum + Math.imul(Number(BigInt.asUintN(31, revision)) ^ (version << 8) ^ key.length, 0x9e3779b1)) | 0
    }
    return `${size} ${sum}`
  }

  #isAlike(known: Marks): boolean {
    let size = 0
    for (const mark of this.#marks()) {
      if (!alike(mark, known.get(mark.key))) return false
      size++
    }
    return size === known.size
  }
}
