/**
 * Publishes to a topic in order, each event once, however often the stream breaks.
 *
 *   QP1  An event is in the topic once, however often it was sent: its sequence stays the same until it is answered.
 *   QP2  Whoever opens a producer's id later ends this one: it publishes nothing more, and says so.
 *   QP3  What a promise says is so: resolved is durable; rejected says whether the events may be there.
 *   QP4  What an application sends in one turn of its loop goes together, so that events that are sent one by one cost little more than a batch of them.
 */
import type {
  OpenProducerResponse,
  PublishStreamRequest,
  PublishStreamResponse
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { ClosedError, messageOf, OptionError, PublishError, TopicError } from "../ClientError.ts"
import { errors } from "../Errors.ts"
import { type Item, sequenceOf } from "./Batch.ts"
import { checkedProducer, checkedSend } from "./CheckedTopics.ts"
import { allToSend, bytesOn, type Placed, partitionOf, type TopicEvent } from "./Event.ts"
import type { TopicHome } from "./Home.ts"
import { Lasting } from "./Lasting.ts"
import { firstCredit, opened, type ProducerOptions, parted, type SendOptions, together } from "./OpenProducer.ts"
import { type Ending, Outgoing } from "./Outgoing.ts"
import { Spool, type Spooled } from "./Spool.ts"

export class Producer implements AsyncDisposable {
  readonly id: string
  readonly epoch: number
  readonly #home: TopicHome
  readonly #topic: string
  readonly #stream: Lasting<PublishStreamRequest, PublishStreamResponse>
  readonly #out: Outgoing
  readonly #spool: Spool | undefined
  readonly #waiters = new Set<() => void>()
  #partitions: number
  #sticky = 0
  #credit = firstCredit
  /** QP4 */
  readonly #soon = together(() => this.#pump())
  #cancel = () => {}
  #over: Ending | undefined
  #closing: Promise<void> | undefined
  #left: Promise<void> | undefined

  /** Rejects with `TopicError` or `OptionError`. */
  static async open(home: TopicHome, topic: string, options: ProducerOptions): Promise<Producer> {
    const checked = checkedProducer(options)
    const { id, file } = checked
    const spool = file === undefined ? undefined : await Spool.open(file, topic, id)
    try {
      return new Producer(home, topic, checked, await opened(home, topic, id), spool)
    } catch (error) {
      await spool?.close()
      throw error
    }
  }

  private constructor(
    home: TopicHome,
    topic: string,
    options: ReturnType<typeof checkedProducer>,
    open: OpenProducerResponse,
    spool: Spool | undefined
  ) {
    this.id = options.id
    this.epoch = open.epoch
    this.#home = home
    this.#topic = topic
    this.#spool = spool
    this.#partitions = Math.max(1, open.partitions)
    this.#out = new Outgoing(options.inFlight)
    for (const { partition, sequence } of open.sequences) this.#out.known(partition, Number(sequence))
    this.#recover(options)
    this.#stream = new Lasting(
      (attempt, events) => home.transport.publishStream(attempt, events),
      home.clock,
      home.reconnect,
      {
        message: (response) => this.#answered(response),
        writable: () => this.#pump(),
        ended: (ended, final) => {
          this.#out.broken()
          this.#credit = firstCredit
          if (final)
            this.#end(
              (outcome) =>
                new PublishError(ended.code ?? errors.NotConnected.code, `${ended.message}.`, outcome, ended.status)
            )
        }
      }
    )
    this.#stream.begin()
  }

  /** Events that wait or are under way, of all calls of `send`. */
  get waiting(): number {
    return this.#out.items
  }

  /** The number that the next event of a partition gets. Below it everything was given to `send`. */
  nextSequence(partition: number): number {
    return this.#out.nextOf(partition)
  }

  /**
   * Resolves when all of it is durable, with where it is. Rejects with `PublishError` when any of it isn't, `OptionError` for events that can't be, or
   * `ClosedError`. Order is that of the calls.
   */
  async send(events: ReadonlyArray<TopicEvent>, given: SendOptions = {}): Promise<ReadonlyArray<Placed>> {
    const options = checkedSend(given)
    this.#check(options)
    const encoded = allToSend(events)
    if (encoded.length === 0) return []
    if (this.#out.full || this.#spool?.full === true)
      throw new PublishError(
        errors.ProducerFull.code,
        `${errors.ProducerFull.title}. ${errors.ProducerFull.fix}`,
        "failed"
      )
    const sticky = this.#sticky++ % this.#partitions
    const parts = parted(
      encoded,
      (key) => options.partition ?? (key === "" ? sticky : partitionOf(key, this.#partitions))
    )
    let sequence = options.sequence ?? 0
    const results: Array<Promise<ReadonlyArray<Placed>>> = []
    for (const [partition, chunks] of parts)
      for (const chunk of chunks) {
        results.push(this.#give(partition, chunk, sequence))
        if (sequence > 0) sequence += chunk.length
      }
    this.#soon()
    const settled = await Promise.allSettled(results)
    const refused = settled.find((one) => one.status === "rejected")
    if (refused !== undefined) throw refused.reason
    return settled.flatMap((one) => (one.status === "fulfilled" ? one.value : []))
  }

  /** Resolves when `send` takes more, or the producer has ended. */
  async room(): Promise<void> {
    while (this.#over === undefined && (this.#out.full || this.#spool?.full === true)) await this.#change()
  }

  /** Resolves when nothing waits; what failed is told where it was sent. */
  async flush(): Promise<void> {
    while (this.#over === undefined && this.#out.items > 0) await this.#change()
  }

  /** Waits for what is under way, at most so long (milliseconds, 10,000), then ends. What has no answer by then may be there. */
  close(millis = 10_000): Promise<void> {
    this.#closing ??= this.#close(millis)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(millis: number): Promise<void> {
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = this.#home.clock.after(millis, resolve)
    })
    await Promise.race([this.flush(), late])
    cancel()
    this.#end((outcome) => new PublishError(errors.ClientClosed.code, "the producer was closed.", outcome))
    await this.#left
    await this.#spool?.close()
  }

  #check({ partition, sequence }: SendOptions): void {
    if (this.#over !== undefined) throw this.#over("failed")
    if (this.#closing !== undefined) throw new ClosedError()
    if (partition !== undefined && (!Number.isInteger(partition) || partition < 0 || partition >= this.#partitions))
      throw new OptionError(`partition is 0 to ${this.#partitions - 1} here.`)
    if (sequence === undefined) return
    if (partition === undefined) throw new OptionError("sequence needs partition: each partition has its own.")
    if (this.#spool !== undefined)
      throw new OptionError("sequence can't be given with a file, which keeps them itself.")
    if (!Number.isSafeInteger(sequence) || sequence < 1 || sequence > this.#out.nextOf(partition))
      throw new OptionError(`sequence is 1 to ${this.#out.nextOf(partition)} here, the next of the partition.`)
  }

  #give(partition: number, events: Item["events"], sequence: number): Promise<ReadonlyArray<Placed>> {
    return new Promise((resolve, reject) => {
      this.#add(partition, events, sequence, sequence > 0, resolve, reject, undefined)
    })
  }

  #add(
    partition: number,
    events: Item["events"],
    sequence: number,
    numbered: boolean,
    resolve: (placed: ReadonlyArray<Placed>) => void,
    reject: (error: PublishError) => void,
    spooled: Spooled | undefined
  ): void {
    const item: Item & { ready: boolean } = {
      ...{ partition, sequence, events, numbered, ready: this.#spool === undefined || spooled !== undefined },
      bytes: events.reduce((sum, event) => sum + bytesOn(event), 0),
      placed: (placed) => {
        if (kept !== undefined) this.#spool?.done(kept)
        resolve(placed)
        this.#changed()
      },
      failed: (error) => {
        if (kept !== undefined && error.outcome === "failed" && this.#over === undefined) this.#spool?.refused(kept)
        reject(error)
        this.#changed()
      }
    }
    this.#out.add(item)
    const kept: Spooled | undefined = this.#spool === undefined ? undefined : (spooled ?? item)
    if (item.ready || kept === undefined) return
    this.#spool!.add(kept).then(
      () => {
        item.ready = true
        this.#pump()
      },
      (error) => this.#end((outcome) => new PublishError(errors.SpoolUnusable.code, messageOf(error), outcome))
    )
  }

  /** ZS1 */
  #recover({ onRefused }: ProducerOptions): void {
    const told =
      onRefused ??
      ((events, error) => this.#home.logger(`${events} events of ${this.id} were refused: ${error.message}`))
    for (const one of this.#spool?.waiting ?? []) {
      const { partition, events, sequence } = one
      if (sequence + events.length <= this.#out.nextOf(partition)) this.#spool!.done(one)
      else if (sequence > this.#out.nextOf(partition))
        throw new TopicError(
          errors.SpoolUnusable.code,
          `${this.#spool!.path} begins behind what the server has. ${errors.SpoolUnusable.fix}`
        )
      else
        this.#add(
          partition,
          events,
          sequence,
          false,
          () => {},
          (error) => this.#over ?? told(events.length, error),
          one
        )
    }
  }

  #pump(): void {
    const { call } = this.#stream ?? {}
    if (call === undefined || this.#over !== undefined) return
    const { clock } = this.#home
    for (;;) {
      const batch = this.#out.next(clock.now(), this.#credit)
      if (batch === undefined) break
      const publish = {
        ...{ topic: this.#topic, events: batch.items.flatMap(({ events }) => events), partition: batch.partition },
        ...{ producerId: this.id, producerEpoch: this.epoch, sequence: BigInt(sequenceOf(batch)) }
      }
      if (!call.send({ id: BigInt(batch.id), publish })) break
    }
    this.#cancel()
    const { wake } = this.#out
    this.#cancel = wake === undefined ? () => {} : clock.after(Math.max(0, wake - clock.now()), () => this.#pump())
  }

  #answered({ id, outcome, creditBytes }: PublishStreamResponse): void {
    this.#credit = Number(creditBytes)
    if (outcome?.$case === "published") {
      this.#partitions = Math.max(this.#partitions, outcome.value.partitions)
      this.#out.published(Number(id), outcome.value.placed)
    } else if (outcome?.$case === "problem") {
      const ending = this.#out.problem(Number(id), outcome.value, this.#home.clock.now())
      if (ending !== undefined) this.#end(ending)
    }
    this.#pump()
  }

  /** QP2 */
  #end(error: Ending): void {
    if (this.#over !== undefined) return
    this.#over = error
    this.#cancel()
    this.#out.end(error)
    this.#left = this.#stream.close()
    this.#home.closed(this)
    this.#changed()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve))
  }

  #changed(): void {
    for (const resolve of this.#waiters) resolve()
    this.#waiters.clear()
  }
}
