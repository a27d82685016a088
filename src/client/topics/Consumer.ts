/**
 * Takes the events of a subscription, one after the other, and answers for each, over however many streams.
 *
 *   QC1  Every event that was begun is answered once, as the application says; one that it says nothing of is never accepted.
 *   QC2  The lease of what is here begins anew in good time, for as long as the application may take. Beyond that it is handed back, or has failed.
 *   QC3  After `close` nothing is begun; what waits is handed back, and what the application is at is waited for.
 *   QC4  Bytes that wait here are bounded: beyond that the stream is not read.
 */
import {
  AnswerKind,
  type ConsumeRequest,
  type ConsumeResponse
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { messageOf } from "../ClientError.ts"
import type { Ended } from "../Transport.ts"
import { checkedConsume, checkedName } from "./CheckedTopics.ts"
import type { Consumed, ConsumeOptions } from "./Consumed.ts"
import { given } from "./Given.ts"
import { Hands } from "./Hands.ts"
import type { TopicHome } from "./Home.ts"
import { type InHand, partsOf, type Said } from "./InHand.ts"
import { errorOf, isFinal, isTaken, Lasting } from "./Lasting.ts"
import { stateTold } from "./StateTold.ts"

const mostBytes = 32 * 1_048_576
/** Milliseconds, until the server said how long a lease is. */
const firstLease = 30_000

export class Consumer implements AsyncIterableIterator<Consumed>, AsyncDisposable {
  readonly topic: string
  readonly subscription: string
  readonly #home: TopicHome
  readonly #options: ReturnType<typeof checkedConsume>
  readonly #state: ReturnType<typeof stateTold>
  readonly #prefetch: number
  readonly #limit: number
  readonly #hands = new Hands()
  readonly #stream: Lasting<ConsumeRequest, ConsumeResponse>
  readonly #controls = new Map<InHand, AbortController>()
  readonly #waiters = new Set<() => void>()
  readonly #life: bigint
  #name: string
  #id = ""
  #lease = firstLease
  #floors = new Map<number, { readonly epoch: number; readonly floor: number }>()
  #granted = 0
  #joined = false
  #soon = false
  #held = false
  #error: Error | undefined
  #stopping = false
  #closing: Promise<void> | undefined
  #cancel = () => {}

  /** Throws `OptionError`. */
  constructor(home: TopicHome, topic: string, subscription: string, options: ConsumeOptions = {}) {
    const checked = checkedConsume(options)
    const { prefetch, limitMillis, consumer } = checked
    this.topic = topic
    this.subscription = checkedName(subscription)
    this.#home = home
    this.#options = checked
    this.#state = stateTold(this, checked, home)
    this.#prefetch = prefetch
    this.#limit = limitMillis
    this.#name = consumer
    this.#life = BigInt(1 + Math.floor(home.clock.random() * 2 ** 52))
    const open = (attempt: number, events: Parameters<TopicHome["transport"]["consume"]>[2]) => {
      this.#hands.begin(home.clock.now())
      this.#floors.clear()
      this.#held = false
      this.#granted = prefetch
      return home.transport.consume(
        attempt,
        { ...this.#said(), topic, subscription, consumer: this.#name, life: this.#life },
        events
      )
    }
    this.#stream = new Lasting(open, home.clock, home.reconnect, {
      message: ({ what }) => what && this.#heard(what),
      writable: () => this.#flush(),
      final: (ended) => isFinal(ended) && !(this.#joined && isTaken(ended)),
      ended: (ended, final) => this.#ended(ended, final)
    })
    this.#stream.begin()
    this.#tick()
  }

  /** Below it of that partition everything is done and never comes again, unless somebody seeks. Undefined: the server said nothing yet. */
  floor(partition: number): { readonly epoch: number; readonly floor: number } | undefined {
    return this.#floors.get(partition)
  }

  /** Of the subscription as it was joined last: never given to another, not even of the same name. "": it was not yet, or the server doesn't say. */
  get subscriptionId(): string {
    return this.#id
  }

  /** The next event that may be begun, if one is here. */
  take(): Consumed | undefined {
    if (this.#stopping || this.#error !== undefined) return undefined
    const one = this.#hands.take(this.#home.clock.now())
    if (one === undefined) return undefined
    this.#hold()
    return this.#given(one)
  }

  /** Waits for the next event that may be begun. Of a key, none comes before the one before it was answered. */
  async next(): Promise<IteratorResult<Consumed, undefined>> {
    for (;;) {
      const one = this.take()
      if (one !== undefined) return { done: false, value: one }
      if (this.#error !== undefined) throw this.#error
      if (this.#stopping) return { done: true, value: undefined }
      await this.changed()
    }
  }

  async return(): Promise<IteratorResult<Consumed, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Resolves with the next thing that happens: an event came or was answered, or it is over. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve))
  }

  /** Why no more comes. */
  get error(): Error | undefined {
    return this.#error
  }

  get stopping(): boolean {
    return this.#stopping
  }

  /** Hands back what waits, waits for what was begun, at most so long (milliseconds, 10,000), and for its answers to be durable. QC3 */
  close(millis = 10_000): Promise<void> {
    this.#closing ??= this.#close(millis)
    return this.#closing
  }

  async #close(millis: number): Promise<void> {
    this.#stopping = true
    this.#hands.releaseWaiting()
    this.#flush()
    this.#change()
    let late = false
    const cancel = this.#home.clock.after(millis, () => {
      late = true
      this.#change()
    })
    const busy = () =>
      this.#hands.running > 0 || (this.#stream.call !== undefined && (this.#hands.unsent > 0 || !this.#hands.confirmed))
    while (!late && this.#error === undefined && busy()) await this.changed()
    cancel()
    this.#cancel()
    for (const control of this.#controls.values()) control.abort()
    this.#home.closed(this)
    await this.#stream.close()
    this.#change()
  }

  #heard(what: NonNullable<ConsumeResponse["what"]>): void {
    switch (what.$case) {
      case "joined":
        this.#joined = true
        this.#name = what.value.consumer
        this.#hands.of((this.#id = what.value.subscriptionId))
        this.#lease = Math.max(100, Number(what.value.leaseMs))
        this.#hands.type = what.value.type
        this.#tick()
        return
      case "delivery": {
        const { partition, epoch, floor } = what.value
        this.#floors.set(partition, { epoch, floor: Number(floor) })
        this.#hands.arrive(what.value, this.#home.clock.now())
        if (this.#stopping) this.#hands.releaseWaiting()
        this.#hold()
        break
      }
      case "parked":
        this.#hands.parked(what.value.partition, Number(what.value.offset), what.value.keyHash)
        break
      case "refused":
        this.#hands.refused(what.value.token, Number(what.value.firstOffset), Number(what.value.lastOffset))
        return
      case "durable":
        this.#hands.durable(Number(what.value))
        break
      case "gap": {
        const { partition, epoch, from, to, why } = what.value
        this.#call(() => this.#options.onGap?.({ partition, epoch, from: Number(from), to: Number(to), why }))
        return
      }
      case "state":
        this.#call(() => this.#state(what.value))
        return
    }
    this.#later()
    this.#change()
  }

  #ended(ended: Ended, final: boolean): void {
    if (final) {
      this.#error = errorOf(`consuming ${this.subscription} of ${this.topic} ended`, ended)
      this.#cancel()
      this.#home.closed(this)
    } else this.#call(() => this.#options.onReconnect?.(ended))
    this.#hands.begin(this.#home.clock.now())
    this.#change()
  }

  #given(one: InHand): Consumed {
    const control = new AbortController()
    this.#controls.set(one, control)
    return given(this.topic, one, control.signal, (said) => this.#answer(one, said))
  }

  /** QC1 */
  #answer(one: InHand, said: Said): void {
    if (!this.#controls.delete(one)) return
    this.#hands.answer(one, said, this.#home.clock.now())
    this.#later()
    this.#change()
  }

  /** Answers of one turn go together. */
  #later(): void {
    if (this.#soon) return
    this.#soon = true
    this.#home.clock.soon(() => {
      this.#soon = false
      this.#flush()
    })
  }

  #flush(extend?: (one: InHand) => boolean): void {
    const { call } = this.#stream
    if (call === undefined) return
    const { answers, receipt } = this.#hands.answers(this.#home.clock.now(), extend)
    const granted = this.#stopping ? this.#granted : this.#hands.answered + this.#prefetch
    if (answers.length === 0 && extend === undefined && granted - this.#granted < this.#prefetch / 2) return
    this.#granted = Math.max(this.#granted, granted)
    for (const part of partsOf(answers, receipt)) call.send({ ...this.#said(), ...part })
  }

  #said(): ConsumeRequest {
    const granted = BigInt(this.#granted)
    return { topic: "", subscription: "", consumer: "", granted, answers: [], receipt: 0n, life: 0n }
  }

  /** QC2: also says again what is granted, should it have been lost on the way to the server's counting. */
  #tick(): void {
    this.#cancel()
    const { clock } = this.#home
    this.#cancel = clock.after(this.#lease / 3, () => {
      const before = clock.now() - this.#limit
      for (const [one, control] of [...this.#controls]) {
        if (one.since > before) continue
        control.abort()
        this.#answer(one, { kind: AnswerKind.ANSWER_KIND_FAIL, reason: `it took longer than ${this.#limit} ms` })
      }
      this.#hands.releaseWaiting(before)
      this.#flush(() => true)
      this.#tick()
    })
  }

  /** QC4 */
  #hold(): void {
    const wanted = this.#hands.bytes > mostBytes
    if (wanted === this.#held) return
    this.#held = wanted
    this.#stream.call?.hold(wanted)
  }

  #call(tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.#home.logger(`${this.subscription} of ${this.topic}: a listener failed: ${messageOf(error)}`)
    }
  }

  #change(): void {
    for (const resolve of this.#waiters) resolve()
    this.#waiters.clear()
  }
}
