/**
 * Connections to Kafka's brokers, of kafkajs: it connects, encrypts and authenticates; what is asked is ours, as kafkajs has no fetch of its own
 * and one identity for all that a process writes.
 *
 *   KQ1  A connection that failed or did not answer in time is thrown away: nothing that was asked over it before is answered later.
 *   KQ3  A question has one deadline, whatever it takes to ask it: a Kafka that is frozen holds nobody up for longer than others' leases last.
 *   KQ2  What Kafka says of one topic is that topic's alone, whoever is asked for in the same request (KQ4): one that is gone takes nobody else along.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Kafka } from "kafkajs"
import { type Address, type Described, describe, type Metadata } from "./Describing.ts"
import { type Broker, clusterOf, type Inside, requestOf } from "./Inside.ts"
import { inTime } from "./InTime.ts"
import { type Call, codes, offsets, Refused, type Sought } from "./Protocol.ts"
import { Together } from "./Together.ts"
import { coordinator } from "./Transactions.ts"
import { OwnWords } from "./Words.ts"

/** Milliseconds until an answer to what is written. */
const PATIENCE = 4_000
/** For all that a question takes: finding who leads, a connection, tries. Leases of those who ask last longer. KQ3 */
export const QUESTION = 3_000
/** For what Kafka itself has seconds. */
const LONG_PATIENCE = 12_000
/** Topics whose leaders are remembered. */
const MOST_TOPICS = 10_000
/** Names, or partitions, of one request. KQ4 */
const [MOST_NAMES, MOST_PARTITIONS] = [250, 10_000]
/** Brokers to which questions are put together. */
const MOST_BROKERS = 1_000

/** Kafka's own words for it, or a connection's. */
export const isRefused = (cause: unknown): cause is Refused => cause instanceof Refused

/** Another broker leads by now, or leads only just, or has not heard of the topic yet. */
const LED_ELSEWHERE: ReadonlyArray<number> = [5, 6, 74, 75, 76, 78, codes.UNKNOWN_TOPIC_ID, codes.INCONSISTENT_TOPIC_ID]
/** Milliseconds before it is asked again. */
const AGAIN = [0, 50, 100, 200, 400]

/** A question that may be asked again: who leads may have changed, and a connection may have been closed at its other end. */
const again = async <A>(left: () => number, run: () => Promise<A>): Promise<A> => {
  for (let tries = 0; ; tries++)
    try {
      return await run()
    } catch (cause) {
      const passing = isRefused(cause)
        ? LED_ELSEWHERE.includes(cause.code)
        : Object(cause).name !== "KafkaJSRequestTimeoutError" && tries < 2
      const wait = AGAIN[tries]
      if (!passing || wait === undefined || left() <= wait) throw cause
      await sleep(wait)
    }
}

/** What Kafka has of a topic. */
interface Found {
  readonly brokers: Metadata["brokers"]
  /** Undefined: nothing. */
  readonly topic: Described | undefined
}

/** KQ4 */
const together = (metadata: (names: ReadonlyArray<string>, left: () => number) => Promise<Metadata>) =>
  new Together<string, Found>({
    same: (name) => name,
    name: (name) => name,
    weight: () => 1,
    most: MOST_NAMES,
    ask: async (names, left) => {
      const { brokers, topics } = await metadata(names, left)
      return names.map((name) => {
        const topic = topics.get(name)
        return topic instanceof Refused ? topic : { brokers, topic }
      })
    }
  })

export interface BrokersOptions {
  /** Milliseconds that only ever grow. */
  readonly now?: () => number
  /** Told what a connection said that failed, in the words of whoever said it: for the log. */
  readonly failed?: (broker: string, cause: unknown) => void
}

export class Brokers {
  readonly #cluster: Inside
  readonly #now: () => number
  readonly #failed: (broker: string, cause: unknown) => void
  readonly #brokers = new Map<string, Promise<Broker>>()
  /** Of topics of which each partition has one. */
  readonly #leaders = new Map<string, Found>()
  readonly #described = together((names, left) => this.#ask(undefined, describe(names), left))
  readonly #decided = together((names) => this.askController(describe(names)))
  /** By broker, and whether transactions have to be ended. */
  readonly #ends = new Map<string, Together<Sought, ReadonlyMap<number, number>>>()

