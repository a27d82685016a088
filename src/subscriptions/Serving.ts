/**
 * One subscription as this node serves it: the machine, the shares that the node has, and consumers that are connected to it. State of `Consuming`.
 *
 *   SQ1  What is on its way to consumers, and what is read ahead, is bounded in bytes.
 *   SQ2  A receipt is answered as durable when the answers that came with it are, and as lost when this node had to give their share up before. Of a
 *        write that found a share to be another's, or under another token by now, nothing is told: not even of the other shares.
 *   SQ3  Events on their way to the dead letters are bounded in bytes, of a node and of one subscription; a node writes no more of them at once.
 */
import type { Bounds, GapReason } from "../topics/Piece.ts"
import { Absent } from "./Absent.ts"
import type { Answer } from "./Answer.ts"
import type { Cursor } from "./Cursor.ts"
import type { Claimed, Standing } from "./CursorStore.ts"
import { Dispatch } from "./Dispatch.ts"
import type { Body, Gathered } from "./Gathered.ts"
import { Hands } from "./Hands.ts"
import { Heard, sendAway } from "./Heard.ts"
import { cursorOf, type Held, keepTo, standingOf } from "./Held.ts"
import type { Read } from "./Item.ts"
import { letterRoom } from "./Letters.ts"
import { missingOf } from "./Missing.ts"
import type { Polled } from "./Polled.ts"
import type { SavedCursor } from "./SavedCursor.ts"
import { moved, Saving } from "./Saving.ts"
import { Seat } from "./Seat.ts"
import { isSingle, type Subscription } from "./Subscription.ts"
import type { Tally } from "./Tally.ts"

/** Bytes of events that wait for their turn, of one subscription. SQ1 */
export const BUDGET = 4_194_304
/** Consumers of a node that others are told of. AZ1 */
const LIVES = 256

export interface ServingOptions {
  readonly tally?: Tally
  /** Of the node, for dead letters. SQ3 */
  readonly room?: ReturnType<typeof letterRoom>
  /** Milliseconds from its clock to those since 1970: what is kept is by these. */
  readonly skew?: () => number
}

const keyOf = ({ slice: { partition, from } }: Pick<Cursor<Body>, "slice">): string => `${partition}/${from}`

export class Serving {
  readonly machine: Dispatch<Body>
  readonly seats = new Map<string, Seat>()
  readonly held = new Map<number, Held>()
  /** Milliseconds by when each of these is given up. */
  readonly leaving = new Map<number, number>()
  readonly absent: Absent
  readonly saving: Saving
  subscription: Subscription
  readonly #wake: () => void
  readonly #skew: () => number
  readonly #heard: Heard
  /** Its status, and why nothing goes out, as it was told last. */
  shown = ""
  /** That it has in all, whoever holds them. */
  shares = 0
  readonly hands = new Hands()
  /** Milliseconds: until then what it has is its own for sure. SO3, LZ1 */
  holds = Number.NEGATIVE_INFINITY
  /** Of the topic, where each partition ended when it was looked at last. */
  ends: ReadonlyMap<number, number> = new Map()
  /** Milliseconds. */
  #now: number

