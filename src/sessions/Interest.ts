/** Who wants which key: by exact key and by prefix, so that a change finds its sessions in O(dots in the key). Pure state. */
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

  /** Calls `each` for everyone who wants the key; someone with overlapping patterns is called more than once. */
  each(environment: string, key: string, each: (who: A) => void): void {
    this.#exact.get(`${environment}\u0000${key}`)?.forEach(each)
    for (let dot = key.indexOf("."); dot > 0; dot = key.indexOf(".", dot + 1)) {
      this.#prefix.get(`${environment}\u0000${key.slice(0, dot)}`)?.forEach(each)
    }
  }

  #slot(environment: string, pattern: string): [Map<string, Set<A>>, string] {
    return pattern.endsWith(".*")
      ? [this.#prefix, `${environment}\u0000${pattern.slice(0, -2)}`]
      : [this.#exact, `${environment}\u0000${pattern}`]
  }
}
