/** Finds by a client's patterns what any of them covers a name of: as many steps as it has patterns, whatever there is (IR4). Pure state. */
import { patternsOf } from "../keys/Pattern.ts"

export class ByPattern<A> {
  readonly #environments = new Map<string, Map<string, Set<A>>>()

  add(environment: string, names: ReadonlyArray<string>, one: A): void {
    let its = this.#environments.get(environment)
    if (its === undefined) this.#environments.set(environment, (its = new Map()))
    for (const pattern of new Set(names.flatMap(patternsOf))) {
      const those = its.get(pattern)
      if (those === undefined) its.set(pattern, new Set([one]))
      else those.add(one)
    }
  }

  /** `names`: those of `add`. */
  remove(environment: string, names: ReadonlyArray<string>, one: A): void {
    const its = this.#environments.get(environment)
    for (const pattern of new Set(names.flatMap(patternsOf))) {
      const those = its?.get(pattern)
      those?.delete(one)
      if (those?.size === 0) its!.delete(pattern)
    }
    if (its?.size === 0) this.#environments.delete(environment)
  }

  /** Each once. */
  of(environment: string, patterns: ReadonlyArray<string>): ReadonlySet<A> {
    const found = new Set<A>()
    const its = this.#environments.get(environment)
    if (its !== undefined) for (const pattern of patterns) for (const one of its.get(pattern) ?? []) found.add(one)
    return found
  }
}
