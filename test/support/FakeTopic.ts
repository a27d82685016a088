/**
 * A topic as a server has it, in memory, for what the SDK has for topics: never kinder than the real one. What a producer may do is judged by the
 * server's own model; a batch may be appended and its answer lost, and each stream may be cut at any message.
 */
import type {
  ConsumeRequest,
  ConsumeResponse,
  Event,
  OpenProducerRequest,
  OpenProducerResponse,
  Problem,
  PublishEventsRequest,
  PublishEventsResponse,
  PublishStreamRequest,
  PublishStreamResponse,
  ReadRequest,
  ReadResponse
} from "../../proto/generated/herald/topics/v1/topics.ts"
import { NotAnswered } from "../../src/client/NotAnswered.ts"
import type { Call, CallEvents } from "../../src/client/Transport.ts"
import type { TopicTransport } from "../../src/client/topics/TopicTransport.ts"
import { judge, type Known, remembering } from "../../src/topics/Batch.ts"
import { FakeCall, GONE } from "./FakeCall.ts"
import { FakeReading } from "./FakeReading.ts"
import type { FakeSubscription } from "./FakeSubscription.ts"

export interface Stored {
  readonly event: Event
  readonly at: number
}

export interface FakePartition {
  epoch: number
  readonly events: Array<Stored>
  /** What is before it is not kept. */
  first: number
  readonly producers: Map<string, Known>
}

/** What goes wrong, each as a chance from 0 to 1. */
export interface Trouble {
  /** A stream is cut before a message is handled. */
  readonly before?: number
  /** It is cut after a batch was appended, before the answer. */
  readonly after?: number
  /** A batch is refused, and may be sent again. */
  readonly busy?: number
}

const problemOf = (code: string, retryAfterMs = 0n): Problem => ({
  code,
  message: `${code} happened.`,
  fix: "",
  retryAfterMs
})

export class FakeTopic implements TopicTransport {
  readonly zstd = undefined
  readonly partitions: Array<FakePartition>
  readonly subscriptions = new Map<string, FakeSubscription>()
  readonly epochs = new Map<string, number>()
  readonly calls = new Set<FakeCall<never, never>>()
  readonly #readers = new Set<FakeReading>()
  /** Payloads that begin with it are refused for good. */
  bad = "bad"
  /** Bytes that producers may have under way. */
  credit = 1_000_000n
  trouble: Trouble = {}
  random: () => number
  /** Streams that were opened. */
  opened = 0

  constructor(count: number, random: () => number = () => 0.999) {
    this.random = random
    this.partitions = Array.from({ length: count }, () => ({ epoch: 1, events: [], first: 0, producers: new Map() }))
  }

  get texts(): ReadonlyArray<string> {
    return this.partitions.flatMap(({ events }) => events.map(({ event }) => event.payload.toString()))
  }

  happens(chance: number | undefined): boolean {
    return chance !== undefined && this.random() < chance
  }

  cut(): void {
    for (const call of [...this.calls]) call.cut()
  }

  append(partition: number, ...events: ReadonlyArray<Partial<Event>>): void {
    const whole = events.map((event) => ({ key: "", payload: Buffer.alloc(0), timeMs: 0n, headers: {}, ...event }))
    this.#store(this.partitions[partition]!, whole)
  }

  publishStream = (_: number, events: CallEvents<PublishStreamResponse>): Call<PublishStreamRequest> => {
    const call = this.#call<PublishStreamRequest, PublishStreamResponse>(events)
    call.serve({
      left: () => this.calls.delete(call as never),
      heard: ({ id, publish }) => {
        if (this.happens(this.trouble.before)) return call.cut()
        const outcome = this.#publish(publish!)
        if (this.happens(this.trouble.after)) return call.cut()
        call.say({ id, creditBytes: this.credit, outcome })
      }
    })
    return call
  }

  read = (_: number, first: ReadRequest, events: CallEvents<ReadResponse>): Call<ReadRequest> => {
    const call = this.#call<ReadRequest, ReadResponse>(events)
    const reading = new FakeReading(this, call, first)
    this.#readers.add(reading)
    call.serve({
      left: () => {
        this.calls.delete(call as never)
        this.#readers.delete(reading)
      },
      heard: () => {}
    })
    reading.more()
    return call
  }

