/**
 * The feature flags that the client holds, as they came. What evaluates them stands on this (herald/openfeature): the client itself carries no
 * engine for rules.
 *
 *   LF1  What is here is what passed the check, live or from disk: a flag that is refused leaves the one before in its place.
 *   LF2  Changes are told together, once a turn of the event loop, each flag once; `held` is up to date before that.
 */
import type { ReportRequest, ReportResponse } from "../../proto/generated/herald/reporting/v1/reporting.ts"
import { keyIn, kindIn, nameOf } from "../keys/Name.ts"
import type { Clock } from "./Clock.ts"
import type { State } from "./Connection.ts"
import { type Version, valueOf } from "./Entry.ts"
import type { Listeners } from "./Listeners.ts"
import type { Values } from "./Values.ts"

/** The kind of flags on the wire. */
export const FLAG = "flag"
export const EVERY_FLAG = nameOf(FLAG, "*")

/** One flag as it was sent. The same object until it changes. */
export interface HeldFlag {
  readonly name: string
  /** Of the flag, from 1. */
  readonly version: number
  readonly revision: number
  /** What was sent, read as JSON and frozen. */
  readonly said: unknown
}

export interface FlagListener {
  /** These came, changed or are gone. */
  readonly changed?: (names: ReadonlyArray<string>) => void
  /** The client's state, or whether its node is sure of what it sent, is another now. */
  readonly state?: (state: State, confirmed: boolean) => void
}

/** What flags are of, and where reports on them go. */
export interface FlagsHome {
  readonly environment: string
  /** What the client asks for. */
  readonly patterns: ReadonlyArray<string>
  readonly clock: Clock
  /** Rejects with `ReportError` or `ClosedError`. Undefined: nothing can be reported. */
  readonly report: ((request: ReportRequest) => Promise<ReportResponse>) | undefined
  /** Calls what is the application's. */
  readonly listeners: Pick<Listeners, "call" | "event">
}

/** Why a flag can't be evaluated here; undefined when it can. */
export type CheckFlag = (name: string, said: unknown) => string | undefined

export class ClientFlags {
  readonly home: FlagsHome
  readonly #held = new Map<string, HeldFlag>()
  readonly #listeners = new Set<FlagListener>()
  readonly #check: CheckFlag | undefined
  #changed = new Set<string>()

  constructor(home: FlagsHome, check: CheckFlag | undefined) {
    this.home = home
    this.#check = check
  }

  /** Whether the client asks for any. */
  get wanted(): boolean {
    return this.home.patterns.some((pattern) => kindIn(pattern) === FLAG)
  }

  /** In no order. */
  names(): Array<string> {
    return [...this.#held.keys()]
  }

  held(name: string): HeldFlag | undefined {
    return this.#held.get(name)
  }

  /** Tells of what changes from now on, until what is returned is called. */
  listen(listener: FlagListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The client's: what is on disk was taken over. */
  resumed(values: Values): void {
    for (const [key, { good }] of values.slots()) if (kindIn(key) === FLAG && good !== undefined) this.became(good)
  }

  /** The client's: throws when nothing can be done with a version of whatever kind. LF1 */
  read(version: Version): void {
    const said = valueOf(version)
    const wrong = kindIn(version.key) === FLAG ? this.#check?.(keyIn(version.key), said) : undefined
    if (wrong !== undefined) throw new Error(wrong)
  }

  /** The client's: this is what a key is now. LF1 */
  became(version: Version): void {
    if (kindIn(version.key) !== FLAG) return
    const name = keyIn(version.key)
    if (version.deleted) {
      if (!this.#held.delete(name)) return
    } else {
      const revision = Number(version.revision)
      this.#held.set(name, { name, version: version.version, revision, said: valueOf(version) })
    }
    if (this.#changed.size === 0) this.home.clock.soon(() => this.#tell()) // LF2
    this.#changed.add(name)
  }

  /** The client's. */
  state(state: State, confirmed: boolean): void {
    for (const one of [...this.#listeners])
      this.home.listeners.call("state", () => one.state?.(state, confirmed), "flags")
  }

  #tell(): void {
    const names = [...this.#changed]
    this.#changed = new Set()
    for (const one of [...this.#listeners]) this.home.listeners.call("changed", () => one.changed?.(names), "flags")
  }
}
