/**
 * Runs tasks of the application's hooks: one at a time for each key, keys side by side.
 *
 *   LN1  While a hook whose time is over still runs, no other hook of its key does; when it ends, what it changed is undone first.
 *   LN2  No task waits longer than the time limit for such a hook: it is told `late`, and runs when the hook has ended.
 *   LN3  After `close` no task begins.
 */
import type { HookLimits, HookTimeout } from "./Hooks.ts"

export interface Task {
  readonly run: () => Promise<void>
  /** An earlier hook of the key has not ended in time. The task stays: `run` follows if the hook ends. */
  readonly late?: (why: string) => void
}

interface Lane {
  tail: Promise<void>
  /** Tasks that have not ended. */
  waiting: number
  /** Resolves when the hook whose time is over has ended, and what it changed is undone. */
  stuck: Promise<void> | undefined
  /** Why tasks are late; set once the first has waited in vain. */
  late: string | undefined
}

export class Lanes {
  readonly #limits: HookLimits
  readonly #lanes = new Map<string, Lane>()
  #closed = false

  constructor(limits: HookLimits) {
    this.#limits = limits
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Resolves when every task that is here now has run, or was told that it is late. */
  async idle(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.tail))
  }

  /** A task of this key runs or waits. */
  busy(key: string): boolean {
    return this.#lanes.has(key)
  }

  /** Why nothing of this key can be tried now. */
  late(key: string): string | undefined {
    return this.#lanes.get(key)?.late
  }

  add(key: string, task: Task): void {
    const lane = this.#lane(key)
    lane.waiting++
    lane.tail = lane.tail.then(async () => {
      if (!this.#closed) {
        if (await this.#free(lane)) await task.run()
        else if (!this.#closed) this.#postpone(key, lane, task)
      }
      lane.waiting--
      this.#forget(key, lane)
    })
  }

  /** LN1: `undo` puts back what the hook may have changed. */
  hold(key: string, { message, work }: HookTimeout, undo: () => Promise<void>): void {
    const lane = this.#lane(key)
    const mine = work.then(() => (this.#closed ? undefined : undo()))
    const stuck = Promise.all([lane.stuck, mine]).then(() => {
      if (lane.stuck !== stuck) return
      lane.stuck = lane.late = undefined
      this.#forget(key, lane)
    })
    lane.stuck = stuck
    this.#why.set(lane, `a former hook still runs (${message}); nothing else of this key is tried until it ends`)
  }

  close(): void {
    this.#closed = true // LN3
  }

  readonly #why = new WeakMap<Lane, string>()

  /** LN2. */
  async #free(lane: Lane): Promise<boolean> {
    if (lane.stuck === undefined) return true
    if (lane.late !== undefined) return false
    const { clock, millis, running } = this.#limits
    let done = () => {}
    const limit = new Promise<void>((resolve) => {
      const cancel = clock.after(millis, resolve)
      const left = running.add(resolve)
      done = () => {
        cancel()
        left()
      }
    })
    await Promise.race([lane.stuck, limit])
    done()
    return lane.stuck === undefined
  }

  #postpone(key: string, lane: Lane, task: Task): void {
    lane.late = this.#why.get(lane)
    task.late?.(lane.late ?? "")
    void lane.stuck?.then(() => this.add(key, task))
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { tail: Promise.resolve(), waiting: 0, stuck: undefined, late: undefined }
      this.#lanes.set(key, lane)
    }
    return lane
  }

  #forget(key: string, lane: Lane): void {
    if (lane.waiting === 0 && lane.stuck === undefined && this.#lanes.get(key) === lane) this.#lanes.delete(key)
  }
}