  consume = (_: number, first: ConsumeRequest, events: CallEvents<ConsumeResponse>): Call<ConsumeRequest> => {
    const call = this.#call<ConsumeRequest, ConsumeResponse>(events)
    const subscription = this.subscriptions.get(first.subscription)
    if (subscription === undefined) call.cut({ status: 5, code: "HRLD-2001", message: "there is no such subscription" })
    else subscription.join(call, first)
    return call
  }

  openProducer = async (_: number, { producerId }: OpenProducerRequest): Promise<OpenProducerResponse> => {
    if (this.happens(this.trouble.before)) throw new NotAnswered(GONE)
    const epoch = (this.epochs.get(producerId) ?? 0) + 1
    this.epochs.set(producerId, epoch)
    const sequences: OpenProducerResponse["sequences"] = []
    this.partitions.forEach(({ producers }, partition) => {
      const known = producers.get(producerId)
      if (known !== undefined) sequences.push({ partition, sequence: BigInt(known.sequence) })
      producers.set(producerId, { epoch, sequence: known?.sequence ?? 0, runs: known?.runs ?? [] })
    })
    if (this.happens(this.trouble.after)) throw new NotAnswered(GONE)
    return { epoch, sequences, partitions: this.partitions.length }
  }

  publish = async (_: number, request: PublishEventsRequest): Promise<PublishEventsResponse> => {
    if (this.happens(this.trouble.before)) throw new NotAnswered(GONE)
    const outcome = this.#publish(request)
    if (this.happens(this.trouble.after)) throw new NotAnswered(GONE)
    if (outcome.$case === "published") return outcome.value
    const { code, message, retryAfterMs } = outcome.value
    throw new NotAnswered({
      ...GONE,
      status: 3,
      code,
      message,
      reconnectAfterMillis: Number(retryAfterMs) || undefined
    })
  }

  close = (): void => {}

  #call<I, O>(events: CallEvents<O>): FakeCall<I, O> {
    this.opened++
    const call = new FakeCall<I, O>(events)
    this.calls.add(call as never)
    return call
  }

  #publish({
    events,
    partition = 0,
    producerId,
    producerEpoch,
    sequence
  }: PublishEventsRequest): NonNullable<PublishStreamResponse["outcome"]> {
    const refused = (problem: Problem) => ({ $case: "problem" as const, value: problem })
    const at = Math.max(0, partition)
    const home = this.partitions[at]!
    if (events.some(({ payload }) => payload.toString().startsWith(this.bad))) return refused(problemOf("HRLD-1003"))
    if (this.happens(this.trouble.busy)) return refused(problemOf("HRLD-3008", 1n))
    if (producerId === "") return this.#placed(at, [], this.#store(home, events), events.length)
    const judged = judge(
      home.producers.get(producerId),
      { producer: producerId, epoch: producerEpoch, sequence: Number(sequence) },
      events.length
    )
    if (judged.is === "fenced") return refused(problemOf("HRLD-2074"))
    if (judged.is === "sequence-gap") return refused(problemOf("HRLD-2075"))
    if (judged.is === "unknown-producer") return refused(problemOf("HRLD-2076"))
    if (judged.is !== "fresh") throw new Error(`not here: ${judged.is}`)
    const there = judged.there.map(({ offset, count }) => ({
      ...{ count, duplicate: true },
      first: offset === undefined ? undefined : { partition: at, epoch: home.epoch, offset: BigInt(offset) },
      indexes: []
    }))
    const fresh = events.slice(judged.skip)
    const offset = this.#store(home, fresh)
    const run = { first: Number(sequence) + judged.skip, count: fresh.length, offset }
    if (fresh.length > 0) home.producers.set(producerId, remembering(home.producers.get(producerId)!, run))
    return this.#placed(at, there, offset, fresh.length)
  }

  #placed(partition: number, there: PublishEventsResponse["placed"], offset: number, count: number) {
    const first = { partition, epoch: this.partitions[partition]!.epoch, offset: BigInt(offset) }
    const placed = count === 0 ? there : [...there, { first, count, duplicate: false, indexes: [] }]
    return { $case: "published" as const, value: { placed, partitions: this.partitions.length, unplaced: [] } }
  }

  #store({ events }: FakePartition, fresh: ReadonlyArray<Event>): number {
    const offset = events.length
    events.push(...fresh.map((event) => ({ event, at: events.length + 1 })))
    for (const reader of [...this.#readers]) reader.more()
    for (const subscription of this.subscriptions.values()) subscription.more()
    return offset
  }
}
