/**
 * Takes versions through the hooks, one at a time for each key, and answers for each.
 *
 *   UP1  A version becomes the value only after every validate and apply passed; after a failed confirm the earlier value is back.
 *   UP2  Keys do not wait for each other; of a key's waiting versions only the newest is tried.
 *   UP3  Every version that was tried is answered once: applied, or rejected with the reason. One that waits too long for a hook that
 *        does not end is rejected too, and tried when the hook has ended.
 *   UP4  After `close` nothing changes and nothing is answered, whatever hooks that still run do.
 */
import { kindIn } from "../keys/Name.ts"
import { messageOf } from "./ClientError.ts"
import { type Source, type Version, valueOf } from "./Entry.ts"
import { type About, type HookSet, HookTimeout } from "./Hooks.ts"
import type { Lanes } from "./Lanes.ts"
import type { Effective, Values } from "./Values.ts"
import type { Watch } from "./Watch.ts"

export interface UpdatesEvents {
  readonly applied: (version: Version) => void
  readonly rejected: (version: Version, reason: string) => void
  /** A value that did not come from the server was refused, or an earlier one could not be put back. */
  readonly trouble: (key: string, source: Source, reason: string) => void
  /** What is held has changed: this is the key's now. */
  readonly held: (version: Version) => void
  /** Throws when nothing can be done with it, before any hook sees it. */
  readonly read: (version: Version) => void
  /** What can be said about the key's freshness may have changed; `published`: its watches got a `Changed` for it. */
  readonly settled: (key: string, published: boolean) => void
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
  readonly #lanes: Lanes
  /** UP2: of each key the newest version that waits for its turn. */
  readonly #next = new Map<string, Version>()

  constructor(values: Values, global: HookSet<unknown>, lanes: Lanes, events: UpdatesEvents) {
    this.#values = values
    this.#lanes = lanes
    this.#global = global
    this.#events = events
  }

  /** Resolves when everything that is waiting now has been answered. */
  idle(): Promise<void> {
    return this.#lanes.idle()
  }

