/**
 * Finds the heads of keys by environment, key and pattern, in the order of keys. Pure state; it holds no values.
 *
 *   HI1  A look-up costs what it returns, however many keys there are: exact keys by a map, patterns and pages by a range of the order,
 *        strict keys and templates by an order of their own.
 *   HI2  Pages and slices go on after the last key that was seen: heads that change or come meanwhile let none of the others come twice,
 *        or be left out.
 *   HI3  Tombstones are kept apart, too, so that forgetting old ones costs no look at what lives.
 */
import { prefixOf } from "../keys/Pattern.ts"
import type { Head } from "./Configuration.ts"
import { SortedKeys } from "./SortedKeys.ts"

/** What all wanted heads must be. */
export const traits = ["strict", "template"] as const
export type Trait = (typeof traits)[number]

export interface PageOptions {
  /** Keys that begin with this; "" for all. */
  readonly prefix?: string
  /** Keys after this one. */
  readonly after?: string
  /** Heads. */
  readonly limit: number
  readonly only?: Trait | undefined
}

interface Environment {
  readonly heads: Map<string, Head>
  readonly keys: SortedKeys
  readonly strict: SortedKeys
  readonly template: SortedKeys
  deleted: number
}

export class Heads {
  readonly #environments = new Map<string, Environment>()
  /** By environment and key. HI3 */
  readonly #tombstones = new Map<string, Head>()
  #size = 0

  get size(): number {
    return this.#size
  }

  environments(): IterableIterator<string> {
    return this.#environments.keys()
  }

  /** Keys of an environment that are not deleted. */
  count(environment: string): number {
    const found = this.#environments.get(environment)
    return found === undefined ? 0 : found.heads.size - found.deleted
  }

  /** Keeps the one with the higher revision. All heads here are of one epoch. */
  set(head: Head): void {
    const { key, version, revision, digest, deleted, strict, template } = head
    let found = this.#environments.get(head.environment)
    if (found === undefined) {
      found = {
        heads: new Map(),
        keys: new SortedKeys(),
        strict: new SortedKeys(),
        template: new SortedKeys(),
        deleted: 0
      }
      this.#environments.set(head.environment, found)
    }
    const before = found.heads.get(key)
    if (before === undefined) {
      this.#size++
      found.keys.add(key)
    } else if (before.revision >= revision) return
    // Key and environment as an earlier head has them, so that memory holds one copy of each.
    const environment = before?.environment ?? found.heads.values().next().value?.environment ?? head.environment
    found.heads.set(key, {
      key: before?.key ?? key,
      environment,
      version,
      revision,
      digest,
      deleted,
      strict,
      template
    })
    found.deleted += Number(deleted) - Number(before?.deleted ?? false)
    if (deleted) this.#tombstones.set(`${environment}\u0000${key}`, found.heads.get(key)!)
    else if (before?.deleted === true) this.#tombstones.delete(`${environment}\u0000${key}`)
    if (strict !== (before?.strict ?? false)) strict ? found.strict.add(key) : found.strict.delete(key)
    if (template !== (before?.template ?? false)) template ? found.template.add(key) : found.template.delete(key)
  }

  /** Takes away tombstones up to a revision; returns how many. */
  forget(horizon: bigint): number {
    let gone = 0
    for (const [id, { environment, key, revision }] of this.#tombstones) {
      if (revision > horizon) continue
      const found = this.#environments.get(environment)!
      found.heads.delete(key)
      found.deleted--
      for (const keys of [found.keys, found.strict, found.template]) keys.delete(key)
      this.#tombstones.delete(id)
      this.#size--
      gone++
    }
    return gone
  }

  get(environment: string, key: string): Head | undefined {
    return this.#environments.get(environment)?.heads.get(key)
  }

  /** HI1 */
  page(environment: string, { prefix = "", after = "", limit, only }: PageOptions): ReadonlyArray<Head> {
    const found = this.#environments.get(environment)
    if (found === undefined || limit <= 0) return []
    const page: Array<Head> = []
    const keys = only === undefined ? found.keys : found[only]
    for (const key of after >= prefix && after !== "" ? keys.from(after, false) : keys.from(prefix, true)) {
      if (!key.startsWith(prefix)) break
      page.push(found.heads.get(key)!)
      if (page.length === limit) break
    }
    return page
  }

  /** `*` covers every key. */
  matching(environment: string, pattern: string, only?: Trait): ReadonlyArray<Head> {
    const prefix = prefixOf(pattern)
    if (prefix !== undefined) return this.page(environment, { prefix, limit: Number.POSITIVE_INFINITY, only })
    const head = this.get(environment, pattern)
    return head === undefined || (only !== undefined && !head[only]) ? [] : [head]
  }
}

/** Heads of one slice. */
export const SLICE = 256

/** The heads that a pattern covers, in slices. `heads` is asked anew for each. HI2 */
export function* slices(
  heads: () => Heads,
  environment: string,
  pattern: string,
  only?: Trait
): Generator<ReadonlyArray<Head>, void> {
  const prefix = prefixOf(pattern)
  if (prefix === undefined) return yield heads().matching(environment, pattern, only)
  for (let after = ""; ; ) {
    const slice = heads().page(environment, { prefix, after, limit: SLICE, only })
    if (slice.length > 0) yield slice
    if (slice.length < SLICE) return
    after = slice.at(-1)!.key
  }
}
