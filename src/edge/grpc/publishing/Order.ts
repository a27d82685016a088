/** Says which items of a stream an item waits for: PM2 of PublishMany.ts. Pure state. */
import { Deferred, Effect } from "effect"
import { VARIABLES_KEY } from "../../../keys/Key.ts"
import type { Target } from "../../../keys/Target.ts"

/** Done once the item is. */
type Done = Deferred.Deferred<void>

export interface Turn {
  /** Those that have to be done before. */
  readonly after: ReadonlyArray<Done>
  /** Call it when this one is. */
  readonly end: () => void
}

export class Order {
  /** By environment: what is not done yet, by key; of each key the newest. */
  readonly #open = new Map<string, Map<string, Done>>()

  take({ environment, key }: Target): Turn {
    let open = this.#open.get(environment)
    if (open === undefined) this.#open.set(environment, (open = new Map()))
    const its = open
    const after =
      key === VARIABLES_KEY
        ? [...its.values()]
        : [its.get(key), its.get(VARIABLES_KEY)].filter((one) => one !== undefined)
    const done: Done = Deferred.makeUnsafe()
    its.set(key, done)
    return {
      after,
      end: () => {
        Deferred.doneUnsafe(done, Effect.void)
        if (its.get(key) === done) its.delete(key)
        if (its.size === 0) this.#open.delete(environment)
      }
    }
  }

  /** Environments with items that are not done. */
  get size(): number {
    return this.#open.size
  }
}
