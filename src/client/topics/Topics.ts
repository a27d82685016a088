/**
 * Topics of a Herald server, for Node, Deno and browsers: publish, read, consume. See docs/topics.md. They need nothing else of the client: who has no
 * configuration opens them alone.
 *
 *   QZ1  After `close` nothing of it keeps the process alive.
 */
import { isTopicName, topicNameRule } from "../../keys/TopicName.ts"
import { ClosedError, HeraldClientError, OptionError, PublishError } from "../ClientError.ts"
import type { Clock } from "../Clock.ts"
import { errors } from "../Errors.ts"
import type { GrpcOptions } from "../GrpcCalls.ts"
import { NotAnswered } from "../NotAnswered.ts"
import { systemClock } from "../Platform.ts"
import { checkedPublish, checkedTopics } from "./CheckedTopics.ts"
import type { ConsumeOptions } from "./Consumed.ts"
import { Consumer } from "./Consumer.ts"
import { dial } from "./Dial.ts"
import { allToSend, type Placed, placedOf, type TopicEvent } from "./Event.ts"
import { type HandleOptions, type Handler, type Handling, handle } from "./Handling.ts"
import type { TopicHome } from "./Home.ts"
import { isFinal, type Reconnecting } from "./Lasting.ts"
import type { ProducerOptions } from "./OpenProducer.ts"
import { Producer } from "./Producer.ts"
import { TopicReader } from "./Reader.ts"
import type { ReadOptions } from "./ReadOptions.ts"
import type { TopicTransport } from "./TopicTransport.ts"

export interface TopicsOptions extends GrpcOptions {
  readonly reconnect?: Partial<Reconnecting> | undefined
  /** Milliseconds that opening a producer, or `publish`, goes on trying. 30,000. */
  readonly openMillis?: number | undefined
  /** Gets a line when something of the application failed and nobody waits for it. `console.error` when left out. */
  readonly logger?: ((line: string) => void) | undefined
}

export interface TopicSurroundings {
  readonly clock?: Clock | undefined
  readonly transport?: TopicTransport | undefined
}

interface Open {
  readonly close: () => Promise<void>
}

export interface PublishOptions {
  /** By key when left out; events without one go together to one that the server chooses. */
  readonly partition?: number | undefined
}

/** One topic. */
export class Topic {
  readonly name: string
  readonly #home: TopicHome
  readonly #opened: <A extends Open>(one: A) => A

  constructor(name: string, home: TopicHome, opened: <A extends Open>(one: A) => A) {
    if (typeof name !== "string" || !isTopicName(name))
      throw new OptionError(
        `${JSON.stringify(String(name).slice(0, 100))} is not the name of a topic: ${topicNameRule}.`
      )
    this.name = name
    this.#home = home
    this.#opened = opened
  }

  /**
   * Resolves when the events are durable, with where they are. Rejects with `PublishError`, whose `outcome` says whether they may be in the topic, and
   * `OptionError`. What certainly failed and may do later is tried again. For events that must be there once, use a producer.
   */
  async publish(events: ReadonlyArray<TopicEvent>, options: PublishOptions = {}): Promise<ReadonlyArray<Placed>> {
    const partition = checkedPublish(options)
    const { clock, transport, openMillis } = this.#home
    const request = {
      ...{ topic: this.name, events: [...allToSend(events)], partition: partition ?? -1 },
      ...{ producerId: "", producerEpoch: 0, sequence: 0n }
    }
    if (request.events.length === 0) return []
    const until = clock.now() + openMillis
    for (let attempt = Math.floor(clock.random() * 1_024); ; attempt++) {
      try {
        const { placed } = await transport.publish(attempt, request)
        return placed.map((one) => placedOf(one, partition ?? 0))
      } catch (error) {
        if (error instanceof HeraldClientError || !(error instanceof NotAnswered)) throw error
        const { ended } = error
        const known = isKnown(ended.code)
        const wait = ended.reconnectAfterMillis
        if (known && wait !== undefined && !isFinal(ended) && clock.now() + wait < until) {
          await new Promise<void>((resolve) => clock.after(wait, resolve))
          continue
        }
        const outcome = known || isFinal(ended) ? "failed" : "unknown"
        const status = ended.status < 0 ? undefined : ended.status
        throw new PublishError(
          ended.code ?? errors.NotConnected.code,
          `publishing to ${this.name}: ${ended.message}.`,
          outcome,
          status
        )
      }
    }
  }

  /** Opens a producer: its events are in the topic once and in order. Whoever had it is fenced. Rejects with `TopicError` or `OptionError`. */
  async producer(options: ProducerOptions): Promise<Producer> {
    return this.#opened(await Producer.open(this.#home, this.name, options))
  }

  /** Every event from a position on, as an async iterable of batches. Broadcast: each reader gets all. Throws `OptionError`. */
  subscribe(options: ReadOptions = {}): TopicReader {
    return this.#opened(new TopicReader(this.#home, this.name, options))
  }

  /** Events of a subscription, each to be answered: by what a handler does, or one by one as an async iterable. Throws `OptionError`. */
  consume(subscription: string, handler: Handler, options?: HandleOptions): Handling
  consume(subscription: string, options?: ConsumeOptions): Consumer
  consume(
    subscription: string,
    first: Handler | ConsumeOptions = {},
    options: HandleOptions = {}
  ): Handling | Consumer {
    if (typeof first === "function") return this.#opened(handle(this.#home, this.name, subscription, first, options))
    return this.#opened(new Consumer(this.#home, this.name, subscription, first))
  }
}

/** The server answered, so it knows: what it says failed never happens later. But for one code, which says that it doesn't know. */
const isKnown = (code: string | undefined): boolean => code !== undefined && code !== "HRLD-4006"

export class Topics implements AsyncDisposable {
  readonly #home: TopicHome
  readonly #open = new Set<Open>()
  #closed = false

  /** Nothing is opened before it is used. Throws `OptionError`. */
  constructor(options: TopicsOptions, surroundings: TopicSurroundings = {}) {
    const { dialling, ...checked } = checkedTopics(options)
    this.#home = {
      ...checked,
      transport: surroundings.transport ?? dial(dialling),
      clock: surroundings.clock ?? systemClock,
      closed: (one) => this.#open.delete(one)
    }
  }

  /** Throws `OptionError` and `ClosedError`. */
  topic(name: string): Topic {
    if (this.#closed) throw new ClosedError()
    return new Topic(name, this.#home, (one) => {
      if (this.#closed) {
        void one.close()
        throw new ClosedError()
      }
      this.#open.add(one)
      return one
    })
  }

  /** Closes producers, readers and consumers: what is under way is waited for, some seconds at most. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#open].map((one) => one.close()))
    this.#home.transport.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
