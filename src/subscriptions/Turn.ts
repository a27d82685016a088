/**
 * One look at all that waits: what goes out now and to whom, what is to be read, and why the rest stays. Pure state.
 *
 *   DP1, DP2, DP4, DP5 in Dispatch.ts
 *   DZ1  What may not go holds back all behind it of its lane for the rest of the look, whatever becomes possible meanwhile; it holds back nothing
 *        else, and nobody else.
 *   DZ2  What is read ahead is bounded in bytes: bodies of what can't go now give way to what can.
 */
import { type Consumer, type Consumers, roomOf } from "./Consumers.ts"
import type { Cursor } from "./Cursor.ts"
import type { Item } from "./Item.ts"
import { Outgoing } from "./Outgoing.ts"
import type { Definition } from "./Subscription.ts"

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
}

export class Turn<B> {
  readonly outgoing: Outgoing<B>
  readonly wants = new Map<Cursor<B>, number>()
  wake: number | undefined
  blocked: Blocked = ""
  readonly #options: TurnOptions<B>
  /** What consumers may still get, all together. */
  #room = 0
  #heldByLane = 0
  #held = 0
  #full = false

  constructor(options: TurnOptions<B>) {
    this.#options = options
    this.outgoing = new Outgoing(options.token)
    for (const one of options.dispatch.consumers.all) {
      // Its turn may have become another's, or have passed.
      const { reserved } = one
      const has = reserved?.stage === "out" && reserved.session === one.session
      const waits = reserved?.stage === "waiting" && reserved.alone && reserved.due <= options.now
      if (!has && !(waits && [one, undefined].includes(options.dispatch.consumers.ownerOf(reserved))))
        one.reserved = undefined
      this.#room += roomOf(one)
    }
  }

  /** Each, beginning with another one every time. */
  lookAll(cursors: ReadonlyArray<Cursor<B>>, first: number): void {
    for (let at = 0; at < cursors.length; at++) this.look(cursors[(first + at) % cursors.length]!)
    this.end(cursors)
  }

  look(cursor: Cursor<B>): void {
    if (cursor.draining) return
    const { dispatch, budget } = this.#options
    const { waiting } = cursor
    const held = new Set<number>()
    const stay: Array<Item<B>> = []
    const far: Array<Item<B>> = []
    let at = 0
    for (; at < waiting.length && this.#room > 0; at++) {
      const item = waiting[at]!
      if (dispatch.inFlight >= dispatch.maxInFlight) {
        this.#full = true // DP5
        break
      }
      const behind = item.lane !== undefined && held.has(item.lane)
      const why = behind ? "lane" : this.#try(cursor, item)
      if (why === undefined) continue
      stay.push(item)
      if (item.lane !== undefined) held.add(item.lane) // DZ1
      this.#held++
      if (why === "lane") this.#heldByLane++
      if (why !== "near") far.push(item)
    }
    if (stay.length < at) {
      const rest = waiting.slice(at)
      waiting.length = 0
      for (const item of stay) waiting.push(item)
      for (const item of rest) waiting.push(item)
    }
    if (dispatch.bytes > budget / 2) for (const item of far) cursor.empty(item) // DZ2
    if (this.wants.has(cursor) || this.#room <= 0 || this.#full || cursor.full) return
    if (dispatch.bytes < budget) this.wants.set(cursor, cursor.scan)
  }

  /** Undefined: it went. near: it goes as soon as something is written or read. lane: others of its lane come first. later: all else. */
  #try(cursor: Cursor<B>, item: Item<B>): "near" | "lane" | "later" | undefined {
    const { now, dispatch } = this.#options
    if (item.due > now) {
      this.wake = Math.min(this.wake ?? item.due, item.due) // DP2
      return "lane"
    }
    const consumer = this.#consumerFor(cursor, item)
    if (typeof consumer === "string") return consumer
    const version = dispatch.version + 1
    const before = cursor.version
    const isKept = cursor.isKept(item, dispatch.durable, version) // DP1
    if (cursor.version !== before) dispatch.version = version
    if (!isKept) return "near"
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
    this.#room--
    return undefined
  }

  #consumerFor(cursor: Cursor<B>, item: Item<B>): Consumer<B> | "lane" | "later" | "near" {
    const { consumers } = this.#options.dispatch
    const last = this.#isLast(item)
    const takes = (one: Consumer<B>) => roomOf(one) > 0 && (one.reserved === undefined || one.reserved === item)
    const owner = consumers.ownerOf(item)
    const lane = cursor.lane(item)
    if (owner !== undefined && lane?.mayGo(item, owner.session) === false) return "lane"
    if (last && !item.alone) {
      item.alone = true
      item.version = cursor.version = ++this.#options.dispatch.version
      return "near"
    }
    if (owner !== undefined) {
      if (!takes(owner)) return "later"
      return last ? this.#alone(owner, item) : owner
    }
    const idle = last ? consumers.next((one) => takes(one) && one.out === 0) : undefined
    const reserved = idle ?? consumers.all.find((one) => last && one.reserved === item)
    const next = reserved ?? consumers.next(takes)
    if (next === undefined) return "later"
    return last ? this.#alone(next, item) : next
  }

  /** Nothing else goes to that consumer until it has this, and nothing else is with it then. DP4 */
  #alone(consumer: Consumer<B>, item: Item<B>): Consumer<B> | "later" {
    for (const one of this.#options.dispatch.consumers.all)
      if (one.reserved === item && one !== consumer) one.reserved = undefined
    consumer.reserved = item
    return consumer.out === 0 ? consumer : "later"
  }

  #isLast({ attempts }: Item<B>): boolean {
    const { maxAttempts } = this.#options.subscription
    return maxAttempts === 1 ? attempts >= 1 : attempts >= maxAttempts - 1
  }

  end(cursors: ReadonlyArray<Cursor<B>>): void {
    if (this.#full) this.blocked = "blocked_on_acks"
    else if (cursors.some(({ full }) => full)) this.blocked = "blocked_on_holes"
    else if (this.outgoing.deliveries.length === 0 && this.#held > 0 && this.#held === this.#heldByLane)
      this.blocked = "blocked_on_keys"
  }
}
