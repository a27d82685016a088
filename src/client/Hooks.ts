/**
 * The application's say in an update: schema → validate → apply → confirm.
 *
 *   HK1  A hook that takes longer than its time limit has failed.
 *   HK2  `restore` re-applies what was applied last, never anything that did not pass all hooks.
 */

import { messageOf } from "./ClientError.ts"
import type { Clock } from "./Clock.ts"
import type { Source } from "./Entry.ts"
import { decodeAsync, type StandardSchemaV1 } from "./StandardSchema.ts"

/** What a hook is told besides the value. */
export interface UpdateContext {
  readonly key: string
  readonly version: number
  readonly revision: bigint
  readonly epoch: string
  readonly source: Source
  /** W3C trace context of the publisher, or "". */
  readonly traceparent: string
  /** The key was deleted; the value is its default, if there is one. */
  readonly deleted: boolean
  /** True when a former value is put back because a newer one failed. */
  readonly restoring: boolean
}

/** false or a text (the reason) refuses; so does throwing. */
export type Verdict = boolean | string | undefined | void

export interface Hooks<T = unknown> {
  /** May this value be used? Must not change anything. Not asked about a deletion that leaves no value. */
  readonly validate?: ((value: T, context: UpdateContext) => Verdict | Promise<Verdict>) | undefined
  /** Use it; a promise is awaited. `undefined` when the key was deleted and has no default. */
  readonly apply?: ((value: T | undefined, context: UpdateContext) => unknown) | undefined
  /** Did it work? Refusing puts the former value back. */
  readonly confirm?: ((value: T | undefined, context: UpdateContext) => Verdict | Promise<Verdict>) | undefined
}

const accept = (hook: string, verdict: Verdict): void => {
  if (verdict === false) throw new Error(`${hook} answered false`)
  if (typeof verdict === "string") throw new Error(verdict)
}

export class HookSet<T = unknown> {
  readonly #hooks: Hooks<T>
  readonly #schema: StandardSchemaV1<unknown, T> | undefined
  readonly #clock: Clock
  readonly #limitMillis: number
  readonly #last = new Map<string, { readonly value: T | undefined; readonly context: UpdateContext }>()

  constructor(hooks: Hooks<T>, schema: StandardSchemaV1<unknown, T> | undefined, clock: Clock, limitMillis: number) {
    this.#hooks = hooks
    this.#schema = schema
    this.#clock = clock
    this.#limitMillis = limitMillis
  }

  async prepare(value: unknown, context: UpdateContext): Promise<T | undefined> {
    if (value === undefined) return undefined
    if (this.#schema === undefined && this.#hooks.validate === undefined) return value as T
    return this.#limited("validate", async () => {
      const typed = this.#schema === undefined ? (value as T) : await decodeAsync(context.key, this.#schema, value)
      accept("validate", await this.#hooks.validate?.(typed, context))
      return typed
    })
  }

  async apply(value: T | undefined, context: UpdateContext): Promise<void> {
    const { apply } = this.#hooks
    if (apply !== undefined) await this.#limited("apply", async () => apply(value, context))
  }

  async confirm(value: T | undefined, context: UpdateContext): Promise<void> {
    const { confirm } = this.#hooks
    if (confirm === undefined) return
    await this.#limited("confirm", async () => accept("confirm", await confirm(value, context)))
  }

  /** What `restore` puts back from now on. */
  settle(value: T | undefined, context: UpdateContext): void {
    this.#last.set(context.key, { value, context })
  }

  settled(key: string): UpdateContext | undefined {
    return this.#last.get(key)?.context
  }

  async restore(key: string): Promise<void> {
    const last = this.#last.get(key)
    if (last !== undefined) await this.apply(last.value, { ...last.context, restoring: true }) // HK2
  }

  async #limited<A>(hook: string, run: () => Promise<A>): Promise<A> {
    let cancel = () => {}
    const limit = new Promise<never>((_, reject) => {
      cancel = this.#clock.after(this.#limitMillis, () => {
        reject(new Error(`no answer in ${this.#limitMillis} ms`)) // HK1
      })
    })
    try {
      return await Promise.race([run(), limit])
    } catch (error) {
      throw new Error(`${hook}: ${messageOf(error)}`, { cause: error })
    } finally {
      cancel()
    }
  }
}