  close(): void {
    this.#lanes.close()
    this.#next.clear()
    for (const watch of [...this.#watches]) watch.unsubscribe()
  }

  receive(version: Version): void {
    if (this.#lanes.closed) return
    const { key } = version
    const admission = this.#values.admit(version)
    if (admission === "duplicate") {
      this.#events.applied(version)
      this.#events.settled(key, false)
    }
    if (admission !== "admitted") return
    if (!this.#concerns(key) && !this.#lanes.busy(key)) {
      this.#accept(version)
      return
    }
    const waiting = this.#next.has(key)
    this.#next.set(key, version) // UP2
    const late = this.#lanes.late(key)
    if (late !== undefined) this.#refuse(key, late)
    if (!waiting) this.#lanes.add(key, { run: () => this.#tryNext(key), late: (why) => this.#refuse(key, why) })
  }

  /** The server said something of the key that is not a version. */
  told(key: string): void {
    this.#events.settled(key, false)
  }

  watches(key: string): Array<Watch<unknown>> {
    return [...this.#watches].filter((watch) => watch.wants(key))
  }

  add(watch: Watch<unknown>): void {
    this.#watches.add(watch)
    for (const key of this.#values.keys(watch.pattern)) {
      this.#lanes.add(key, { run: () => this.#introduce(watch, key) })
    }
  }

  remove(watch: Watch<unknown>): void {
    this.#watches.delete(watch)
  }

  /** Shows the hooks what disk, bootstrap and defaults serve. */
  tryLocal(): void {
    for (const key of this.#values.keys("")) {
      if (this.#concerns(key)) this.#lanes.add(key, { run: () => this.#tryLocal(key) })
      else this.#values.slot(key).untried = false
    }
  }

  async #tryNext(key: string): Promise<void> {
    const next = this.#next.get(key)
    if (next === undefined) return
    this.#next.delete(key)
    const slot = this.#values.slot(key)
    slot.pending = true
    const applied = await this.#try(next)
    if (this.#lanes.closed) return
    if (!this.#next.has(key)) slot.pending = false
    this.#events.settled(key, applied)
  }

  #refuse(key: string, why: string): void {
    const next = this.#next.get(key)
    if (next === undefined) return
    this.#values.slot(key).pending = false
    this.#events.rejected(next, why)
    this.#events.settled(key, false)
  }

  /** Has the application anything to say about the key? Hooks of the whole client are for configurations. */
  #concerns(key: string): boolean {
    if (!this.#global.empty && kindIn(key) === "") return true
    for (const watch of this.#watches) if (watch.wants(key)) return true
    return false
  }

  /** No hook is asked, so this is synchronous: 100,000 keys take one turn of the event loop. */
  #accept(version: Version): void {
    const slot = this.#values.slot(version.key)
    slot.pending = false
    try {
      if (!version.deleted) this.#events.read(version)
      slot.good = slot.current = version
      slot.untried = false
      this.#events.held(version)
      this.#events.applied(version)
    } catch (error) {
      this.#events.rejected(version, messageOf(error))
    }
    this.#events.settled(version.key, false)
  }

  #context(key: string, found: Effective | undefined, version: Version | undefined): About {
    return {
      key,
      version: version?.version ?? 0,
      revision: Number(version?.revision ?? 0n),
      epoch: version?.epoch ?? "",
      source: found?.source ?? "live",
      traceparent: version?.traceparent ?? "",
      deleted: version?.deleted ?? false,
      restoring: false
    }
  }

  /** True when it was applied. */
  async #try(version: Version): Promise<boolean> {
    const slot = this.#values.slot(version.key)
    const former = slot.good
    try {
      if (!version.deleted) this.#events.read(version)
      const found: Effective | undefined = version.deleted
        ? this.#values.defaultOf(version.key)
        : { value: valueOf(version), source: version.source, version }
      const context = this.#context(version.key, found, version)
      const tried = await this.#run(this.#participants(version.key), found?.value, context, () => {
        slot.current = version
      })
      if (this.#lanes.closed) return false // UP4
      slot.good = slot.current = version
      slot.untried = false
      this.#settle(tried, context)
      this.#events.held(version)
      this.#events.applied(version)
      return true
    } catch (error) {
      if (this.#lanes.closed) return false // UP4
      slot.current = former // UP1
      this.#events.rejected(version, messageOf(error))
      return false
    }
  }

  async #tryLocal(key: string): Promise<void> {
    const slot = this.#values.slot(key)
    const found = this.#values.effective(key)
    const version = found?.version
    if (found === undefined || (version !== undefined && !slot.untried)) return
    const context = this.#context(key, found, version)
    try {
      const all = this.#participants(key).filter((p) => !p.hooks.hasSeen(context))
      const tried = await this.#run(all, found.value, context, () => {})
      if (this.#lanes.closed) return // UP4
      this.#settle(tried, context)
      slot.untried = false
    } catch (error) {
      if (this.#lanes.closed) return // UP4
      const reason = messageOf(error)
      this.#values.dropLocal(key, found.source)
      slot.untried = false
      if (version?.source === "live") this.#events.rejected(version, reason)
      this.#events.trouble(key, found.source, reason)
      this.#lanes.add(key, { run: () => this.#tryLocal(key) }) // the next source in order
    }
  }

  /** Shows the value to a watch that came after it. */
  async #introduce(watch: Watch<unknown>, key: string): Promise<void> {
    const found = this.#values.effective(key)
    if (found === undefined || watch.closed) return
    const context = this.#context(key, found, found.version)
    if (watch.hooks.hasSeen(context)) return
    try {
      const tried = await this.#run([{ hooks: watch.hooks, watch }], found.value, context, () => {})
      if (!this.#lanes.closed) this.#settle(tried, context)
    } catch (error) {
      if (this.#lanes.closed) return // UP4
      const reason = messageOf(error)
      if (found.version?.source === "live") this.#events.rejected(found.version, reason)
      else this.#events.trouble(key, found.source, reason)
    }
  }

  #participants(key: string): Array<Omit<Tried, "value">> {
    const watches = this.watches(key).map((watch) => ({ hooks: watch.hooks, watch }))
    return this.#global.empty || kindIn(key) !== "" ? watches : [{ hooks: this.#global, watch: undefined }, ...watches]
  }

  async #run(
    participants: ReadonlyArray<Omit<Tried, "value">>,
    value: unknown,
    context: About,
    applied: () => void
  ): Promise<Array<Tried>> {
    const touched: Array<Tried> = []
    try {
      const prepared: Array<Tried> = []
      for (const p of participants) {
        if (!isGone(p)) prepared.push({ ...p, value: await p.hooks.prepare(value, context) })
      }
      for (const p of prepared) {
        if (isGone(p)) continue
        touched.push(p)
        await p.hooks.apply(p.value, context)
      }
      if (this.#lanes.closed) return touched
      applied()
      for (const p of touched) if (!isGone(p)) await p.hooks.confirm(p.value, context)
      return touched
    } catch (error) {
      await this.#undo(context, error, async () => {
        for (const p of touched.toReversed()) await this.#restore(p, context)
      })
      throw error
    }
  }

  /** Undoes at once or, when the hook that failed still runs, once it has ended. */
  async #undo({ key }: About, error: unknown, undo: () => Promise<void>): Promise<void> {
    if (this.#lanes.closed) return
    if (error instanceof HookTimeout) this.#lanes.hold(key, error, undo)
    else await undo()
  }

  async #restore(tried: Tried, context: About): Promise<void> {
    if (isGone(tried)) return
    try {
      await tried.hooks.restore(context.key)
    } catch (error) {
      if (this.#lanes.closed) return
      await this.#undo(context, error, async () => {})
      const reason = `the former value could not be put back: ${messageOf(error)}`
      this.#events.trouble(context.key, context.source, reason)
    }
  }

  #settle(tried: ReadonlyArray<Tried>, context: About): void {
    for (const { hooks, value, watch } of tried) {
      hooks.settle(value, context)
      const { key, traceparent } = context
      watch?.publish({ key, value, entry: this.#values.entry(key), traceparent })
    }
  }
}

/** HK4 */
const isGone = ({ watch }: Pick<Tried, "watch">): boolean => watch?.closed === true
