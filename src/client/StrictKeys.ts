/**
 * Tells watches of strict keys when `get` begins or ceases to throw.
 *
 *   ST1  Each flip is told once to each watch of the key, whatever caused it: the connection, the server's own doubt, a refused version.
 *   ST2  The work grows with the strict keys, never with all keys.
 */
import type { Listeners } from "./Listeners.ts"
import type { Updates } from "./Updates.ts"
import type { Values } from "./Values.ts"

export class StrictKeys {
  readonly #values: Values
  readonly #updates: Updates
  readonly #listeners: Listeners
  readonly #stale = new Map<string, boolean>()

  constructor(values: Values, updates: Updates, listeners: Listeners) {
    this.#values = values
    this.#updates = updates
    this.#listeners = listeners
  }

  /** For changes that concern all keys, such as of the connection. */
  lookAtAll(): void {
    for (const key of this.#values.strict()) this.look(key) // ST2
  }

  /** `published`: the key's watches have just got a `Changed`. */
  look(key: string, published = false): void {
    const version = this.#values.current(key)
    if (version === undefined || !version.strict) {
      this.#stale.delete(key)
      return
    }
    const why = this.#values.staleness(key)
    const stale = why !== undefined
    const former = this.#stale.get(key)
    this.#stale.set(key, stale)
    if (former === stale || (former === undefined && !stale)) return // ST1
    for (const watch of this.#updates.watches(key)) {
      const { traceparent } = version
      const value = watch.hooks.value(key)
      if (!published) watch.publish({ key, value, entry: this.#values.entry(key), traceparent })
      this.#listeners.call("onStale", () => watch.onStale?.(stale, key, why), `"${key}"`)
    }
  }
}
