/**
 * One subscription as this node serves it: the machine, the shares that the node has, and the consumers that are connected to it. State, moved by
 * `Consuming`.
 *
 *   SQ1  What is on its way to consumers, and what is read ahead, is bounded in bytes.
 *   SQ2  A receipt is answered as durable when the answers that came with it are, and as lost when this node had to give their share up before.
 */
import type { Bounds, GapReason } from "../topics/Piece.ts"
import { Absent } from "./Absent.ts"
import type { Answer } from "./Answer.ts"
import { Cursor } from "./Cursor.ts"
import type { Claimed, Standing } from "./CursorStore.ts"
import type { Letter } from "./DeadLetter.ts"
import { Dispatch } from "./Dispatch.ts"
import { Floors } from "./Floors.ts"
import type { Body, Gathered } from "./Gathered.ts"
import type { Read } from "./Item.ts"
import type { Polled } from "./Polled.ts"
import { quotasOf } from "./Quotas.ts"
import { Receipts } from "./Receipts.ts"
import type { SavedCursor } from "./SavedCursor.ts"
import { Seat } from "./Seat.ts"
import { isOrdered, isSingle, type Subscription } from "./Subscription.ts"
import type { Tally } from "./Tally.ts"

/** Bytes of events that wait for their turn, of one subscription. SQ1 */
export const BUDGET = 4_194_304

/** Consumers of a node that others are told of. AZ1 */
const LIVES = 256

interface Held {
  token: bigint
  readonly cursors: Map<string, Cursor<Body>>
  /** Milliseconds: it is given up by then, whatever is under way. */
  leaving: number | undefined
}

const keyOf = ({ slice: { partition, from } }: Pick<Cursor<Body>, "slice">): string => `${partition}/${from}`

export class Serving {
  readonly machine: Dispatch<Body>
  readonly seats = new Map<string, Seat>()
  readonly held = new Map<number, Held>()
  readonly absent: Absent
  subscription: Subscription
  /** Of the topic, where it is known. */
  partitions = 0
  readonly #wake: () => void
  readonly #letters = new Map<Cursor<Body>, Array<Letter>>()
  readonly #written = new Map<Cursor<Body>, number>()
  readonly #floors = new Floors()
  readonly #receipts = new Receipts()
  /** Its status, and why nothing goes out, as it was told last. */
  shown = ""
  /** Of the topic, where each partition ended when it was looked at last. */
  ends: ReadonlyMap<number, number> = new Map()
  /** Milliseconds. */
  #now: number

  constructor(subscription: Subscription, now: number, wake: () => void, tally?: Tally) {
    this.subscription = subscription
    this.#wake = wake
    this.#now = now
    this.machine = new Dispatch(subscription, { budget: BUDGET, tokens: now * 1_024, ...(tally && { tally }) })
    this.absent = new Absent((session, counts) => this.machine.leave(session, this.#now, counts))
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
    if (this.isDirty) this.#receipts.add(seat, receipt, this.machine.version)
    else seat.offer({ is: "durable", receipt })
  }

  /** What the store says of it. Returns shares to be claimed. */
  stand({ subscription, nodes, shares }: Standing, run: string, now: number): ReadonlyArray<number> {
    const { status, reason, pausedUntil } = subscription
    this.#now = now
    for (const node of nodes) if (node.run !== run) this.absent.seen(node.lives)
    if (subscription.epoch !== this.subscription.epoch) for (const share of [...this.held.keys()]) this.lose(share)
    const before = this.subscription
    // What was read before this node wrote that it is in error says nothing of it.
    const untold = this.machine.status === "error" && before.status !== "error" && before.epoch === subscription.epoch
    if (subscription.lastActivity >= before.lastActivity) {
      this.subscription = subscription
      if (!untold) Object.assign(this.machine, { status, reason, pausedUntil })
      if (subscription.version !== before.version) this.machine.change(subscription) // SI4
    }
    for (const { share, run: holder, token } of shares) {
      const held = this.held.get(share)
      if (held !== undefined && (holder !== run || token !== held.token)) this.lose(share)
    }
    const quota = quotasOf(shares.length, nodes, shares[0]?.run || undefined).get(run) ?? 0
    const staying = [...this.held].filter(([, { leaving }]) => leaving === undefined)
    for (const one of [...this.held].filter(([, { leaving }]) => leaving !== undefined)) {
      if (staying.length >= quota) break
      one[1].leaving = undefined
      for (const cursor of one[1].cursors.values()) cursor.draining = false
      staying.push(one)
    }
    for (const [, held] of staying.slice(quota)) {
      held.leaving = now + subscription.ackTimeoutMillis
      for (const cursor of held.cursors.values()) this.machine.drain(cursor)
    }
    this.#bound(shares.length)
    if (staying.length >= quota) return []
    const free = shares.filter(({ share, run: holder }) => holder === "" && !this.held.has(share))
    return free.slice(0, quota - staying.length).map(({ share }) => share)
  }

  #bound(shares: number): void {
    const { maxInFlight } = this.subscription
    this.machine.maxInFlight = Math.max(1, Math.floor((maxInFlight * this.held.size) / Math.max(1, shares)))
  }

  /** `ends`: of each partition, where its log ends. */
  claimed({ share, token, epoch, cursors }: Claimed, ends: ReadonlyMap<number, number>, shares: number): void {
    if (epoch !== this.subscription.epoch) return
    const held = this.held.get(share) ?? { token, cursors: new Map(), leaving: undefined }
    held.token = token
    this.held.set(share, held)
    for (const { slice, saved } of cursors) {
      if (held.cursors.has(keyOf({ slice }))) continue
      this.#add(held, share, slice, saved, ends.get(slice.partition) ?? saved.mark)
    }
    this.#bound(shares)
  }

  #add(held: Held, share: number, slice: Cursor<Body>["slice"], saved: SavedCursor, end: number): void {
    const { type, maxAttempts } = this.subscription
    const order = isSingle(type) ? "all" : isOrdered(type) ? "keys" : "unordered"
    const cursor = new Cursor<Body>({ slice, share, maxAttempts, order, end }, saved)
    held.cursors.set(keyOf(cursor), cursor)
    this.#floors.set(cursor, saved.floor)
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
    this.#letters.delete(cursor)
    this.#written.delete(cursor)
    this.#floors.delete(cursor)
  }

