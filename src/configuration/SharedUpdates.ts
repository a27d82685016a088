/**
 * Keeps the updates that were built of configurations, each for all that get the same.
 *
 *   U3  Updates of each key's newest revision are kept, and the text before it as a base for deltas, within `BUDGET` bytes; anything
 *       forgotten is built again, or sent whole. Where a rollout is under way that is so of what each part of the clients has: its line.
 */
import { Weighed } from "../bounds/Weighed.ts"
import type { ValueUpdate } from "../updates/Update.ts"

/** Bytes. An update counts twice: its text, and the same encoded. */
const BUDGET = 64 * 1024 * 1024

const costOf = ({ content, delta: patched }: ValueUpdate) => 512 + 2 * (content.length + (patched?.patch.length ?? 0))

interface Built {
  readonly update: ValueUpdate
  readonly key: string
  readonly line: string
  readonly template: boolean
}

interface Line {
  readonly revision: string
  readonly ids: Set<string>
  /** The text that was sent before this revision. */
  readonly base: { readonly digest: string; readonly content: string } | undefined
}

export class SharedUpdates {
  readonly #built = new Weighed<Built>(({ update }) => costOf(update))
  /** By key and line. Only of its newest revision: an older one is never asked for again. U3 */
  readonly #keys = new Map<string, Map<string, Line>>()
  /** Bytes of all bases. */
  #baseBytes = 0

  get(id: string): ValueUpdate | undefined {
    return this.#built.get(id)?.update
  }

  /** `line`: which of those that are kept of its key side by side. */
  share(id: string, line: string, template: boolean, build: () => ValueUpdate): ValueUpdate {
    const known = this.#built.get(id)
    if (known !== undefined) return known.update
    const update = build()
    const key = `${update.environment}\u0000${update.key}`
    const revision = `${update.epoch}\u0000${update.revision}`
    let lines = this.#keys.get(key)
    const held = lines?.get(line)
    const mine = held?.revision === revision ? held : { revision, ids: new Set<string>(), base: this.#supersede(held) }
    lines = this.#keys.get(key) // without a line it was forgotten
    if (lines === undefined) this.#keys.set(key, (lines = new Map()))
    lines.set(line, mine)
    mine.ids.add(id)
    this.#built.set(id, { update, key, line, template })
    for (const oldest of this.#built.ids()) {
      if (this.#built.bytes + this.#baseBytes <= BUDGET || oldest === id) break // U3
      this.#forget(oldest)
    }
    return update
  }

  /** The text with this digest, if it is the last that was sent, or the one before. */
  textOf(environment: string, key: string, digest: string): string | undefined {
    const lines = digest === "" ? undefined : this.#keys.get(`${environment}\u0000${key}`)
    if (lines === undefined) return undefined
    for (const { base, ids } of lines.values()) {
      if (base?.digest === digest) return base.content
      for (const id of ids) {
        const { update } = this.#built.get(id)!
        if (update.digest === digest) return update.content
      }
    }
    return undefined
  }

  #forget(id: string): void {
    const { key, line } = this.#built.delete(id)!
    const lines = this.#keys.get(key)!
    const mine = lines.get(line)!
    mine.ids.delete(id)
    if (mine.ids.size > 0) return
    lines.delete(line)
    if (lines.size === 0) this.#keys.delete(key)
    this.#baseBytes -= 2 * (mine.base?.content.length ?? 0)
  }

  /** Forgets the updates of a line that changed, and returns their text as the base of the next. U3 */
  #supersede(old: Line | undefined): Line["base"] {
    if (old === undefined) return undefined
    const [id] = old.ids
    const { update, template } = this.#built.get(id!)!
    const { kind, digest, content } = update
    for (const one of [...old.ids]) this.#forget(one)
    if (kind !== "value" || template) return undefined
    this.#baseBytes += 2 * content.length
    return { digest, content }
  }
}
