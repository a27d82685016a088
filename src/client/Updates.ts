/**
 * Takes versions through the hooks, one at a time a key, and answers for each.
 *
 *   U1  A version becomes the value only after every validate and apply passed; after a failed confirm the former value is back.
 *   U2  Keys do not wait for each other; of a key's waiting versions only the newest is tried.
 *   U3  Every version that was tried is answered once: applied, or rejected with the reason.
 */
import { messageOf } from "./ClientError.ts"
import { type Source, type Version, valueOf } from "./Entry.ts"
import type { HookSet, UpdateContext } from "./Hooks.ts"
import type { Effective, Values } from "./Values.ts"
import type { Watch } from "./Watch.ts"

export interface UpdatesEvents {
  readonly applied: (version: Version) => void
  readonly rejected: (version: Version, reason: string) => void
  /** A value that did not come from the server was refused, or a former one could not be put back. */
  readonly trouble: (key: string, source: Source, reason: string) => void
  /** What is held has changed. */
  readonly held: () => void
}

interface Lane {
  tail: Promise<void>
  next: Version | undefined
}

interface Tried {
  readonly hooks: HookSet<unknown>
  readonly value: unknown
  readonly watch: Watch<unknown> | undefined
}

export class Updates {
  readonly #values: Values
  readonly #global: HookSet<unknown>
  readonly #events: UpdatesEvents
  readonly #watches = new Set<Watch<unknown>>()
  readonly #lanes = new Map<string, Lane>()
  #closed = false

  constructor(values: Values, global: HookSet<unknown>, events: UpdatesEvents) {
    this.#values = values
    this.#global = global
    this.#events = events
  }

  /** Resolves when everything that is waiting now has been answered. */
  async idle(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.tail))
  }

  close(): void {
    this.#closed = true
    for (const watch of [...this.#watches]) watch.unsubscribe()
  }

  receive(version: Version): void {
    const admission = this.#values.admit(version)
    if (admission === "duplicate") this.#events.applied(version)
    if (admission !== "admitted") return
    const waiting = this.#lanes.get(version.key)?.next !== undefined
    const lane = this.#lane(version.key)
    lane.next = version // U2
    if (!waiting) {
      this.#enqueue(version.key, async () => {
        const next = lane.next!
        lane.next = undefined
        await this.#try(next)
        if (lane.next === undefined) this.#values.slot(next.key).pending = false
      })
    }
  }

  add(watch: Watch<unknown>): void {
    this.#watches.add(watch)
    for (const key of this.#values.keys(watch.pattern)) this.#enqueue(key, () => this.#introduce(watch, key))
  }

  remove(watch: Watch<unknown>): void {
    this.#watches.delete(watch)
  }

  /** Shows the hooks what disk, bootstrap and defaults serve. */
  tryLocal(): void {
    for (const key of this.#values.keys()) this.#enqueue(key, () => this.#tryLocal(key))
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { tail: Promise.resolve(), next: undefined }
      this.#lanes.set(key, lane)
    }
    return lane
  }

  #enqueue(key: string, task: () => Promise<void>): void {
    const lane = this.#lane(key)
    const tail = lane.tail.then(async () => {
      if (!this.#closed) await task()
      if (lane.tail === tail && lane.next === undefined) this.#lanes.delete(key)
    })
    lane.tail = tail
  }

  #context(key: string, found: Effective | undefined, version: Version | undefined): UpdateContext {
    return {
      key,
      version: version?.version ?? 0,
      revision: version?.revision ?? 0n,
      epoch: version?.epoch ?? "",
      source: found?.source ?? "live",
      traceparent: version?.traceparent ?? "",
      deleted: version?.deleted ?? false,
      restoring: false
    }
  }

  async #try(version: Version): Promise<void> {
    const slot = this.#values.slot(version.key)
    const former = slot.good
    try {
      const found: Effective | undefined = version.deleted
        ? this.#values.defaultOf(version.key)
        : { value: valueOf(version), source: version.source, version }
      const context = this.#context(version.key, found, version)
      const tried = await this.#run(this.#participants(version.key), found?.value, context, () => {
        slot.current = version
      })
      slot.good = slot.current = version
      slot.untried = false
      this.#settle(tried, context)
      this.#events.held()
      this.#events.applied(version)
    } catch (error) {
      slot.current = former // U1
      this.#events.rejected(version, messageOf(error))
    }
  }

  async #tryLocal(key: string): Promise<void> {
    const slot = this.#values.slot(key)
    const found = this.#values.effective(key)
    const version = found?.version
    if (found === undefined || (version !== undefined && !slot.untried)) return
    const context = this.#context(key, found, version)
    try {
      const all = this.#participants(key).filter((p) => !isSettled(p.hooks, context))
      this.#settle(await this.#run(all, found.value, context, () => {}), context)
      slot.untried = false
    } catch (error) {
      const reason = messageOf(error)
      this.#values.dropLocal(key, found.source)
      slot.untried = false
      if (version?.source === "live") this.#events.rejected(version, reason)
      this.#events.trouble(key, found.source, reason)
      await this.#tryLocal(key) // the next source in order
    }
  }

  /** A watch that came after the value. */
  async #introduce(watch: Watch<unknown>, key: string): Promise<void> {
    const found = this.#values.effective(key)
    if (found === undefined || watch.closed) return
    const context = this.#context(key, found, found.version)
    if (isSettled(watch.hooks, context)) return
    try {
      this.#settle(await this.#run([{ hooks: watch.hooks, watch }], found.value, context, () => {}), context)
    } catch (error) {
      const reason = messageOf(error)
      if (found.version?.source === "live") this.#events.rejected(found.version, reason)
      else this.#events.trouble(key, found.source, reason)
    }
  }

  #participants(key: string): Array<Omit<Tried, "value">> {
    const watches = [...this.#watches].filter((watch) => watch.wants(key))
    return [{ hooks: this.#global, watch: undefined }, ...watches.map((watch) => ({ hooks: watch.hooks, watch }))]
  }

  async #run(
    participants: ReadonlyArray<Omit<Tried, "value">>,
    value: unknown,
    context: UpdateContext,
    applied: () => void
  ): Promise<Array<Tried>> {
    const prepared: Array<Tried> = []
    for (const p of participants) prepared.push({ ...p, value: await p.hooks.prepare(value, context) })
    const touched: Array<Tried> = []
    try {
      for (const p of prepared) {
        if (p.watch?.closed) continue
        touched.push(p)
        await p.hooks.apply(p.value, context)
      }
      applied()
      for (const p of touched) await p.hooks.confirm(p.value, context)
      return touched
    } catch (error) {
      for (const p of touched.reverse()) await this.#restore(p, context)
      throw error
    }
  }

  async #restore(tried: Tried, context: UpdateContext): Promise<void> {
    try {
      await tried.hooks.restore(context.key)
    } catch (error) {
      const reason = `the former value could not be put back: ${messageOf(error)}`
      this.#events.trouble(context.key, context.source, reason)
    }
  }

  #settle(tried: ReadonlyArray<Tried>, context: UpdateContext): void {
    for (const { hooks, value, watch } of tried) {
      hooks.settle(value, context)
      const { key, traceparent } = context
      watch?.publish({ key, value, entry: this.#values.entry(key), traceparent })
    }
  }
}

/** These hooks have seen exactly this already. */
const isSettled = (hooks: HookSet<unknown>, context: UpdateContext): boolean => {
  const last = hooks.settled(context.key)
  return (
    last !== undefined &&
    last.epoch === context.epoch &&
    last.revision === context.revision &&
    last.version === context.version &&
    (last.version !== 0 || last.source === context.source)
  )
}
