/**
 * One look at all that waits: what goes out now and to whom, what is to be read, and why the rest stays. Pure state.
 *
 *   DP1, DP2, DP4, DP5 in Dispatch.ts, DZ3 in Takers.ts
 *   DZ1  What may not go holds back all behind it of its lane for the rest of the look, whatever becomes possible meanwhile; it holds back nothing
 *        else, and nobody else.
 *   DZ2  What is read ahead is bounded in bytes: bodies of what can't go now give way to what can.
 */
import { type Consumer, type Consumers, roomOf } from "./Consumers.ts"
import type { Cursor } from "./Cursor.ts"
import type { Item } from "./Item.ts"
import { Outgoing } from "./Outgoing.ts"
import type { Round } from "./Rounds.ts"
import type { Definition } from "./Subscription.ts"
import { LOOKED, Takers } from "./Takers.ts"

/** Why nothing goes out although there is something. */
export type Blocked = "" | "blocked_on_acks" | "blocked_on_holes" | "blocked_on_keys"

export interface TurnOptions<B> {
  /** Milliseconds. */
  readonly now: number
  readonly dispatch: {
    readonly consumers: Consumers<B>
    readonly inFlight: number
    readonly maxInFlight: number
    readonly bytes: number
    readonly durable: number
    version: number
  }
  readonly subscription: Pick<Definition, "maxAttempts">
  /** Bytes of bodies that wait. */
  readonly budget: number
  readonly token: () => number
  readonly hand: (cursor: Cursor<B>, item: Item<B>, session: string, token: number) => void
  readonly round: Round
}

/** near: it goes as soon as something is written or read. mark: so does it, and all behind it. lane: others of its lane come first. later: all else. */
type Why = "near" | "mark" | "lane" | "later"

export class Turn<B> {
  readonly outgoing: Outgoing<B>
  readonly wants = new Map<Cursor<B>, number>()
  readonly #options: TurnOptions<B>
  readonly #takers: Takers<B>
  #looked = 0
  #full = false
  /** Of bodies that wait: those of the cursors but the one that is looked at. */
  #bytes: number

  constructor(options: TurnOptions<B>) {
    this.#options = options
    this.outgoing = new Outgoing(options.token)
    this.#bytes = options.dispatch.bytes
    for (const one of options.dispatch.consumers.all) {
      // Its turn may have become another's, or have passed.
      const { reserved } = one
      const has = reserved?.stage === "out" && reserved.session === one.session
      const waits = reserved?.stage === "waiting" && reserved.alone && reserved.due <= options.now
      if (!has && !(waits && [one, undefined].includes(options.dispatch.consumers.ownerOf(reserved))))
        one.reserved = undefined
    }
    this.#takers = new Takers(options.dispatch.consumers.inTurn)
  }

  /** DZ3 */
  get isOver(): boolean {
    return this.#looked >= LOOKED
  }

  /** Whether anybody takes anything still. */
  get isUseless(): boolean {
    return this.#takers.room <= 0 || this.#full
  }

  look(cursor: Cursor<B>): void {
    if (cursor.draining) return
    this.#bytes -= cursor.bytes
    this.#look(cursor)
    this.#bytes += cursor.bytes
  }

