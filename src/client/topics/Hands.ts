/**
 * What a consumer has of a subscription: which events wait, which the application has begun, and what is to be answered. Pure state.
 *
 *   QH1  Of a key (and where one consumer has all of a partition, of those without one) one event at a time is begun, in order.
 *   QH2  When one fails, or is handed back, what waits behind it of its key is handed back: it comes again behind it. So is what the server calls back.
 *   QH3  An event that the application is at is not begun a second time: when it comes again on a new stream, the answer goes there. One that it
 *        was done with, and whose answer may be lost, is answered again at once.
 *   QH4  What is here is bounded: the server sends no more than was granted, which grows with each answer. Nothing is granted twice.
 *   QH5  What was called back and begun nevertheless is not known as done: it comes again.
 *   QH6  What was done before somebody set the position anew, or of another subscription of that name, is not known as done: it is begun again.
 */
import {
  type Answer,
  AnswerKind,
  type Delivery,
  SubscriptionType
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { laneOf } from "./Event.ts"
import { answerOf, type InHand, type Said } from "./InHand.ts"
import { type Sent, Settled } from "./Settled.ts"

interface Unsent {
  readonly one: InHand
  readonly said: Said
}

interface Lane {
  running: InHand | undefined
  readonly waiting: Array<InHand>
}

const { ANSWER_KIND_ACCEPT: ACCEPT, ANSWER_KIND_RELEASE: RELEASE, ANSWER_KIND_EXTEND: EXTEND } = AnswerKind
const idOf = (partition: number, epoch: number, offset: number) => `${partition}:${epoch}:${offset}`

export class Hands {
  readonly #lanes = new Map<string, Lane>()
  /** Lanes of which one may begin, in the order in which they came to be so. */
  readonly #ready = new Set<Lane>()
  readonly #running = new Map<string, InHand>()
  readonly #settled = new Settled()
  /** QH2: by lane, what of it did not succeed; the server may have sent what is behind it before it heard so. */
  readonly #failed = new Map<string, { readonly one: InHand; receipt: number }>()
  #unsent: Array<Unsent> = []
  #session = 0
  /** The subscription's id, and its epoch. QH6 */
  #id = ""
  #epoch = 0n
  /** Goes up when the position was set anew, or it is another subscription. QH6 */
  #era = 0
  #answered = 0
  #waiting = 0
  #receipt = 0
  #alone = 0
  bytes = 0
  type: SubscriptionType = SubscriptionType.SUBSCRIPTION_TYPE_UNSPECIFIED

  get waiting(): number {
    return this.#waiting
  }

  get running(): number {
    return this.#running.size
  }

  get unsent(): number {
    return this.#unsent.length
  }

  /** Events that were given and answered on this stream: what is granted counts from here. QH4 */
  get answered(): number {
    return this.#answered
  }

  /** A new stream: what waits comes again on it. */
  begin(now: number): void {
    for (const { one, said } of this.#unsent) this.#settle(one, said, { receipt: 0, session: -1, since: now })
    this.#unsent = []
    this.#session++
    this.#answered = 0
    this.#receipt = 0
    this.#waiting = 0
    this.#ready.clear()
    this.#failed.clear()
    this.bytes = 0
    for (const [name, lane] of this.#lanes) {
      lane.waiting.length = 0
      if (lane.running === undefined) this.#lanes.delete(name)
    }
  }

  /** Of this subscription is what comes from now on. QH6 */
  of(id: string): void {
    if (this.#id !== "" && id !== this.#id) this.#moved(0n)
    this.#id = id
  }

  /** What waits is handed back, so that it counts as answered: it comes again. */
  #moved(epoch: bigint): void {
    this.#epoch = epoch
    this.#era++
    this.#settled.clear()
    this.#failed.clear()
    this.releaseWaiting()
  }

  /** QH6: what came before that is not known as done. */
  #settle(one: InHand, said: Said, sent: Sent): void {
    if (one.era === this.#era) this.#settled.add(one, said, sent)
  }

  arrive({ token, partition, epoch, events, subscriptionEpoch }: Delivery, now: number): void {
    if (this.#epoch === 0n) this.#epoch = subscriptionEpoch
    else if (subscriptionEpoch > this.#epoch) this.#moved(subscriptionEpoch) // QH6
    for (const [place, { offset: at, attempt, publishedMs, event }] of events.entries()) {
      const offset = Number(at)
      const id = idOf(partition, epoch, offset)
      const [running, settled] = [this.#running.get(id), this.#settled.said(id, now)]
      const again = { token, place, session: this.#session, era: this.#era }
      if (running !== undefined) {
        Object.assign(running, again) // QH3
        continue
      }
      const key = event?.key ?? ""
      const one: InHand = {
        ...{
          id,
          partition,
          epoch,
          offset,
          attempt,
          publishedMs: Number(publishedMs),
          event: event!,
          ...again,
          since: now
        },
        ...{ lane: this.#laneOf(partition, key), recalled: false }
      }
      if (settled === undefined) this.#wait(one)
      else this.#unsent.push({ one, said: settled }) // QH3
    }
  }

  /** The next that the application may begin. QH1 */
  take(now: number): InHand | undefined {
    const [lane] = this.#ready
    if (lane === undefined) return undefined
    this.#ready.delete(lane)
    const one = lane.waiting.shift()!
    lane.running = one
    one.since = now
    this.#waiting--
    this.bytes -= one.event.payload.length
    this.#running.set(one.id, one)
    return one
  }

  /** What the application says of one that it has begun. Once. */
  answer(one: InHand, said: Said, now: number): void {
    const lane = this.#lanes.get(one.lane)
    if (!this.#running.delete(one.id) || lane?.running !== one) return
    lane.running = undefined
    if (said.kind !== ACCEPT) this.#failed.set(one.lane, { one, receipt: 0 })
    if (one.session === this.#session) this.#unsent.push({ one, said })
    else this.#settle(one, said, { receipt: 0, session: -1, since: now })
    if (said.kind !== ACCEPT) this.#handBack(lane, -1) // QH2
    this.#look(one.lane, lane)
  }

  /** The server calls back what is behind one that failed. QH2 */
  parked(partition: number, offset: number, hash: number): void {
    const name = `${partition} ${hash}`
    const lane = this.#lanes.get(name)
    if (lane === undefined) return
    if (lane.running !== undefined && lane.running.offset > offset) lane.running.recalled = true // QH5
    this.#handBack(lane, offset)
    this.#look(name, lane)
  }

  /** Hands back all that waits, or what has waited since before `since`. */
  releaseWaiting(since = Number.POSITIVE_INFINITY): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.waiting.length === 0 || lane.waiting[0]!.since >= since) continue
      this.#handBack(lane, -1)
      this.#look(name, lane)
    }
  }

  /** Answers were not taken: they count for nothing. */
  refused(token: bigint, first: number, last: number): void {
    this.#settled.refused(this.#session, token, first, last)
  }

  durable(receipt: number): void {
    this.#settled.durable(this.#session, receipt)
    for (const [name, failed] of this.#failed)
      if (failed.receipt > 0 && failed.receipt <= receipt) this.#failed.delete(name)
  }

  /** Whether every answer that was sent on this stream is durable. */
  get confirmed(): boolean {
    return this.#settled.confirmed(this.#session)
  }

  /** What is to be sent now, with the receipt for it; no answers: 0. `extend`: of whom the lease is to begin anew. */
  answers(
    now: number,
    extend: (one: InHand) => boolean = () => false
  ): { readonly answers: Array<Answer>; readonly receipt: number } {
    const answers: Array<Answer> = []
    const receipt = this.#unsent.length > 0 ? ++this.#receipt : 0
    let last: Unsent | undefined
    for (const next of this.#unsent) {
      this.#answered++
      this.#settle(next.one, next.said, { receipt, session: this.#session, since: now })
      const failed = this.#failed.get(next.one.lane)
      if (failed?.one === next.one) failed.receipt = receipt
      const { one, said } = next
      const follows = last?.one.token === one.token && last.said.kind === said.kind && last.one.place + 1 === one.place
      if (follows && (said.kind === ACCEPT || said.kind === RELEASE)) answers.at(-1)!.lastOffset = BigInt(one.offset)
      else answers.push(answerOf(one, said))
      last = next
    }
    this.#unsent = []
    const held = [...this.#running.values(), ...[...this.#lanes.values()].flatMap(({ waiting }) => waiting)]
    for (const one of held)
      if (one.session === this.#session && extend(one)) answers.push(answerOf(one, { kind: EXTEND }))
    return { answers, receipt }
  }

  #laneOf(partition: number, key: string): string {
    const { SUBSCRIPTION_TYPE_SHARED: SHARED, SUBSCRIPTION_TYPE_KEY_SHARED: KEY_SHARED } = SubscriptionType
    if (this.type === SHARED) return `alone ${++this.#alone}`
    return key === "" && this.type === KEY_SHARED ? `alone ${++this.#alone}` : `${partition} ${laneOf(key)}`
  }

  #wait(one: InHand): void {
    const failed = this.#failed.get(one.lane)
    if (failed !== undefined && one.offset > failed.one.offset) {
      this.#unsent.push({ one, said: { kind: RELEASE } }) // QH2
      return
    }
    this.#failed.delete(one.lane)
    let lane = this.#lanes.get(one.lane)
    if (lane === undefined) {
      lane = { running: undefined, waiting: [] }
      this.#lanes.set(one.lane, lane)
    }
    lane.waiting.push(one)
    this.#waiting++
    this.bytes += one.event.payload.length
    this.#look(one.lane, lane)
  }

  #look(name: string, lane: Lane): void {
    if (lane.running === undefined && lane.waiting.length > 0) this.#ready.add(lane)
    else this.#ready.delete(lane)
    if (lane.running === undefined && lane.waiting.length === 0) this.#lanes.delete(name)
  }

  #handBack(lane: Lane, above: number): void {
    const back = lane.waiting.filter(({ offset }) => offset > above)
    const left = lane.waiting.filter(({ offset }) => offset <= above)
    lane.waiting.splice(0, lane.waiting.length, ...left)
    this.#waiting -= back.length
    for (const one of back) {
      this.bytes -= one.event.payload.length
      this.#unsent.push({ one, said: { kind: RELEASE } })
    }
  }
}
