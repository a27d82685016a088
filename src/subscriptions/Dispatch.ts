/**
 * Hands out what a node has of a subscription to the consumers that are on it, and hears their answers. What it has of it are cursors that come and
 * go with the node's shares. Pure state: time is told to it, and what is to be written is taken from it.
 *
 *   DP1  Nothing goes out before what counts its failures is durable, and nothing beyond the durable mark. CB2
 *   DP2  What failed waits as long as was said, by this clock: never less.
 *   DP3  What has used up its attempts, or was rejected, goes to the dead letters once; where there are none, nothing more goes out.
 *   DP4  The last attempt is made alone: nothing else is with that consumer, so none dies of another's fault.
 *   DP5  No more is with consumers than may be, and when that is why nothing goes out it is said, as is every other reason.
 *   DP6  What is done comes no more, what isn't comes again: after a crash of a consumer, of the node, or both.
 */
import type { Answer, Refused } from "./Answer.ts"
import { Consumers } from "./Consumers.ts"
import type { Cursor } from "./Cursor.ts"
import type { DeadReason } from "./DeadLetter.ts"
import { fateOf } from "./Fates.ts"
import { Graves } from "./Graves.ts"
import { Handed } from "./Handed.ts"
import { type Item, placeOf, type Read } from "./Item.ts"
import type { DispatchOptions, Polled, Recall } from "./Polled.ts"
import { Rounds } from "./Rounds.ts"
import { CAUSE } from "./SavedCursor.ts"
import { stopText } from "./Stopped.ts"
import { backoffOf, type Subscription, type SubscriptionStatus, statusAt } from "./Subscription.ts"
import { noTally, type Tally } from "./Tally.ts"
import { Turn } from "./Turn.ts"

export class Dispatch<B> {
  readonly consumers: Consumers<B>
  readonly cursors = new Set<Cursor<B>>()
  readonly recalls: Array<Recall<B>> = []
  status: SubscriptionStatus
  pausedUntil: number | null
  /** Why it is in error. */
  reason = ""
  /** Of all nodes' deliveries, this one's part. DP5 */
  maxInFlight: number
  version = 0
  durable = 0
  subscription: Subscription
  readonly #handed: Handed<B>
  readonly graves = new Graves<B>()
  readonly #budget: number
  readonly #tally: Tally
  #token: number
  readonly #rounds = new Rounds<B>()

  constructor(subscription: Subscription, { budget, tokens, tally = noTally() }: DispatchOptions) {
    this.subscription = subscription
    this.status = subscription.status
    this.pausedUntil = subscription.pausedUntil
    this.reason = subscription.reason
    this.maxInFlight = subscription.maxInFlight
    this.consumers = new Consumers(subscription.type)
    this.#handed = new Handed(subscription.ackTimeoutMillis)
    this.#budget = budget
    this.#tally = tally
    this.#token = tokens
  }

  /** To be among the dead letters: `bury` each. DP3 */
  get dead(): ReadonlyMap<Item<B>, Cursor<B>> {
    return this.graves.dead
  }

  get inFlight(): number {
    return this.#handed.size
  }

  get bytes(): number {
    let sum = 0
    for (const { bytes } of this.cursors) sum += bytes
    return sum
  }

  /** As it is said to be from now on. SI4 */
  change(subscription: Subscription): void {
    this.subscription = subscription
    this.#handed.lasts(subscription.ackTimeoutMillis)
    for (const cursor of this.cursors) {
      cursor.maxAttempts = subscription.maxAttempts
      for (const item of [...cursor.items.values()]) if (item.stage === "waiting") this.#dieIfSpent(cursor, item)
    }
  }

