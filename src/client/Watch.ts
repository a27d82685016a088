/**
 * A subscription of the application to a key or a pattern: hooks, and an async iterable that keeps only the newest change
 * of each key for a slow reader.
 */

import { matches } from "../keys/Pattern.ts"
import type { Entry } from "./Entry.ts"
import type { HookSet, Hooks } from "./Hooks.ts"
import type { StandardSchemaV1 } from "./StandardSchema.ts"

export interface WatchOptions<T> extends Hooks<T> {
  readonly schema?: StandardSchemaV1<unknown, T> | undefined
  /**
   * Called when a strict key is no longer confirmed as the newest, or is again: when `get` of it begins or ceases to throw. Iterators get a
   * `Changed` with `entry.stale` as well.
   */
  readonly onStale?: ((stale: boolean, key: string, why: string | undefined) => void) | undefined
}

export interface Changed<T> {
  readonly key: string
  /** Undefined when the key was deleted and has no default. */
  readonly value: T | undefined
  readonly entry: Entry | undefined
  readonly traceparent: string
}

export class Watch<T> implements AsyncIterable<Changed<T>>, Disposable {
  readonly pattern: string
  readonly hooks: HookSet<T>
  readonly onStale: WatchOptions<T>["onStale"]
  readonly #forget: (watch: Watch<T>) => void
  readonly #unread = new Map<string, Changed<T>>()
  #wake = () => {}
  #closed = false

  constructor(
    pattern: string,
    hooks: HookSet<T>,
    onStale: WatchOptions<T>["onStale"],
    forget: (watch: Watch<T>) => void
  ) {
    this.pattern = pattern
    this.hooks = hooks
    this.onStale = onStale
    this.#forget = forget
  }

  get closed(): boolean {
    return this.#closed
  }

  wants(key: string): boolean {
    return !this.#closed && matches(this.pattern, key)
  }

  publish(change: Changed<T>): void {
    this.#unread.delete(change.key)
    this.#unread.set(change.key, change)
    this.#wake()
  }

  /** No hook is called afterwards and iteration ends. */
  unsubscribe(): void {
    if (this.#closed) return
    this.#closed = true
    this.#forget(this)
    this.#wake()
  }

  [Symbol.dispose](): void {
    this.unsubscribe()
  }

  /** One reader at a time; leaving the loop unsubscribes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Changed<T>, void, void> {
    try {
      while (!this.#closed) {
        const next = this.#unread.entries().next()
        if (next.done) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          continue
        }
        this.#unread.delete(next.value[0])
        yield next.value[1]
      }
    } finally {
      this.unsubscribe()
    }
  }
}
