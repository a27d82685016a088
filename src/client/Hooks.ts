/**
 * Runs the application's hooks on an update: schema → validate → apply → confirm.
 *
 *   HK1  A hook that takes longer than its time limit has failed, and its signal is aborted.
 *   HK2  `restore` re-applies what was applied last, never anything that did not pass all hooks.
 *   HK3  When the client ends, every running hook is aborted and no longer waited for, and no timer of it is left.
 *   HK4  Once a watch has ended none of its hooks is called, not even for a version that is on its way.
 */

import { ClosedError, messageOf } from "./ClientError.ts"
import type { Clock } from "./Clock.ts"
import type { Source } from "./Entry.ts"
import { decodeAsync, type StandardSchemaV1 } from "./StandardSchema.ts"

/** What a hook is told besides the value. */
export interface UpdateContext {
  readonly key: string
  readonly version: number
  /** An integer below 2^53. */
  readonly revision: number
  readonly epoch: string
  readonly source: Source
  /** W3C trace context of the publisher, or "". */
  readonly traceparent: string
  /** The key was deleted; the value is its default, if there is one. */
  readonly deleted: boolean
  /** True when an earlier value is put back because a newer one failed. */
  readonly restoring: boolean
  /** Aborted when the hook's time is over or the client is closed. Until the hook ends, nothing else of its key is tried. */
  readonly signal: AbortSignal
}

/** What is known of an update before a hook runs. */
export type About = Omit<UpdateContext, "signal">

/** false or a text (the reason) refuses; so does throwing. */
export type Verdict = boolean | string | undefined | void

export interface Hooks<T = unknown> {
  /** May this value be used? Must not change anything. Not called for a deletion that leaves no value. */
  readonly validate?: ((value: T, context: UpdateContext) => Verdict | Promise<Verdict>) | undefined
  /** Use it; a promise is awaited. `undefined` when the key was deleted and has no default. */
  readonly apply?: ((value: T | undefined, context: UpdateContext) => unknown) | undefined
  /** Did it work? Refusing puts the earlier value back. */
  readonly confirm?: ((value: T | undefined, context: UpdateContext) => Verdict | Promise<Verdict>) | undefined
}

/** HK1: a hook's time is over. `work` resolves when the hook ends after all. */
export class HookTimeout extends Error {
  readonly work: Promise<void>
  constructor(message: string, work: Promise<void>) {
    super(message)
    this.work = work
  }
}

/** The hooks of a client that are running. */
export class Running {
  readonly #stops = new Set<() => void>()

  add(stop: () => void): () => void {
    this.#stops.add(stop)
    return () => this.#stops.delete(stop)
  }

  /** HK3. */
  stop(): void {
    for (const stop of [...this.#stops]) stop()
  }
}

export interface HookLimits {
  readonly clock: Clock
  readonly millis: number
  readonly running: Running
}

const accept = (hook: string, verdict: Verdict): void => {
  if (verdict === false) throw new Error(`${hook} answered false`)
  if (typeof verdict === "string") throw new Error(verdict)
}

const ignore = () => {}

export class HookSet<T = unknown> {
  readonly #validate: Hooks<T>["validate"]
  readonly #apply: Hooks<T>["apply"]
  readonly #confirm: Hooks<T>["confirm"]
  readonly #schema: StandardSchemaV1<unknown, T> | undefined
  readonly #limits: HookLimits
  readonly #last = new Map<string, { readonly value: T | undefined; readonly about: About }>()

  constructor(hooks: Hooks<T>, schema: StandardSchemaV1<unknown, T> | undefined, limits: HookLimits) {
    this.#validate = hooks.validate
    this.#apply = hooks.apply
    this.#confirm = hooks.confirm
    this.#schema = schema
    this.#limits = limits
  }

  /** There is no hook and no schema. */
  get empty(): boolean {
    const hooks = [this.#validate, this.#apply, this.#confirm, this.#schema]
    return hooks.every((hook) => hook === undefined)
  }

  async prepare(value: unknown, about: About): Promise<T | undefined> {
    if (value === undefined) return undefined
    if (this.#schema === undefined && this.#validate === undefined) return value as T
    return this.#limited("validate", about, async (context) => {
      const typed = this.#schema === undefined ? (value as T) : await decodeAsync(context.key, this.#schema, value)
      accept("validate", await this.#validate?.(typed, context))
      return typed
    })
  }

  async apply(value: T | undefined, about: About): Promise<void> {
    if (this.#apply !== undefined) await this.#limited("apply", about, async (context) => this.#apply?.(value, context))
  }

  async confirm(value: T | undefined, about: About): Promise<void> {
    if (this.#confirm === undefined) return
    await this.#limited("confirm", about, async (context) => accept("confirm", await this.#confirm?.(value, context)))
  }

  /** What `restore` puts back from now on. */
  settle(value: T | undefined, about: About): void {
    this.#last.set(about.key, { value, about })
  }

  /** The hooks have settled on exactly this. */
  hasSeen({ key, epoch, revision, version, source }: About): boolean {
    const last = this.#last.get(key)?.about
    if (last?.epoch !== epoch || last.revision !== revision || last.version !== version) return false
    return version !== 0 || last.source === source
  }

  /** The value that last passed, as the schema decoded it. */
  value(key: string): T | undefined {
    return this.#last.get(key)?.value
  }

  async restore(key: string): Promise<void> {
    const last = this.#last.get(key)
    if (last !== undefined) await this.apply(last.value, { ...last.about, restoring: true }) // HK2
  }

  #limited<A>(hook: string, about: About, run: (context: UpdateContext) => Promise<A>): Promise<A> {
    const { clock, millis, running } = this.#limits
    return new Promise((resolve, reject) => {
      const control = new AbortController()
      const work = run({ ...about, signal: control.signal })
      const release = () => {
        cancel()
        left()
      }
      const give = (error: Error) => {
        release()
        reject(error)
        control.abort(error)
      }
      const cancel = clock.after(millis, () => {
        give(new HookTimeout(`${hook}: no answer in ${millis} ms`, work.then(ignore, ignore))) // HK1
      })
      const left = running.add(() => give(new ClosedError())) // HK3
      work.then(
        (answer) => {
          release()
          resolve(answer)
        },
        (error) => {
          release()
          reject(new Error(`${hook}: ${messageOf(error)}`, { cause: error }))
        }
      )
    })
  }
}