  #dieIfSpent(cursor: Cursor<B>, item: Item<B>): void {
    const { maxAttempts, deadLetterTopic } = this.subscription
    const why = item.dead ?? (item.attempts >= maxAttempts ? "attempts" : undefined)
    item.dead = undefined
    if (why !== undefined && deadLetterTopic !== "") this.#die(cursor, item, why)
  }

  /** False: somebody else has an exclusive subscription. `counts`: what one of that name had that is there, as in `leave`. */
  join(name: string, session: string, now: number, counts = true): boolean {
    const before = this.consumers.named(name)
    if (before !== undefined) this.leave(before.session, now, counts)
    if (this.subscription.type === "exclusive" && this.consumers.size > 0) return false
    this.consumers.add(name, session)
    return true
  }

  /** `counts`: what it had may have been why. DP6 */
  leave(session: string, now: number, counts: boolean): void {
    this.consumers.delete(session)
    for (const [item, cursor] of this.#handed.of((one) => one.session === session)) {
      if (item.stage === "recalled") this.#back(cursor, item)
      else if (!counts) this.#release(cursor, item, now)
      else {
        this.#tally.broken++
        this.#fail(cursor, item, now, backoffOf(this.subscription, item.attempts), "its consumer left")
      }
    }
  }

  offer(cursor: Cursor<B>, from: number, to: number, reads: ReadonlyArray<Read<B>>): void {
    for (const item of cursor.offer(from, to, reads, ++this.version)) this.#dieIfSpent(cursor, item)
  }

  /** There is nothing of [from, to) any more. */
  gap(cursor: Cursor<B>, from: number, to: number): void {
    for (const item of cursor.gap(from, to, ++this.version)) this.#gone(item)
  }

  /** Its share is another node's, or its position was set anew. */
  drop(cursor: Cursor<B>): void {
    this.cursors.delete(cursor)
    for (const item of [...cursor.items.values()]) {
      cursor.forget(item)
      this.#gone(item)
    }
  }

  #gone(item: Item<B>): void {
    this.#hand(item)
    this.graves.forget(item)
  }

  /** Nothing more of it goes out: it is given up as soon as it is idle. */
  drain(cursor: Cursor<B>): void {
    cursor.draining = true
    for (const one of this.consumers.all) if (one.reserved?.stage === "waiting") one.reserved = undefined
  }

  /** Answers of one delivery. Those that are refused change nothing. DI1 */
  answer(
    { kind, token, first, last, delayMillis, reason }: Answer,
    session: string,
    now: number
  ): ReadonlyArray<Refused> {
    const handing = this.#handed.get(token)
    if (handing === undefined || handing.session !== session) return [{ token, first, last, why: "late" }]
    const { cursor, items } = handing
    const refused: Array<Refused> = []
    for (let at = placeOf(items, first); at < items.length && items[at]!.offset <= last; at++) {
      const item = items[at]!
      const refuse = (why: Refused["why"]) => refused.push({ token, first: item.offset, last: item.offset, why })
      if (item.token !== token) refuse("late")
      else if (item.stage === "recalled") {
        if (kind !== "release" && kind !== "fail") refuse("recalled") // LC3
        if (kind !== "extend") this.#back(cursor, item)
      } else if (kind === "accept") this.#accept(cursor, item, now)
      else if (kind === "extend") this.#handed.extend(cursor, item, now)
      else if (kind === "release") this.#release(cursor, item, now, delayMillis)
      else if (kind === "fail") {
        this.#tally.failed++
        const delay = delayMillis ?? backoffOf(this.subscription, item.attempts + 1)
        this.#fail(cursor, item, now, delay, reason ?? "")
      } else this.#reject(cursor, item, now, reason ?? "")
    }
    this.#tally.refused += refused.length
    return refused
  }

  /** No consumer has it any more. */
  #hand(item: Item<B>): void {
    if (item.token === 0) return
    const consumer = this.consumers.get(item.session)
    this.#handed.give(item)
    if (consumer === undefined) return
    consumer.out--
    if (consumer.reserved === item) consumer.reserved = undefined
  }

  #accept(cursor: Cursor<B>, item: Item<B>, now: number): void {
    const lane = cursor.lane(item)
    this.#tally.accepted++
    this.#tally.told?.(fateOf(this.subscription, cursor, item, now, "delivered"))
    this.#hand(item)
    cursor.finish(item, ++this.version)
    if (lane?.first?.stage === "out") this.#handed.extend(cursor, lane.first, now) // DI2
  }

  /** What went out behind it is called back. LC3 */
  #recall(cursor: Cursor<B>, item: Item<B>): void {
    const recalled = cursor.lane(item)?.recall(item) ?? []
    const hash = Math.max(0, item.lane ?? 0)
    const sessions = new Set(recalled.map(({ session }) => session))
    for (const session of sessions)
      if (this.consumers.get(session) !== undefined) this.recalls.push({ session, cursor, offset: item.offset, hash })
  }

  #back(cursor: Cursor<B>, item: Item<B>): void {
    this.#hand(item)
    cursor.back(item)
  }

  #release(cursor: Cursor<B>, item: Item<B>, now: number, delay = 0): void {
    this.#tally.released++
    item.due = Math.max(item.due, now + delay)
    if (item.alone) {
      item.alone = false
      item.version = cursor.version = ++this.version
    }
    this.#back(cursor, item)
    this.#recall(cursor, item)
  }

  #count(cursor: Cursor<B>, item: Item<B>, now: number, cause: string, isLast: boolean): void {
    this.#tally.told?.(fateOf(this.subscription, cursor, item, now, isLast ? "failed" : "retrying", cause))
    this.#hand(item)
    cursor.change(item, { attempts: item.attempts + 1 })
    item.cause = cause.slice(0, CAUSE).toWellFormed().replaceAll("\u0000", "\ufffd")
    item.alone = false
    item.version = cursor.version = ++this.version
  }

  #fail(cursor: Cursor<B>, item: Item<B>, now: number, delay: number, cause: string): void {
    this.#count(cursor, item, now, cause, item.attempts + 1 >= this.subscription.maxAttempts)
    item.due = now + delay
    this.#recall(cursor, item)
    if (item.attempts >= this.subscription.maxAttempts) this.#die(cursor, item, "attempts")
    else cursor.back(item)
  }

  #reject(cursor: Cursor<B>, item: Item<B>, now: number, cause: string): void {
    this.#tally.rejected++
    this.#count(cursor, item, now, cause, true)
    item.due = now
    this.#recall(cursor, item)
    this.#die(cursor, item, "rejected")
  }

  /** DP3 */
  #die(cursor: Cursor<B>, item: Item<B>, why: DeadReason): void {
    if (this.subscription.deadLetterTopic !== "") {
      this.graves.die(cursor, item, why)
      return
    }
    cursor.back(item)
    this.status = "error"
    this.reason = stopText(this.subscription, cursor, item, why)
  }

  /** It is written among the dead letters with the state that is saved next, or not at all. */
  bury(item: Item<B>): void {
    this.graves.bury(item, ++this.version)
  }

  /** What was saved of this version is durable, with these marks. Returns what is among the dead letters by that. */
  kept(version: number, marks: ReadonlyMap<Cursor<B>, number>): ReadonlyArray<Item<B>> {
    this.durable = Math.max(this.durable, version)
    for (const [cursor, mark] of marks) cursor.kept(mark)
    return this.graves.kept(version)
  }

  /** What goes out now. `holds`: whether what it has is still its own; if not, nothing does. */
  poll(now: number, holds = true): Polled<B> {
    for (let late = this.#handed.late(now); late !== undefined; late = this.#handed.late(now)) {
      const [item, cursor] = late
      if (item.stage === "recalled") this.#back(cursor, item)
      else {
        this.#tally.expired++
        this.#fail(cursor, item, now, backoffOf(this.subscription, item.attempts), "it was not answered in time")
      }
    }
    const { round } = this.#rounds
    const turn = new Turn<B>({
      ...{ now, dispatch: this, subscription: this.subscription, budget: this.#budget, round },
      token: () => ++this.#token,
      hand: (cursor, item, session, token) => {
        this.#tally.delivered++
        if (item.attempts > 0) this.#tally.again++
        this.#handed.take(cursor, item, session, token, now)
      }
    })
    if (holds && statusAt(this, now) === "active") this.#rounds.look(turn, this.cursors)
    else this.#rounds.rest()
    const wakes = [round.wake, this.#handed.next, this.status === "paused" ? this.pausedUntil : undefined]
    const later = wakes.filter((at) => typeof at === "number" && at > now) as Array<number>
    return {
      deliveries: turn.outgoing.deliveries,
      wake: later.length === 0 ? undefined : Math.min(...later),
      blocked: this.#rounds.blocked,
      more: this.#rounds.more,
      wants: turn.wants
    }
  }
}