  /** `now`: milliseconds by a clock that does not jump, as is each that it is told later. */
  constructor(subscription: Subscription, now: number, wake: () => void, options: ServingOptions = {}) {
    const { tally, room = letterRoom(), skew = () => 0 } = options
    this.subscription = subscription
    ;[this.#wake, this.#now, this.#skew] = [wake, now, skew]
    // Larger than those of the processes before.
    const tokens = (now + skew()) * 1_024
    this.machine = new Dispatch(subscription, { budget: BUDGET, tokens, ...(tally && { tally }) })
    this.#heard = new Heard(this.machine, subscription)
    this.saving = new Saving(this.machine, { id: subscription.id, room, skew })
    if (subscription.pausedUntil !== null) this.machine.pausedUntil = subscription.pausedUntil - skew()
    this.absent = new Absent((session, counts) => this.machine.leave(session, this.#now, counts))
  }

  /** What somebody who comes has read of it: that it is not stopped. */
  heard(subscription: Subscription): void {
    this.#heard.coming(subscription, this.#skew())
  }

  /** Undefined: somebody else has it, and it is exclusive. `life`: 0 where it says none. */
  join(name: string, session: string, now: number, life = 0): Seat | undefined {
    this.#now = now
    this.absent.seen([life])
    if (this.subscription.type === "exclusive") this.absent.late(now, true)
    const before = this.machine.consumers.named(name)
    const old = before === undefined ? undefined : this.seats.get(before.session)
    if (!this.machine.join(name, session, now, life === 0 || old?.life !== life)) return undefined
    old?.end("replaced")
    if (before !== undefined) this.seats.delete(before.session)
    const seat = new Seat(session, life, this.#wake)
    this.seats.set(session, seat)
    this.shown = ""
    return seat
  }

  /** `counts`: its connection broke. AZ1 */
  leave(session: string, now: number, counts: boolean): void {
    const life = this.seats.get(session)?.life ?? 0
    this.seats.delete(session)
    this.#now = now
    if (counts && life !== 0 && this.machine.consumers.get(session) !== undefined) this.absent.add(session, life, now)
    else this.machine.leave(session, now, counts)
  }

  /** Of those that say so, the newest. */
  get lives(): ReadonlyArray<number> {
    return [...this.seats.values()].flatMap(({ life }) => (life === 0 ? [] : [life])).slice(-LIVES)
  }

  answer(session: string, answers: ReadonlyArray<Answer>, receipt: number | undefined, now: number): void {
    const seat = this.seats.get(session)
    if (seat === undefined) return
    for (const answer of answers)
      for (const refused of this.machine.answer(answer, session, now)) seat.offer({ is: "refused", refused })
    if (receipt === undefined) return
    if (this.isDirty) this.saving.receipts.add(seat, receipt, this.machine.version)
    else seat.offer({ is: "durable", receipt })
  }

  /** What the store says of it. Returns shares to be claimed. Wakes its look where that may find something new. */
  stand(standing: Standing, run: string, now: number): ReadonlyArray<number> {
    const shown = () => `${standingOf(this.machine, this)} ${this.absent.size}`
    const before = shown()
    const wanted = this.#stand(standing, run, now)
    if (shown() !== before) this.#wake()
    return wanted
  }

  #stand(standing: Standing, run: string, now: number): ReadonlyArray<number> {
    const { subscription, nodes } = standing
    this.#now = now
    for (const node of nodes) if (node.run !== run) this.absent.seen(node.lives)
    if (subscription.epoch !== this.subscription.epoch) for (const share of [...this.held.keys()]) this.lose(share)
    if (this.#heard.standing(standing, this.subscription, now)) this.become(subscription)
    if (this.machine.status === "stopped") sendAway(this.seats, this.machine, now)
    for (const share of this.hands.hear(standing, run, this.held)) this.lose(share)
    const until = now + subscription.ackTimeoutMillis
    this.hands.missing = keepTo(this.hands.quota(run, nodes), this, until, (cursor) => this.machine.drain(cursor))
    this.shares = this.hands.count
    this.#bound()
    return this.hands.wanted(this.held)
  }

  /** What is said of it, as it is by now: told to the machine where that has heard of an older version, whoever brings it. SI4 */
  become(subscription: Subscription): void {
    this.subscription = subscription
    if (subscription.version !== this.machine.subscription.version) this.machine.change(subscription)
  }

  #bound(): void {
    const { maxInFlight } = this.subscription
    this.machine.maxInFlight = Math.max(1, Math.floor((maxInFlight * this.held.size) / Math.max(1, this.shares)))
  }

  /** Partitions of the topic of which it has cursors, as far as is known here. */
  get partitions(): number {
    const { slices, type } = this.subscription
    return isSingle(type) ? (this.held.get(0)?.cursors.size ?? Number.POSITIVE_INFINITY) : this.shares / slices
  }

  /** `ends`: of each partition, where its log ends. */
  claimed({ share, token, epoch, cursors }: Claimed, ends: ReadonlyMap<number, number>): void {
    if (epoch !== this.subscription.epoch) return
    const held = this.held.get(share) ?? { token, cursors: new Map(), going: false }
    held.token = token
    this.held.set(share, held)
    this.hands.came(share)
    for (const { slice, saved } of cursors) {
      if (held.cursors.has(keyOf({ slice }))) continue
      this.#add(held, share, slice, moved(saved, -this.#skew()), ends.get(slice.partition) ?? saved.mark)
    }
    this.#bound()
    this.#wake()
  }

  #add(held: Held, share: number, slice: Cursor<Body>["slice"], saved: SavedCursor, end: number): void {
    const cursor = cursorOf(this.subscription, { slice, share, end }, saved)
    held.cursors.set(keyOf(cursor), cursor)
    this.saving.floors.set(cursor, saved.floor)
    this.machine.cursors.add(cursor)
  }

  /** Of another history of its partition: it goes on from there. */
  renew(cursor: Cursor<Body>, saved: SavedCursor): void {
    const held = this.held.get(cursor.share)
    if (held === undefined) return
    this.#forget(cursor)
    this.#add(held, cursor.share, cursor.slice, saved, saved.floor)
    // Kept, so that a node that comes after this one begins there, too.
    const renewed = held.cursors.get(keyOf(cursor))!
    renewed.version = ++this.machine.version
  }

  #forget(cursor: Cursor<Body>): void {
    this.machine.drop(cursor)
    this.saving.forget(cursor)
  }

  /** It is another node's. SQ2 */
  lose(share: number): void {
    for (const cursor of this.held.get(share)?.cursors.values() ?? []) this.#forget(cursor)
    this.leaving.delete(share)
    if (!this.held.delete(share)) return
    this.hands.went(share)
    this.saving.receipts.lost()
  }

  /** Of a share that is to be given up: whether nothing more of it is under way. */
  isIdle(share: number): boolean {
    return [...(this.held.get(share)?.cursors.values() ?? [])].every((cursor) => cursor.isIdle)
  }

  /** `holds`: whether its shares are its own still; if not, nothing goes out. */
  poll(now: number, holds = true): Polled<Body> {
    this.#now = now
    this.absent.late(now)
    for (const one of this.machine.consumers.all) {
      const seat = this.seats.get(one.session)
      one.stalled = seat === undefined || seat.isFull || seat.isEnded // SQ1
    }
    const polled = this.machine.poll(now, holds)
    const floorOf = this.saving.floors.look(this.subscription.slices)
    for (const { session, token, cursor, events } of polled.deliveries) {
      const { logEpoch, slice } = cursor
      const its = events.map(({ offset, attempt, body }) => ({ offset, attempt, ...body }))
      this.seats.get(session)?.offer({
        ...{ is: "delivery", token, partition: slice.partition, logEpoch, events: its },
        ...{ floor: floorOf(slice.partition, logEpoch), epoch: this.subscription.epoch }
      })
    }
    for (const { session, cursor, offset, hash } of this.machine.recalls.splice(0)) {
      const { logEpoch, slice } = cursor
      this.seats.get(session)?.offer({ is: "recall", partition: slice.partition, logEpoch, offset, hash })
    }
    this.#show(polled.blocked)
    const wakes = [polled.wake, this.absent.next, ...this.leaving.values()].filter((at) => at !== undefined)
    return { ...polled, wake: wakes.length === 0 ? undefined : Math.min(...wakes) }
  }

  #show(blocked: Polled<Body>["blocked"]): void {
    const { status } = this.machine
    const reason = status === "error" ? this.machine.reason : ""
    const shown = `${status} ${blocked} ${reason}`
    if (shown === this.shown) return
    this.shown = shown
    for (const seat of this.seats.values()) seat.offer({ is: "state", status, blocked, reason })
  }