  #look(cursor: Cursor<B>): void {
    const { dispatch, budget, round } = this.#options
    const { waiting } = cursor
    const held = new Set<number>()
    const stay: Array<Item<B>> = []
    const far: Array<Item<B>> = []
    const takers = this.#takers
    let at = 0
    let beyond = 0
    // What is beyond the mark takes nothing now, and more of it than there is room for is of no use.
    while (at < waiting.length && takers.room > beyond) {
      const item = waiting[at]!
      if (dispatch.inFlight >= dispatch.maxInFlight) {
        this.#full = true // DP5
        break
      }
      at++
      this.#looked++
      const behind = item.lane !== undefined && held.has(item.lane)
      const why = behind ? "lane" : this.#try(cursor, item)
      if (why === undefined) continue
      takers.passed(item)
      stay.push(item)
      if (item.lane !== undefined) held.add(item.lane) // DZ1
      round.held++
      if (why === "lane") round.heldByLane++
      if (why === "mark") beyond++
      if (why === "lane" || why === "later") far.push(item)
    }
    if (stay.length < at) {
      const rest = waiting.slice(at)
      waiting.length = 0
      for (const item of stay) waiting.push(item)
      for (const item of rest) waiting.push(item)
    }
    if (this.#bytes + cursor.bytes > budget / 2) for (const item of far) cursor.empty(item) // DZ2
    if (this.wants.has(cursor) || this.isUseless || cursor.full) return
    if (this.#bytes + cursor.bytes < budget) this.wants.set(cursor, cursor.scan)
  }

  /** Undefined: it went. */
  #try(cursor: Cursor<B>, item: Item<B>): Why | undefined {
    const { now, dispatch } = this.#options
    if (item.due > now) {
      const { round } = this.#options
      round.wake = Math.min(round.wake ?? item.due, item.due) // DP2
      return "lane"
    }
    const consumer = this.#consumerFor(cursor, item)
    if (typeof consumer === "string") return consumer
    const version = dispatch.version + 1
    const before = cursor.version
    const isKept = cursor.isKept(item, dispatch.durable, version) // DP1
    if (cursor.version !== before) dispatch.version = version
    if (!isKept) return item.offset >= cursor.durableMark ? "mark" : "near"
    const { body } = item
    if (body === undefined) {
      if (!this.wants.has(cursor)) this.wants.set(cursor, item.offset)
      return "near"
    }
    const { session } = consumer
    cursor.went(item)
    cursor.change(item, { stage: "out" })
    this.#options.hand(cursor, item, session, this.outgoing.put(cursor, session, item, body))
    consumer.sent++
    consumer.out++
    this.#takers.gave(consumer)
    this.#options.dispatch.consumers.served(consumer)
    this.#options.round.went++
    return undefined
  }

  #consumerFor(cursor: Cursor<B>, item: Item<B>): Consumer<B> | Why {
    const { consumers } = this.#options.dispatch
    const takers = this.#takers
    const last = this.#isLast(item)
    const owner = consumers.ownerOf(item)
    const lane = cursor.lane(item)
    if (owner !== undefined && lane?.mayGo(item, owner.session) === false) return "lane"
    if (last && !item.alone) {
      item.alone = true
      item.version = cursor.version = ++this.#options.dispatch.version
      return "near"
    }
    if (owner !== undefined) {
      if (roomOf(owner) === 0 || (owner.reserved !== undefined && owner.reserved !== item)) return "later"
      return last ? this.#alone(owner, item) : owner
    }
    const next = last ? this.#onlyFor(item) : takers.next
    if (next === undefined) return "later"
    return last ? this.#alone(next, item) : next
  }

  /** Whoever is kept for it, where that one has nothing; or another that has nothing, or will. */
  #onlyFor(item: Item<B>): Consumer<B> | undefined {
    const kept = this.#takers.keptFor(item)
    return kept?.out === 0 ? kept : (this.#takers.idle ?? kept ?? this.#takers.next)
  }

  /** Nothing else goes to that consumer until it has this, and nothing else is with it then. DP4 */
  #alone(consumer: Consumer<B>, item: Item<B>): Consumer<B> | "later" {
    this.#takers.keep(consumer, item)
    return consumer.out === 0 ? consumer : "later"
  }

  #isLast({ attempts }: Item<B>): boolean {
    const { maxAttempts } = this.#options.subscription
    return maxAttempts === 1 ? attempts >= 1 : attempts >= maxAttempts - 1
  }

  /** When all were looked at. */
  blocked(cursors: ReadonlyArray<Cursor<B>>): Blocked {
    const { held, heldByLane, went } = this.#options.round
    if (this.#full) return "blocked_on_acks"
    if (cursors.some(({ full }) => full)) return "blocked_on_holes"
    return went === 0 && held > 0 && held === heldByLane ? "blocked_on_keys" : ""
  }
}
