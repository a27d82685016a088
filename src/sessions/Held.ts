/**
 * Keeps what a client says it holds when it connects, until that is compared: 32 bytes a digest, freed part by part.
 *
 *   HB1  Hellos that are not yet compared take at most `budget` bytes together; one that would go beyond is refused, the others stay.
 *   HB2  Those of one owner take only a share of it, so whatever one sends, others still connect. An empty part of a hello costs as well.
 */
import { ByteBudget } from "../bounds/ByteBudget.ts"

export interface HeldEntry {
  readonly key: string
  /** SHA-256 of the content, hex; "" for a tombstone. Anything else counts as an unknown value. */
  readonly digest: string
  readonly revision: bigint
}

interface Part {
  readonly keys: ReadonlyArray<string>
  readonly digests: Buffer
  readonly revisions: BigUint64Array
  readonly bytes: number
}

const DIGEST = 32
const unknown = Buffer.alloc(DIGEST, 0xff)
/** Bytes of a key beyond its text: the string, its place in the list, digest and revision. */
const PER_KEY = 80
/** Bytes of a part beyond its keys: its lists and buffers. HB2 */
const PER_PART = 512

export class Held {
  readonly #budget: ByteBudget
  readonly #owner: string
  readonly #parts: Array<Part> = []
  #size = 0
  #bytes = 0

  constructor(budget: ByteBudget = new ByteBudget(Number.POSITIVE_INFINITY), owner = "") {
    this.#budget = budget
    this.#owner = owner
  }

  /** Keys not yet taken out. */
  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False, and nothing is added, when the budget is spent. HB1 */
  add(entries: ReadonlyArray<HeldEntry>): boolean {
    const bytes = entries.reduce((sum, { key }) => sum + PER_KEY + key.length, PER_PART)
    if (!this.#budget.take(bytes, this.#owner)) return false
    const digests = Buffer.alloc(DIGEST * entries.length)
    entries.forEach(({ digest }, i) => {
      if (digest === "") return
      const whole = digest.length === 2 * DIGEST && digests.write(digest, i * DIGEST, "hex") === DIGEST
      if (!whole) digests.set(unknown, i * DIGEST)
    })
    this.#parts.push({
      keys: entries.map(({ key }) => key),
      digests,
      revisions: BigUint64Array.from(entries, ({ revision }) => revision),
      bytes
    })
    this.#size += entries.length
    this.#bytes += bytes
    return true
  }

  /** Yields every entry once, and frees each part after its last. */
  *taken(): Generator<HeldEntry, void> {
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      for (let i = 0; i < part.keys.length; i++) {
        const digest = part.digests.toString("hex", i * DIGEST, (i + 1) * DIGEST)
        yield { key: part.keys[i]!, digest: digest === TOMBSTONE ? "" : digest, revision: part.revisions[i]! }
        if (this.#parts[0] !== part) return // dropped meanwhile
      }
      this.#parts.shift()
      this.#free(part)
    }
  }

  /** Forgets what is left. */
  drop(): void {
    for (const part of this.#parts.splice(0)) this.#free(part)
  }

  #free(part: Part): void {
    this.#size -= part.keys.length
    this.#bytes -= part.bytes
    this.#budget.give(part.bytes, this.#owner)
  }
}

const TOMBSTONE = "00".repeat(DIGEST)
