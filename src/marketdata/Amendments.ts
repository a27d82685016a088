/**
 * What a node gives to making minutes anew: how much of its time to each topic, to each who made topics and to all, and whose turn it is.
 *
 *   MJ6  A topic has `ALLOWED` of a node's time for it at first, and `SHARE` of what passes afterwards; all topics of one owner, who made them, have
 *        `OF_OWNER` of it together, and all of them `OF_NODE`. What a topic had left is remembered for `REMEMBERED` by its name after it is gone, and what
 *        its owner had. Time is counted by what is done, at so much an event and a byte, so that the same is done on every machine. Of one topic one is made
 *        at a time, of an owner `AT_ONCE_OF_OWNER`, of a node `AT_ONCE`, and owners take turns.
 */
import { type Effect, Semaphore } from "effect"
import type { Topic } from "../topics/Topic.ts"
import { makeTurns } from "../work/Turns.ts"

/** Microseconds: what an event takes that is read, and one that its bytes say is not of those symbols. */
export const READ = 30
export const PASSED = 2
/** Bytes of a read that count as a microsecond. */
export const BYTES = 100
/** Microseconds, and of the time that passes. */
export const ALLOWED = 10_000_000
export const SHARE = 0.05
export const OF_OWNER = { allowed: 15_000_000, share: 0.1 }
export const OF_NODE = { allowed: 20_000_000, share: 0.25 }
/** Topics of a node; each keeps `TRADES` in memory meanwhile. */
export const AT_ONCE = 8
export const AT_ONCE_OF_OWNER = 3
/** Milliseconds. */
export const REMEMBERED = 600_000
/** Topics that are remembered after they are gone: those that went last. */
export const GONE = 2_048

/** Time that may be used, in microseconds. Mutable. */
export class Allowance {
  readonly #most: number
  readonly #share: number
  #left: number
  #at: number | undefined

  constructor(most = ALLOWED, share = SHARE) {
    this.#most = most
    this.#share = share
    this.#left = most
  }

  /** What is left now, in milliseconds since 1970. */
  at(now: number): number {
    const passed = Math.max(0, now - (this.#at ?? now))
    this.#at = Math.max(now, this.#at ?? now)
    this.#left = Math.min(this.#most, this.#left + passed * 1_000 * this.#share)
    return this.#left
  }

  /** False: that was more than there is. */
  spend(micros: number): boolean {
    this.#left -= micros
    return this.#left > 0
  }
}

/** Of one topic on a node. */
export interface Amendments {
  /** Its own, its owner's and the node's in one. */
  readonly allowance: Pick<Allowance, "at" | "spend">
  /** When it is its turn. */
  readonly inTurn: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Of a topic's name. */
interface Known {
  readonly allowance: Allowance
  readonly turn: Semaphore.Semaphore
  /** Who made the last one of that name. */
  owner: string
  /** Milliseconds since 1970; undefined: it is there. */
  goneAt: number | undefined
}

/** Of the topics of a node, by their names. */
export class AllAmendments {
  readonly #turns = makeTurns(AT_ONCE, AT_ONCE_OF_OWNER)
  readonly #node = new Allowance(OF_NODE.allowed, OF_NODE.share)
  /** By who made topics that are known. */
  readonly #owners = new Map<string, Allowance>()
  /** Those that are gone in the order in which they went. */
  readonly #topics = new Map<string, Known>()
  readonly #allowed: number

  /** Microseconds that each topic is allowed at first. */
  constructor(allowed = ALLOWED) {
    this.#allowed = allowed
  }

  /** Topics that are known, gone or not, and who made them. */
  get size(): number {
    return this.#topics.size + this.#owners.size
  }

  of({ name, createdBy }: Pick<Topic, "name" | "createdBy">): Amendments {
    const its = this.#topics.get(name) ?? {
      ...{ allowance: new Allowance(this.#allowed), turn: Semaphore.makeUnsafe(1), owner: createdBy },
      goneAt: undefined
    }
    its.owner = createdBy
    its.goneAt = undefined
    this.#topics.set(name, its)
    const owner = this.#owners.get(createdBy) ?? new Allowance(OF_OWNER.allowed, OF_OWNER.share)
    this.#owners.set(createdBy, owner)
    const all = [its.allowance, owner, this.#node]
    const inTurn = this.#turns.of(createdBy)
    return {
      allowance: {
        at: (now) => Math.min(...all.map((one) => one.at(now))),
        // Each of them, also where another one is used up.
        spend: (micros) => all.map((one) => one.spend(micros)).every((isLeft) => isLeft)
      },
      inTurn: (effect) => its.turn.withPermit(inTurn(effect))
    }
  }

  /** All others are gone now, in milliseconds since 1970; those that went long ago are forgotten. */
  keep(names: ReadonlySet<string>, now: number): void {
    for (const [name, its] of [...this.#topics]) {
      if (names.has(name)) its.goneAt = undefined
      else if (its.goneAt === undefined) {
        its.goneAt = now
        this.#topics.delete(name)
        this.#topics.set(name, its)
      }
    }
    const gone = [...this.#topics].filter(([, { goneAt }]) => goneAt !== undefined)
    for (const [at, [name, { goneAt }]] of gone.entries())
      if (at < gone.length - GONE || now - goneAt! >= REMEMBERED) this.#topics.delete(name)
    const owners = new Set([...this.#topics.values()].map(({ owner }) => owner))
    for (const owner of this.#owners.keys()) if (!owners.has(owner)) this.#owners.delete(owner)
  }
}
