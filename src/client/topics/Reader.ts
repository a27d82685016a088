/**
 * Reads every event of a topic, over however many streams.
 *
 *   ZR1  A new stream goes on behind what the application got: not behind what was sent to it, or waited here.
 *   ZR2  The application gets each event once and in the order of its partition, or is told of those that it doesn't get: none is left out silently.
 *   ZR3  Offsets are compared within one epoch only. In another one the reader goes on where the server says, and the application is told.
 *   ZR5  Of an event that is sent as what changed, the application gets what was published.
 *   ZR4  What waits here is bounded in bytes: beyond that the stream is not read, and the server does what `overflow` says.
 */
import {
  type EventBatch,
  EventBatch as EventBatchCodec,
  Overflow,
  type ReadRequest,
  type ReadResponse,
  type Start
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { messageOf, TopicError } from "../ClientError.ts"
import { errors } from "../Errors.ts"
import type { Ended } from "../Transport.ts"
import { type CheckedRead, checkedRead } from "./CheckedTopics.ts"
import { offsetOf, type Received, received, sentOffset, type TopicOffset } from "./Event.ts"
import type { TopicHome } from "./Home.ts"
import { errorOf, isFinal, Lasting } from "./Lasting.ts"
import type { ReadOptions, TopicBatch, TopicGap } from "./ReadOptions.ts"
import { wholeOf } from "./Whole.ts"

/** Bytes. ZR4 */
const most = 4 * 1_048_576
/** Bytes that a frame may hold when it is unpacked. */
const mostUnpacked = 16 * 1_048_576
const OVERFLOWED = 8

interface Waiting {
  readonly response: NonNullable<ReadResponse["what"]>
  readonly bytes: number
}

export class TopicReader implements AsyncIterableIterator<TopicBatch>, AsyncDisposable {
  readonly #home: TopicHome
  readonly #topic: string
  readonly #options: CheckedRead
  readonly #stream: Lasting<ReadRequest, ReadResponse>
  /** Of each partition what the application is to get next. ZR1 */
  readonly #positions = new Map<number, TopicOffset>()
  /** Where each partition begins is known. */
  #started = false
  readonly #figures = [0, 0, 0, 0, 0]
  #missingField = ""
  #queue: Array<Waiting> = []
  #bytes = 0
  #held = false
  #error: Error | undefined
  #done = false
  #wake = () => {}

  /** Throws `OptionError`. */
  constructor(home: TopicHome, topic: string, options: ReadOptions) {
    this.#home = home
    this.#topic = topic
    this.#options = checkedRead(options, topic)
    for (const offset of this.#options.begins.offsets) this.#positions.set(offset.partition, offset)
    const open = (attempt: number, events: Parameters<TopicHome["transport"]["read"]>[2]) =>
      home.transport.read(attempt, this.#hello(), events)
    this.#stream = new Lasting(open, home.clock, home.reconnect, {
      message: ({ what }) => what && this.#heard(what),
      writable: () => {},
      ended: (ended) => this.#ended(ended)
    })
    this.#stream.begin()
  }

  /** Where a later reader goes on, with `from: { offsets }`: behind what `next` has given. Empty until the server said where it begins. */
  position(): ReadonlyArray<TopicOffset> {
    return [...this.#positions.values()].sort((a, b) => a.partition - b.partition)
  }

  async next(): Promise<IteratorResult<TopicBatch, undefined>> {
    for (;;) {
      const one = this.#queue.shift()
      if (one === undefined) {
        if (this.#error !== undefined) throw this.#error
        if (this.#done) return { done: true, value: undefined }
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      this.#bytes -= one.bytes
      this.#hold()
      const batch = this.#given(one.response)
      if (batch !== undefined) return { done: false, value: batch }
    }
  }

  async return(): Promise<IteratorResult<TopicBatch, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** What waits is not given any more; who waits in `next` is told that it is the end. */
  async close(): Promise<void> {
    if (this.#done) return
    this.#done = true
    this.#queue = []
    this.#home.closed(this)
    this.#wake()
    await this.#stream.close(true)
  }

  #hello(): ReadRequest {
    const { begins, filter, fields, partitions, overflow, delta } = this.#options
    const offsets = this.position().map(sentOffset)
    const start: Start = this.#started
      ? { at: { $case: "offsets", value: { offsets, othersEarliest: true } } }
      : begins.start
    return {
      ...{ topic: this.#topic, start, filter, fields: [...fields], partitions: [...partitions], grantedBytes: 0n },
      ...{ overflow, delta, acceptsZstd: this.#home.transport.zstd !== undefined }
    }
  }

  #heard(response: NonNullable<ReadResponse["what"]>): void {
    const bytes = response.$case === "batch" ? sizeOf(response.value) : 64
    this.#queue.push({ response, bytes })
    this.#bytes += bytes
    this.#hold()
    this.#wake()
  }

  /** ZR4 */
  #hold(): void {
    const wanted = this.#bytes > most
    if (wanted === this.#held) return
    this.#held = wanted
    this.#stream.call?.hold(wanted)
  }

  #ended(ended: Ended): void {
    const outrun = ended.status === OVERFLOWED && this.#options.overflow === Overflow.OVERFLOW_DISCONNECT
    if (isFinal(ended) || outrun) {
      this.#fail(errorOf(`reading ${this.#topic} ended`, ended))
      return
    }
    this.#queue = [] // ZR1
    this.#bytes = 0
    this.#held = false
    this.#options.onReconnect?.(ended)
  }

  /** What waits is given first. */
  #fail(error: Error): void {
    this.#error ??= error
    this.#home.closed(this)
    void this.#stream.close(true)
    this.#wake()
  }

  #given(response: NonNullable<ReadResponse["what"]>): TopicBatch | undefined {
    switch (response.$case) {
      case "started":
        for (const offset of response.value.offsets) this.#begun(offsetOf(offset))
        this.#started = true
        return undefined
      case "live":
        this.#options.onLive?.()
        return undefined
      case "filtered": {
        const { looked, matched, missing, failed, costly, missingField } = response.value
        const [its, news] = [this.#figures, [looked, matched, missing, failed, costly].map(Number)]
        for (let i = 0; i < its.length; i++) its[i]! += news[i]!
        if (missingField !== "") this.#missingField = missingField
        this.#options.onFiltered?.({
          ...{ looked: its[0]!, matched: its[1]!, missing: its[2]!, failed: its[3]!, costly: its[4]! },
          missingField: this.#missingField
        })
        return undefined
      }
      case "gap": {
        const { partition, epoch, from, to, why } = response.value
        this.#gap({ partition, epoch, from: Number(from), to: Number(to), why })
        return undefined
      }
      case "batch":
        return this.#batch(response.value)
    }
  }

  #unpacked({ events, compressed, partition }: EventBatch): EventBatch["events"] {
    if (compressed.length === 0) return events
    try {
      return EventBatchCodec.decode(this.#home.transport.zstd!(compressed, mostUnpacked)).events
    } catch (cause) {
      const what = `events of partition ${partition} of ${this.#topic} can't be unpacked: ${messageOf(cause)}`
      throw this.#thrown(new TopicError(errors.EventsGone.code, `${what}.`, { cause }))
    }
  }

  /** ZR5 */
  #whole(events: EventBatch["events"], { changed, partition }: EventBatch): EventBatch["events"] {
    if (changed.length === 0) return events
    const whole = wholeOf(events, changed)
    if (whole !== undefined) return whole
    const what = `events of partition ${partition} of ${this.#topic} are differences to others than came`
    throw this.#thrown(new TopicError(errors.EventsGone.code, `${what}.`))
  }

  /** ZR3 */
  #begun(offset: TopicOffset): void {
    const { partition, epoch } = offset
    const had = this.#positions.get(partition)
    if (had !== undefined && had.epoch === epoch) {
      if (offset.offset > had.offset)
        this.#gap({ partition, epoch, from: had.offset, to: offset.offset, why: "retention" })
      return
    }
    if (had !== undefined) this.#gap({ partition, epoch, from: had.offset, to: offset.offset, why: "epoch" })
    this.#positions.set(partition, offset)
  }

  #gap(gap: TopicGap): void {
    const { partition, epoch, to } = gap
    const had = this.#positions.get(partition)
    if (had?.epoch === epoch && to <= had.offset) return
    if (gap.why === "empty") {
      this.#positions.set(partition, { partition, epoch, offset: to })
      return // nothing is missing
    }
    if (this.#options.onGap === undefined) {
      const what = `partition ${partition} of ${this.#topic}: events from ${gap.from} to before ${to} are not there (${gap.why})`
      throw this.#thrown(new TopicError(errors.EventsGone.code, `${what}. ${errors.EventsGone.fix}`))
    }
    this.#positions.set(partition, { partition, epoch, offset: to })
    this.#options.onGap(gap) // ZR2
  }

  #thrown(error: Error): Error {
    this.#queue = []
    this.#fail(error)
    return error
  }

  #batch(sent: EventBatch): TopicBatch | undefined {
    const { partition, epoch } = sent
    const events = this.#whole(this.#unpacked(sent), sent)
    const had = this.#positions.get(partition)
    if (had !== undefined && had.epoch !== epoch)
      this.#gap({ partition, epoch, from: had.offset, to: Number(sent.firstOffset), why: "epoch" })
    const given: Array<Received> = []
    let offset = Number(sent.firstOffset)
    const timeOf = times(sent)
    for (let i = 0; i < events.length; i++) {
      if (sent.steps.length > 0) offset += sent.steps[i] ?? 1
      else if (i > 0) offset++
      const isNew = had === undefined || had.epoch !== epoch || offset >= had.offset // ZR2
      if (isNew) given.push(received(this.#topic, { partition, epoch, offset }, timeOf(i), events[i]!))
    }
    const looked = Math.max(Number(sent.nextOffset), events.length === 0 ? 0 : offset + 1)
    const next = Math.max(looked, had?.epoch === epoch ? had.offset : 0)
    this.#positions.set(partition, { partition, epoch, offset: next })
    if (given.length === 0) return undefined
    return { partition, epoch, events: given, next, leftOut: Number(sent.leftOut) }
  }
}

const sizeOf = ({ events, compressed }: EventBatch): number =>
  compressed.length + events.reduce((sum, { payload, key }) => sum + payload.length + key.length + 64, 64)

/** When Herald had each of a batch's events, asked for one after the other. Milliseconds since 1970. */
const times = ({ publishedMs, later }: Pick<EventBatch, "publishedMs" | "later">): ((event: number) => number) => {
  let now = Number(publishedMs)
  let at = 0
  let until = later[0] ?? Number.POSITIVE_INFINITY
  return (event) => {
    for (; event >= until; until += later[at] ?? Number.POSITIVE_INFINITY) {
      now += Number(later[at + 1] ?? 0)
      at += 2
    }
    return now
  }
}