  /** It is another node's. SQ2 */
  lose(share: number): void {
    for (const cursor of this.held.get(share)?.cursors.values() ?? []) this.#forget(cursor)
    if (this.held.delete(share)) this.#receipts.lost()
  }

  /** Of a share that is to be given up: whether nothing more of it is under way. */
  isIdle(share: number): boolean {
    return [...(this.held.get(share)?.cursors.values() ?? [])].every((cursor) => this.machine.isIdle(cursor))
  }

  poll(now: number): Polled<Body> {
    this.#now = now
    this.absent.late(now)
    for (const one of this.machine.consumers.all) {
      const seat = this.seats.get(one.session)
      one.stalled = seat === undefined || seat.isFull || seat.isEnded // SQ1
    }
    const polled = this.machine.poll(now)
    const floorOf = this.#floors.look(this.subscription.slices)
    for (const { session, token, cursor, events } of polled.deliveries) {
      const { logEpoch, slice } = cursor
      const its = events.map(({ offset, attempt, body }) => ({ offset, attempt, ...body }))
      this.seats.get(session)?.offer({
        ...{ is: "delivery", token, partition: slice.partition, logEpoch, events: its },
        floor: floorOf(slice.partition, logEpoch)
      })
    }
    for (const { session, cursor, offset, hash } of this.machine.recalls.splice(0)) {
      const { logEpoch, slice } = cursor
      this.seats.get(session)?.offer({ is: "recall", partition: slice.partition, logEpoch, offset, hash })
    }
    this.#show(polled.blocked)
    return polled
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

  gap(partition: number, from: number, to: number, why: Exclude<GapReason, "epoch">): void {
    for (const cursor of this.machine.cursors) {
      if (cursor.slice.partition !== partition || cursor.floor >= to) continue
      this.machine.gap(cursor, from, to)
      const { logEpoch } = cursor
      for (const seat of this.seats.values()) seat.offer({ is: "gap", partition, logEpoch, from, to, why })
    }
  }

  /** What its log keeps no longer holds nobody's place, also where it is with a consumer. */
  trimmed({ partition, epoch, first }: Bounds): void {
    const its = [...this.machine.cursors].filter(({ slice }) => slice.partition === partition)
    const floor = Math.min(...its.map((cursor) => cursor.floor))
    if (floor < first && its.every(({ logEpoch }) => logEpoch === epoch)) this.gap(partition, floor, first, "retention")
  }

  /** It is written with the state that is saved next. */
  bury(item: Parameters<Dispatch<Body>["bury"]>[0], cursor: Cursor<Body>, letter: Letter): void {
    this.machine.bury(item)
    this.#letters.set(cursor, [...(this.#letters.get(cursor) ?? []), letter])
  }

  get isDirty(): boolean {
    return [...this.machine.cursors].some((cursor) => cursor.version > (this.#written.get(cursor) ?? 0))
  }

  /** What has changed since it was written; `clean`: of a share that is given up, all. */
  gather(clean?: number): Gathered {
    // A state that was written already would not be written again.
    const version = clean === undefined ? this.machine.version : ++this.machine.version
    const cursors = [...this.machine.cursors].filter(
      (cursor) =>
        (clean !== undefined && cursor.share === clean) ||
        (cursor.version > (this.#written.get(cursor) ?? 0) && this.held.has(cursor.share))
    )
    const flushes = cursors.map((cursor) => ({
      ...{ id: this.subscription.id, slice: cursor.slice, token: this.held.get(cursor.share)!.token, version },
      ...{ saved: cursor.save(cursor.share === clean), letters: this.#letters.get(cursor) ?? [] }
    }))
    return { version, flushes, cursors, marks: new Map(cursors.map((cursor) => [cursor, cursor.mark])) }
  }

  /** `lost`: places of those that are another's by now. */
  kept({ version, flushes, cursors, marks }: Gathered, lost: ReadonlySet<number>): void {
    for (const [place, cursor] of cursors.entries()) {
      if (lost.has(place)) {
        if (this.held.get(cursor.share)?.token === flushes[place]!.token) this.lose(cursor.share)
        continue
      }
      this.#written.set(cursor, version)
      this.#floors.set(cursor, flushes[place]!.saved.floor)
      const letters = this.#letters.get(cursor)?.slice(flushes[place]!.letters.length) ?? []
      if (letters.length === 0) this.#letters.delete(cursor)
      else this.#letters.set(cursor, letters)
    }
    this.machine.kept(version, marks)
    this.#receipts.kept(version)
  }
}
