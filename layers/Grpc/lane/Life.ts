/**
 * How long a connection lasts. Pure: it is told the time.
 *
 *   CC15 A connection without streams is asked to leave after `idle`, any after `age`, and is ended `grace` later; one whose peer is silent is
 *        asked with a PING, and ended when that is not answered.
 */
import { bounds } from "./Protections.ts"

/** Milliseconds. */
export interface Times {
  /** Until a peer that is silent is asked. */
  readonly keepalive: number
  readonly idle: number
  /** Up to a tenth more or less. */
  readonly age: number
  /** Until a connection that was told to leave is ended. */
  readonly grace: number
  /** That who has said nothing yet is waited for by a server that leaves. LV3 */
  readonly moment: number
  /** As Protections.ts has them. */
  readonly preface: number
  readonly silence: number
}
export const times: Times = {
  ...{ keepalive: 20_000, idle: 120_000, age: 30 * 60_000, grace: 30_000, moment: 1_000 },
  ...{ preface: bounds.preface.bound, silence: bounds.silence.bound }
}

/** How long a connection that failed is still read, and one that leaves has to answer. */
const LINGER = 1_000

const ASK = Buffer.from("herald.1", "latin1")
const LEAVE = Buffer.from("herald.2", "latin1")

export type Due = "ping" | "leave" | "last" | "end" | "preface" | "silence" | undefined

export class Life {
  readonly #times: Times
  readonly #since: number
  readonly #age: number
  #heard: number
  #idleSince: number | undefined
  #asked: number | undefined
  #leaving: number | undefined
  #failed: number | undefined
  #isOpen = false
  #isAcknowledged = false
  leaving: "asked" | "gone" | undefined

  constructor(times: Times, now: number, spread: number) {
    this.#times = times
    this.#since = this.#heard = this.#idleSince = now
    this.#age = times.age * (0.9 + spread / 5)
  }

  opened(): void {
    this.#isOpen = true
  }
  /** The peer knows our settings. */
  acknowledged(): void {
    this.#isAcknowledged = true
  }
  heard(now: number): void {
    this.#heard = now
  }
  busy(): void {
    this.#idleSince = undefined
  }
  idle(now: number): void {
    this.#idleSince = now
  }
  failed(now: number): void {
    this.#failed = now
  }

  /** What to ask with. */
  ask(now: number): Buffer {
    this.#asked = now
    return ASK
  }
  leave(now: number): Buffer {
    this.leaving = "asked"
    this.#leaving = now
    return LEAVE
  }
  /** What this answers; undefined: nothing that waits for it. */
  answered(opaque: Uint8Array): "ask" | "leave" | undefined {
    if (this.leaving === "asked" && LEAVE.equals(opaque)) return "leave"
    if (this.#asked === undefined || !ASK.equals(opaque)) return undefined
    this.#asked = undefined
    return "ask"
  }

  /** CC15 */
  due(now: number): Due {
    if (this.#failed !== undefined) return now - this.#failed >= LINGER ? "end" : undefined
    if (!this.#isAcknowledged && now - this.#since >= this.#times.preface) return "preface"
    if (!this.#isOpen && this.#leaving === undefined) return undefined
    if (this.#asked !== undefined && now - this.#asked >= this.#times.silence) return "silence"
    if (this.#leaving !== undefined) {
      if (now - this.#leaving >= this.#times.grace) return "end"
      if (this.leaving === "asked" && now - this.#leaving >= LINGER) return "last"
    } else {
      if (now - this.#since >= this.#age) return "leave"
      if (this.#idleSince !== undefined && now - this.#idleSince >= this.#times.idle) return "leave"
    }
    return this.#asked === undefined && now - this.#heard >= this.#times.keepalive ? "ping" : undefined
  }
}
