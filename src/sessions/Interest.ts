/** Who wants which key: by exact key and by prefix, so that a change finds its sessions in O(dots in the key). PT3. Pure state. */
import { prefixesOf, prefixOf } from "../keys/Pattern.ts"

export class Interest<A> {
  readonly #exact = new Map<string, Set<A>>()
  readonly #prefix = new Map<string, Set<A>>()

  add(environment: string, pattern: string, who: A): void {
    const [index, id] = this.#slot(environment, pattern)
    let set = index.get(id)
    if (set === undefined) index.set(id, (set = new Set()))
    set.add(who)
  }

  remove(environment: string, pattern: string, who: A): void {
    const [index, id] = this.#slot(environment, pattern)
    const set = index.get(id)
    if (set?.delete(who) && set.size === 0) index.delete(id)
  }

  /** Everyone who wants the key; someone with overlapping patterns may come more than once. */
  *wanting(environment: string, key: string): Generator<A, void> {
    yield* this.#exact.get(`${environment}\u0000${key}`) ?? []
    for (const prefix of prefixesOf(key)) yield* this.#prefix.get(`${environment}\u0000${prefix}`) ?? []
  }

  #slot(environment: string, pattern: string): [Map<string, Set<A>>, string] {
    const prefix = prefixOf(pattern)
    return prefix === undefined
      ? [this.#exact, `${environment}\u0000${pattern}`]
      : [this.#prefix, `${environment}\u0000${prefix}`]
  }
}
