/**
 * Which flags of an environment need which others, read the other way: what depends on one that changed. Pure state.
 *
 *   FK7  Whoever depends on a flag, over however many levels, is found in as many steps as they are.
 */

const NONE: ReadonlySet<string> = new Set()

/** The flags that a definition needs. Reads its text only where it may name some: most flags need none. */
export const needsOf = (definition: string): ReadonlySet<string> => {
  if (!definition.includes("prerequisites") && !definition.includes("\\u")) return NONE
  try {
    const { prerequisites } = JSON.parse(definition) as { readonly prerequisites?: unknown }
    if (!Array.isArray(prerequisites)) return NONE
    return new Set(prerequisites.map((one: { readonly flag?: unknown } | null) => String(one?.flag)))
  } catch {
    return NONE // a newer Herald wrote it
  }
}

export class Dependents {
  readonly #needs = new Map<string, ReadonlySet<string>>()
  readonly #neededBy = new Map<string, Set<string>>()

  /** What a flag needs now; nothing when it is gone. */
  set(key: string, needs: ReadonlySet<string>): void {
    const former = this.#needs.get(key) ?? NONE
    for (const other of former) {
      const its = this.#neededBy.get(other)
      if (its?.delete(key) && its.size === 0) this.#neededBy.delete(other)
    }
    if (needs.size === 0) this.#needs.delete(key)
    else this.#needs.set(key, needs)
    for (const other of needs) {
      const its = this.#neededBy.get(other)
      if (its === undefined) this.#neededBy.set(other, new Set([key]))
      else its.add(key)
    }
  }

  /** What it needs, and what that needs. FK7 */
  needs(key: string): ReadonlySet<string> {
    return reached(key, (one) => this.#needs.get(one))
  }

  /** What needs it, and what needs that. FK7 */
  of(key: string): ReadonlySet<string> {
    return reached(key, (one) => this.#neededBy.get(one))
  }
}

const reached = (key: string, next: (one: string) => ReadonlySet<string> | undefined): ReadonlySet<string> => {
  const first = next(key)
  if (first === undefined) return NONE
  const found = new Set(first)
  for (const one of found) for (const other of next(one) ?? NONE) found.add(other)
  found.delete(key)
  return found
}