  offer(partition: number, from: number, to: number, reads: ReadonlyArray<Read<Body>>): void {
    for (const cursor of this.machine.cursors)
      if (cursor.slice.partition === partition && !cursor.draining) this.machine.offer(cursor, from, to, reads)
  }

  /** Told once, however many slices miss it, to whoever would get what is missing. */
  gap(partition: number, from: number, to: number, why: Exclude<GapReason, "epoch">): void {
    let logEpoch: number | undefined
    for (const cursor of this.machine.cursors) {
      if (cursor.slice.partition !== partition || cursor.floor >= to) continue
      this.machine.gap(cursor, from, to)
      logEpoch = cursor.logEpoch
    }
    if (logEpoch === undefined || why === "empty") return
    const { active } = this.machine.consumers
    const seats = active === undefined ? this.seats.values() : [this.seats.get(active.session)]
    for (const seat of seats) seat?.offer({ is: "gap", partition, logEpoch, from, to, why })
  }

  /** How far its log goes. What that keeps no longer holds nobody's place, also where it is with a consumer. */
  bounded(bounds: ReadonlyArray<Bounds>): void {
    this.ends = new Map(bounds.map(({ partition, next }) => [partition, next]))
    for (const { partition, from, to } of missingOf(this.machine.cursors, bounds))
      this.gap(partition, from, to, "retention")
  }

  get isDirty(): boolean {
    return this.saving.isDirty
  }

  /** What has changed since it was written; `clean`: of shares that are given up, all. */
  gather(clean: ReadonlySet<number> = new Set()): Gathered {
    return this.saving.gather((share) => this.held.get(share)?.token, clean)
  }

  /** `lost`: places of those that are another's by now. SQ2 */
  kept(gathered: Gathered, lost: ReadonlySet<number>): void {
    for (const place of lost) {
      const { share } = gathered.cursors[place]!
      if (this.held.get(share)?.token === gathered.flushes[place]!.token) this.lose(share)
    }
    // What is left of it is written again, and says then what is durable.
    if (lost.size === 0) this.saving.kept(gathered)
  }
}
