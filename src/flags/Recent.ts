/**
 * Flags that changed of late, by environment. Pure state.
 *
 *   FT8  What changed in the last `WINDOW` is known, the newest `MOST` of it, also when this node began after it; of what was deleted before, it is not.
 *        Nothing is kept of environments without flags.
 */

export type ChangeOfFlag = "write" | "update" | "delete"

/** Milliseconds: providers that ask have their streams that long, and then anew. */
export const WINDOW = 600_000
export const MOST = 1_000
/** Milliseconds for which an answer is kept: many ask at once. */
const KEPT = 1_000

const NOTHING: ReadonlyMap<string, ChangeOfFlag> = new Map()

interface Noted {
  readonly change: ChangeOfFlag
  /** Milliseconds since 1970. */
  readonly when: number
}

/** As it is stored. */
export interface Known {
  readonly key: string
  readonly version: number
  readonly updatedAt: number
}

export class Recent {
  readonly #known: (environment: string) => Iterable<Known>
  /** Of environments that have flags, from the oldest to the newest. */
  readonly #of = new Map<string, Map<string, Noted>>()
  readonly #answers = new Map<string, { readonly changes: ReadonlyMap<string, ChangeOfFlag>; readonly at: number }>()

  /** `known`: all flags that an environment has. */
  constructor(known: (environment: string) => Iterable<Known>) {
    this.#known = known
  }

  note(environment: string, key: string, change: ChangeOfFlag, when: number): void {
    const noted = this.#of.get(environment)
    if (noted === undefined) return // who asks first learns it from the flags themselves
    noted.delete(key)
    noted.set(key, { change, when })
    this.#answers.delete(environment)
    this.#forget(noted, when)
  }

  #forget(noted: Map<string, Noted>, now: number): void {
    for (const [key, { when }] of noted) {
      if (noted.size <= MOST && when > now - WINDOW) return
      noted.delete(key)
    }
  }

  /** Everything may have changed. */
  reset(): void {
    this.#of.clear()
    this.#answers.clear()
  }

  /** It is the same for all who ask at once. */
  of(environment: string, now: number): ReadonlyMap<string, ChangeOfFlag> {
    const answer = this.#answers.get(environment)
    if (answer !== undefined && now - answer.at < KEPT) return answer.changes
    let noted = this.#of.get(environment)
    if (noted === undefined) {
      const all = [...this.#known(environment)]
      if (all.length === 0) return NOTHING // environments are names that anybody may make up
      const lately = all.filter(({ updatedAt }) => updatedAt > now - WINDOW)
      lately.sort((a, b) => a.updatedAt - b.updatedAt)
      noted = new Map(
        lately.map(({ key, version, updatedAt }) => [
          key,
          { change: version === 1 ? "write" : "update", when: updatedAt }
        ])
      )
      this.#of.set(environment, noted)
    }
    this.#forget(noted, now)
    const changes = new Map(Array.from(noted, ([key, { change }]) => [key, change]))
    this.#answers.set(environment, { changes, at: now })
    return changes
  }
}
