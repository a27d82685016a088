/**
 * A subscription of a fake topic: the server's own machine, on a log in memory, whose clock goes on with each turn. Streams may be cut at any message,
 * and with them answers that were under way.
 */
import {
  type Answer,
  AnswerKind,
  type ConsumeRequest,
  type ConsumeResponse,
  type Event,
  SubscriptionType as Sent
} from "../../proto/generated/herald/topics/v1/topics.ts"
import type { AnswerKind as Kind } from "../../src/subscriptions/Answer.ts"
import { Cursor } from "../../src/subscriptions/Cursor.ts"
import { Dispatch } from "../../src/subscriptions/Dispatch.ts"
import { beginAt } from "../../src/subscriptions/SavedCursor.ts"
import { HASHES } from "../../src/subscriptions/Share.ts"
import { defaults, type Subscription, type SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { keyHash } from "../../src/topics/Message.ts"
import type { FakeCall } from "./FakeCall.ts"
import type { FakeTopic } from "./FakeTopic.ts"

const { setImmediate } = globalThis // a test may put another in its place

const typesSent: Readonly<Record<SubscriptionType, Sent>> = {
  exclusive: Sent.SUBSCRIPTION_TYPE_EXCLUSIVE,
  shared: Sent.SUBSCRIPTION_TYPE_SHARED,
  failover: Sent.SUBSCRIPTION_TYPE_FAILOVER,
  key_shared: Sent.SUBSCRIPTION_TYPE_KEY_SHARED
}

const kinds: Readonly<Record<AnswerKind, Kind | undefined>> = {
  [AnswerKind.ANSWER_KIND_ACCEPT]: "accept",
  [AnswerKind.ANSWER_KIND_RELEASE]: "release",
  [AnswerKind.ANSWER_KIND_FAIL]: "fail",
  [AnswerKind.ANSWER_KIND_REJECT]: "reject",
  [AnswerKind.ANSWER_KIND_EXTEND]: "extend",
  [AnswerKind.UNRECOGNIZED]: undefined
}

type Stream = FakeCall<ConsumeRequest, ConsumeResponse>

export class FakeSubscription {
  readonly type: SubscriptionType
  readonly machine: Dispatch<Event>
  readonly dead: Array<string> = []
  /** In the order in which they were taken: what was accepted, as `partition:offset`. */
  readonly accepted: Array<string> = []
  /** Most that a consumer had without an answer, and was granted. */
  mostOut = 0
  granted = 0
  extended = 0
  now = 1
  readonly #topic: FakeTopic
  readonly #cursors: ReadonlyArray<Cursor<Event>>
  readonly #streams = new Map<string, Stream>()
  #sessions = 0
  #going = false

  constructor(topic: FakeTopic, name: string, type: SubscriptionType, change: Partial<Subscription> = {}) {
    this.#topic = topic
    this.type = type
    const subscription: Subscription = {
      ...{
        ...defaults,
        id: name,
        epoch: 1,
        version: 1,
        topicId: 1,
        slices: 1,
        topicName: "t",
        subscriptionName: name,
        type,
        startPosition: { at: "earliest" }
      },
      ...{ status: "active", reason: "", pausedUntil: null, createdAt: 0, createdBy: "test", lastActivity: 0 },
      ...{ maxAttempts: 1_000, deadLetterTopic: "dead", backoffMillis: [1, 3], ackTimeoutMillis: 100_000, ...change }
    }
    this.machine = new Dispatch(subscription, { budget: 1_000_000, tokens: 0 })
    const order = type === "shared" ? "unordered" : type === "key_shared" ? "keys" : "all"
    const { maxAttempts } = subscription
    this.#cursors = topic.partitions.map(({ epoch }, partition) => {
      const slice = { partition, from: 0, to: HASHES }
      return new Cursor<Event>({ slice, share: 0, maxAttempts, order, end: 0 }, beginAt(epoch, 0))
    })
    for (const cursor of this.#cursors) this.machine.cursors.add(cursor)
    topic.subscriptions.set(name, this)
  }

  /** Everything is done. */
  get done(): boolean {
    return this.#cursors.every(({ floor, slice }) => floor >= this.#topic.partitions[slice.partition]!.events.length)
  }

  join(call: Stream, { consumer, granted }: ConsumeRequest): void {
    const session = `s${++this.#sessions}`
    const name = consumer === "" ? session : consumer
    if (!this.machine.join(name, session, this.now)) {
      call.cut({ status: 9, message: "somebody else consumes it" })
      return
    }
    this.#streams.set(session, call)
    this.machine.consumers.grant(session, Number(granted))
    call.serve({
      left: () => {
        this.#topic.calls.delete(call as never)
        this.#streams.delete(session)
        this.machine.leave(session, this.now, true)
        this.more()
      },
      heard: (request) => {
        if (this.#topic.happens(this.#topic.trouble.before)) return call.cut()
        this.#heard(session, request)
        if (this.#topic.happens(this.#topic.trouble.after)) return call.cut()
        if (request.receipt > 0n) call.say({ what: { $case: "durable", value: request.receipt } })
      }
    })
    const { ackTimeoutMillis, maxAttempts } = this.machine.subscription
    const joined = {
      ...{ consumer: name, leaseMs: BigInt(ackTimeoutMillis), maxAttempts, type: typesSent[this.type] },
      subscriptionId: this.machine.subscription.id
    }
    call.say({ what: { $case: "joined", value: joined } })
    this.more()
  }

  more(): void {
    if (this.#going) return
    this.#going = true
    setImmediate(() => {
      this.#going = false
      this.now++
      if (this.#step()) this.more()
    })
  }

  #heard(session: string, { answers, granted }: ConsumeRequest): void {
    this.granted = Number(granted)
    this.machine.consumers.grant(session, Number(granted))
    for (const answer of answers) this.#answer(session, answer)
    this.#recall()
    this.more()
  }

  #answer(session: string, { kind, token, first, lastOffset, delayMs, reason }: Answer): void {
    const said = kinds[kind]!
    if (said === "extend") this.extended++
    const { partition, offset } = first!
    const range = { token: Number(token), first: Number(offset), last: Number(lastOffset) }
    const delay = delayMs === 0n ? {} : { delayMillis: Number(delayMs) }
    const cursor = this.#cursors[partition]!
    const open = new Set([...cursor.items.keys()])
    const refused = this.machine.answer({ kind: said, ...range, reason, ...delay }, session, this.now)
    for (const at of open) if (said === "accept" && cursor.isDone(at)) this.accepted.push(`${partition}:${at}`)
    for (const one of refused) {
      const value = { token, firstOffset: BigInt(one.first), lastOffset: BigInt(one.last), why: one.why }
      this.#streams.get(session)?.say({ what: { $case: "refused", value } })
    }
  }

  #recall(): void {
    for (const { session, cursor, offset, hash } of this.machine.recalls.splice(0)) {
      const { partition } = cursor.slice
      const value = { partition, epoch: cursor.logEpoch, offset: BigInt(offset), keyHash: hash }
      this.#streams.get(session)?.say({ what: { $case: "parked", value } })
    }
  }

  /** True: time has to go on. */
  #step(): boolean {
    const { deliveries, wants, wake } = this.machine.poll(this.now)
    this.#recall()
    for (const { session, token, cursor, events } of deliveries) {
      const call = this.#streams.get(session)
      if (call === undefined) continue
      const { partition } = cursor.slice
      const sent = events.map(({ offset, attempt, body }) => ({
        offset: BigInt(offset),
        attempt,
        publishedMs: 1n,
        event: body
      }))
      const value = {
        token: BigInt(token),
        partition,
        epoch: cursor.logEpoch,
        floor: BigInt(cursor.floor),
        subscriptionEpoch: BigInt(this.machine.subscription.epoch),
        events: sent
      }
      call.say({ what: { $case: "delivery", value } })
      const [one] = this.machine.consumers.all.filter((consumer) => consumer.session === session)
      this.mostOut = Math.max(this.mostOut, one?.out ?? 0)
      if (this.#topic.happens(this.#topic.trouble.before)) call.cut()
    }
    for (const [cursor, from] of wants) {
      const { events } = this.#topic.partitions[cursor.slice.partition]!
      const to = Math.min(events.length, from + 50)
      const reads = events.slice(from, to).map(({ event }, i) => {
        const hash = event.key === "" ? null : keyHash(event.key)
        return { offset: from + i, hash, bytes: event.payload.length + 1, body: event }
      })
      this.machine.offer(cursor, from, to, reads)
    }
    for (const [item, cursor] of [...this.machine.dead]) {
      this.machine.bury(item)
      this.dead.push(`${cursor.slice.partition}:${item.offset}`)
    }
    const before = this.machine.durable
    this.machine.kept(this.machine.version, new Map(this.#cursors.map((cursor) => [cursor, cursor.mark])))
    const [first] = this.#cursors.filter(
      ({ slice, scan }) => scan < this.#topic.partitions[slice.partition]!.events.length
    )
    const more = deliveries.length > 0 || first !== undefined || before < this.machine.durable || wake !== undefined
    return more && this.#streams.size > 0
  }
}
