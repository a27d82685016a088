/** The heads of every key, by environment. Pure state, no value text: about 300 bytes a key. */
import type { Head } from "../configuration/Configuration.ts"
import { matches } from "../configuration/Configuration.ts"

/** Without the value that it may come with. */
export const headOf = ({ key, environment, version, revision, digest, deleted, strict, template }: Head): Head => ({
  key,
  environment,
  version,
  revision,
  digest,
  deleted,
  strict,
  template
})

export class Heads {
  readonly #environments = new Map<string, Map<string, Head>>()

  replace(heads: ReadonlyArray<Head>): void {
    this.#environments.clear()
    for (const head of heads) this.set(head)
  }

  set(head: Head): void {
    let keys = this.#environments.get(head.environment)
    if (keys === undefined) this.#environments.set(head.environment, (keys = new Map()))
    keys.set(head.key, headOf(head))
  }

  get(environment: string, key: string): Head | undefined {
    return this.#environments.get(environment)?.get(key)
  }

  /** `*` covers every key. */
  matching(environment: string, pattern: string): ReadonlyArray<Head> {
    const keys = this.#environments.get(environment)
    if (keys === undefined) return []
    if (pattern === "*") return [...keys.values()]
    if (!pattern.endsWith(".*")) {
      const head = keys.get(pattern)
      return head === undefined ? [] : [head]
    }
    const found: Array<Head> = []
    for (const head of keys.values()) if (matches(pattern, head.key)) found.push(head)
    return found
  }
}