  constructor(kafka: Kafka, { now = () => performance.now(), failed = () => {} }: BrokersOptions = {}) {
    this.#cluster = clusterOf(kafka)
    this.#now = now
    this.#failed = failed
  }

  /** How many milliseconds are left of so many. */
  #leftOf(millis: number): () => number {
    const until = this.#now() + millis
    return () => until - this.#now()
  }

  async #open(at: Address | undefined): Promise<Broker> {
    const { connectionPoolBuilder, brokerPool, rootLogger } = this.#cluster
    const broker = brokerPool.createBroker({
      connectionPool: await connectionPoolBuilder.build(at),
      logger: rootLogger
    })
    try {
      await broker.connect()
      return broker
    } catch (cause) {
      await broker.disconnect().catch(() => {})
      throw cause
    }
  }

  /** KQ1. Undefined: any of those that are set. */
  async #ask<A>(at: Address | undefined, call: Call<A>, left: () => number, sent?: () => void): Promise<A> {
    const key = at === undefined ? "" : `${at.host}:${at.port}`
    const held = this.#brokers.get(key) ?? this.#open(at)
    this.#brokers.set(key, held)
    try {
      const { connectionPool, versions } = await inTime(held, left())
      const { better } = call
      const speaks = better !== undefined && (versions?.[better.key]?.maxVersion ?? 0) >= better.version
      sent?.()
      return await connectionPool.send(requestOf(speaks ? better : call, Math.max(1, Math.ceil(left()))))
    } catch (cause) {
      if (!isRefused(cause)) {
        if (!(cause instanceof OwnWords)) this.#failed(key, cause)
        if (this.#brokers.get(key) === held) this.#brokers.delete(key)
        held.then((broker) => broker.disconnect()).catch(() => {})
      }
      throw cause
    }
  }

  async #find(name: string, left: () => number): Promise<Found> {
    const found = await this.#described.ask(name, left)
    const { topic } = found
    if (topic === undefined || ![...topic.leaders.values()].every((leader) => leader >= 0)) this.#leaders.delete(name)
    else {
      if (this.#leaders.size >= MOST_TOPICS) this.#leaders.clear()
      this.#leaders.set(name, found)
    }
    return found
  }

  /** What Kafka has under a name, as of now. KQ4 */
  async look(name: string): Promise<Described | undefined> {
    const left = this.#leftOf(QUESTION)
    return (await again(left, () => this.#find(name, left))).topic
  }

  /** The same as whoever makes and removes topics says it. */
  async lookTwice(name: string): Promise<Described | undefined> {
    return (await this.#decided.ask(name, this.#leftOf(QUESTION))).topic
  }

  /** `wanted`: partitions that have to be known, as they may be newer than what is remembered. */
  async #leadersOf(name: string, wanted: ReadonlyArray<number>, left: () => number) {
    const held = this.#leaders.get(name)
    const isKnown = held !== undefined && wanted.every((partition) => held.topic?.leaders.has(partition))
    const { brokers, topic } = isKnown ? held : await this.#find(name, left)
    if (topic === undefined) throw new Refused("Metadata", codes.UNKNOWN_TOPIC_OR_PARTITION)
    return { brokers, leaders: topic.leaders }
  }

  /** Asks the leader of a partition what may be asked again. */
  ask<A>(topic: string, partition: number, call: Call<A>): Promise<A> {
    const left = this.#leftOf(QUESTION)
    return again(left, () => this.#tell(topic, partition, call, left))
  }

  /** Asks the leader of a partition, once. `sent` is called when it goes out: from then on it may have been done. */
  tell<A>(topic: string, partition: number, call: Call<A>, sent?: () => void): Promise<A> {
    return this.#tell(topic, partition, call, this.#leftOf(PATIENCE), sent)
  }

  async #tell<A>(topic: string, partition: number, call: Call<A>, left: () => number, sent?: () => void): Promise<A> {
    try {
      const { brokers, leaders } = await this.#leadersOf(topic, [partition], left)
      const leader = leaders.get(partition)
      if (leader === undefined) throw new Refused(call.name, codes.UNKNOWN_TOPIC_OR_PARTITION)
      const at = brokers.get(leader)
      if (at === undefined) throw new OwnWords(`partition ${partition} of ${topic} has no leader now`)
      return await this.#ask(at, call, left, sent)
    } catch (cause) {
      this.#leaders.delete(topic)
      throw cause
    }
  }

  /** Where partitions of a topic are at a time: as `Sought`. Each leader is asked at once, with what others ask it. KQ4 */
  offsets(sought: Sought, committed: boolean): Promise<ReadonlyMap<number, number>> {
    const left = this.#leftOf(QUESTION)
    return again(left, () => this.#offsets(sought, committed, left))
  }

  async #offsets(sought: Sought, committed: boolean, left: () => number): Promise<ReadonlyMap<number, number>> {
    const { topic, partitions } = sought
    try {
      const { brokers, leaders } = await this.#leadersOf(topic, partitions, left)
      const led = partitions.filter((partition) => leaders.has(partition))
      const by = Map.groupBy(led, (partition) => leaders.get(partition)!)
      const all = await Promise.all(
        [...by].map(async ([leader, its]) => {
          const at = brokers.get(leader) // what is thrown is one rejection among the others: KQ6
          if (at === undefined) throw new OwnWords(`a partition of ${topic} has no leader now`)
          return this.#endsAt(at, committed).ask({ ...sought, partitions: its }, left)
        })
      )
      return new Map(all.flatMap((answers) => [...answers]))
    } catch (cause) {
      this.#leaders.delete(topic)
      throw cause
    }
  }

  #endsAt(at: Address, committed: boolean) {
    const key = `${at.host}:${at.port}/${committed}`
    const held = this.#ends.get(key)
    if (held !== undefined) return held
    const one = new Together<Sought, ReadonlyMap<number, number>>({
      same: ({ topic, time, partitions }) => `${topic}/${time}/${partitions}`,
      name: ({ topic }) => topic,
      weight: ({ partitions }) => partitions.length,
      most: MOST_PARTITIONS,
      ask: async (all, left) => {
        const found = await this.#ask(at, offsets(all, committed), left)
        return all.map(({ topic }) => found.get(topic) ?? new Refused("ListOffsets", codes.UNKNOWN_TOPIC_OR_PARTITION))
      }
    })
    if (this.#ends.size >= MOST_BROKERS) this.#ends.clear() // what waits there goes on
    this.#ends.set(key, one)
    return one
  }

  /** Asks any of those that are set. */
  askAny<A>(call: Call<A>): Promise<A> {
    const left = this.#leftOf(QUESTION)
    return again(left, () => this.#ask(undefined, call, left))
  }

  /** Which brokers there are. */
  cluster(): Promise<Metadata> {
    return this.askAny(describe([]))
  }

  /** Asks who makes and removes topics, once. `sent`: as of `tell`. */
  async askController<A>(call: Call<A>, sent?: () => void): Promise<A> {
    const { controller } = await this.cluster()
    return await this.#ask(controller, call, this.#leftOf(LONG_PATIENCE), sent)
  }

  /** Asks who keeps a transactional id. */
  async askKeeper<A>(id: string, call: Call<A>): Promise<A> {
    const left = this.#leftOf(PATIENCE)
    return await this.#ask(await this.#ask(undefined, coordinator(id), left), call, left)
  }

  /** Nobody's answers are waited for any more. */
  async close(): Promise<void> {
    const all = [...this.#brokers.values()]
    this.#brokers.clear()
    await Promise.all(all.map((held) => held.then((broker) => broker.disconnect()).catch(() => {})))
  }
}
