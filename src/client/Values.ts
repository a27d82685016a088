/**
 * Holds the client's values, in layers: live > disk > bootstrap > default. No input or output.
 *
 *   CU1  A key never goes back: a version with a lower revision of the same epoch is not admitted.
 *   CU2  `good` passed every hook; only it is kept on disk and told to the server as held.
 *   CU3  The position told to the server never covers a version that waits for its hooks or was refused by them.
 *   CU4  A deletion hides disk and bootstrap; the default remains.
 *   CU5  While the server is unsure nothing counts as the newest; when it is sure again, what it sent meanwhile is confirmed.
 */

import { matches } from "../keys/Pattern.ts"
import { type Entry, type Mark, type Source, sameMark, type Version, valueOf } from "./Entry.ts"

export interface Slot {
  /** Passed every hook. */
  good: Version | undefined
  /** What `get` shows: `good`, or its successor while that is being confirmed. */
  current: Version | undefined
  /** The newest admitted; differs from `good` while it waits and after it was refused. */
  newest: Mark | undefined
  /** Admitted and not finished. */
  pending: boolean
  /** The version received last, which a delta may build on. */
  received: Version | undefined
  /** Why the server can't deliver the key. */
  problem: string | undefined
  /** From disk, and the hooks have not seen it yet. */
  untried: boolean
}

export type Admission = "admitted" | "duplicate" | "waiting" | "old"

export interface Local {
  readonly bootstrap: ReadonlyMap<string, unknown>
  readonly defaults: ReadonlyMap<string, unknown>
}

export interface Effective {
  readonly value: unknown
  readonly source: Source
  readonly version: Version | undefined
}

export class Values {
  readonly #slots = new Map<string, Slot>()
  readonly #bootstrap: Map<string, unknown>
  readonly #defaults: Map<string, unknown>
  readonly #strict = new Set<string>()
  #epoch = ""
  #revision = 0n
  #unsure = false
  /** Versions that the server could not confirm when it sent them, and has not since. */
  #unconfirmed = new WeakSet<Version>()
  /** Set by the client: the stream is open and synced. */
  live = false

  constructor(local: Local) {
    this.#bootstrap = new Map(local.bootstrap)
    this.#defaults = new Map(local.defaults)
  }

  slot(key: string): Slot {
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = {
        good: undefined,
        current: undefined,
        newest: undefined,
        pending: false,
        received: undefined,
        problem: undefined,
        untried: false
      }
      this.#slots.set(key, slot)
    }
    return slot
  }

  slots(): IterableIterator<[string, Slot]> {
    return this.#slots.entries()
  }

  /** The server can't confirm with its database that what it has sent is the newest. */
  get unsure(): boolean {
    return this.#unsure
  }

  /** CU5. True when that is news. */
  said(unsure: boolean): boolean {
    const former = this.#unsure
    this.#unsure = unsure
    if (!unsure) this.#unconfirmed = new WeakSet()
    return former !== unsure
  }

  /** Keys that are strict, or were. */
  strict(): Iterable<string> {
    return this.#strict
  }

  /** Every key that has a value from any source: those that the pattern covers; of every kind when it is "". */
  keys(pattern = "*"): Array<string> {
    const all = new Set([...this.#slots.keys(), ...this.#bootstrap.keys(), ...this.#defaults.keys()])
    return [...all].filter((key) => (pattern === "" || matches(pattern, key)) && this.effective(key) !== undefined)
  }

  fromDisk(versions: Iterable<Version>, epoch: string, revision: bigint): void {
    for (const version of versions) {
      const slot = this.slot(version.key)
      slot.good = slot.current = slot.newest = version
      slot.untried = true
      if (version.strict) this.#strict.add(version.key)
    }
    this.#epoch = epoch
    this.#revision = revision
  }

  /** The server has the same as the disk: the value is live now. */
  promote(key: string): void {
    const slot = this.slot(key)
    const { good } = slot
    if (good?.source !== "disk") return
    const live: Version = { ...good, source: "live" }
    if (slot.current === good) slot.current = live
    if (slot.newest === good) slot.newest = live
    slot.good = live
    slot.problem = undefined
  }

  /** What `get` shows, when it came from a server. */
  current(key: string): Version | undefined {
    const version = this.#slots.get(key)?.current
    return version?.deleted ? undefined : version
  }

  effective(key: string): Effective | undefined {
    const version = this.#slots.get(key)?.current
    if (version !== undefined && !version.deleted) {
      return { value: valueOf(version), source: version.source, version }
    }
    if (version === undefined && this.#bootstrap.has(key)) {
      return { value: this.#bootstrap.get(key), source: "bootstrap", version: undefined }
    }
    return this.defaultOf(key) // CU4
  }

  defaultOf(key: string): Effective | undefined {
    if (!this.#defaults.has(key)) return undefined
    return { value: this.#defaults.get(key), source: "default", version: undefined }
  }

  /** A local value that the hooks refused is not offered again. */
  dropLocal(key: string, source: Source): void {
    if (source === "bootstrap") this.#bootstrap.delete(key)
    if (source === "default") this.#defaults.delete(key)
    if (source === "disk" || source === "live") {
      const slot = this.slot(key)
      slot.good = slot.current = undefined
    }
  }

  /** Why the key's value may not be the newest; undefined when it is. */
  staleness(key: string): string | undefined {
    if (!this.live) return "the client is not connected"
    if (this.#unsure) return "the server can't confirm with its database that it is the newest" // CU5
    const slot = this.#slots.get(key)
    if (slot === undefined) return undefined
    if (slot.problem !== undefined) return `the server can't deliver it (${slot.problem})`
    if (slot.current !== undefined && this.#unconfirmed.has(slot.current)) {
      return "the server could not confirm it with its database"
    }
    if (slot.newest !== undefined && (slot.current === undefined || !sameMark(slot.newest, slot.current))) {
      return slot.pending ? "a newer version is being applied" : "a newer version was refused here"
    }
    return undefined
  }

  entry(key: string): Entry | undefined {
    const found = this.effective(key)
    if (found === undefined) return undefined
    const { value, source, version } = found
    return {
      key,
      value,
      text: version?.content ?? "",
      version: version?.version ?? 0,
      revision: Number(version?.revision ?? 0n),
      epoch: version?.epoch ?? "",
      source,
      stale: this.staleness(key) !== undefined,
      digest: version?.digest ?? "",
      format: version?.format ?? (typeof value === "string" ? "string" : "json"),
      strict: version?.strict ?? false
    }
  }

  /** May this version be tried? CU1. */
  admit(version: Version): Admission {
    const slot = this.slot(version.key)
    const { newest, good } = slot
    if (version.unconfirmed) this.#unconfirmed.add(version)
    if (version.strict) this.#strict.add(version.key)
    if (newest !== undefined && newest.epoch === version.epoch) {
      if (version.revision < newest.revision) return "old"
      if (sameMark(newest, version)) {
        if (slot.pending) return "waiting"
        if (good !== undefined && sameMark(good, version) && !slot.untried) {
          this.#confirmed(slot, version)
          return "duplicate"
        }
      }
    }
    slot.problem = undefined
    slot.received = version
    slot.newest = version
    slot.pending = true
    return "admitted"
  }

  /** The same version came again: only what the server says of it can have changed. */
  #confirmed(slot: Slot, version: Version): void {
    if (slot.current === slot.good) slot.current = version
    slot.good = version
    slot.problem = undefined
  }

  /** The text that a delta builds on. */
  base(key: string, digest: string): string | undefined {
    const slot = this.#slots.get(key)
    return [slot?.received, slot?.good, slot?.current].find((v) => v !== undefined && !v.deleted && v.digest === digest)
      ?.content
  }

  forgetBases(): void {
    for (const slot of this.#slots.values()) slot.received = undefined
  }

  /** Everything up to here has been heard. */
  advance(epoch: string, revision: bigint): void {
    if (epoch === "") return
    if (epoch !== this.#epoch || revision > this.#revision) this.#revision = revision
    this.#epoch = epoch
  }

  /** The position to tell the server. CU3. */
  position(): { readonly epoch: string; readonly revision: bigint } {
    let revision = this.#revision
    for (const { newest, good } of this.#slots.values()) {
      const missing = newest !== undefined && (good === undefined || !sameMark(newest, good))
      if (missing && newest.epoch === this.#epoch && newest.revision <= revision) revision = newest.revision - 1n
    }
    return { epoch: this.#epoch, revision }
  }

  /** CU2. */
  held(): Array<Version> {
    return [...this.#slots.values()].flatMap(({ good }) => (good === undefined || good.deleted ? [] : [good]))
  }
}
