/**
 * Connections to Kafka's brokers, of kafkajs: it connects, encrypts and authenticates; what is asked is ours, as kafkajs has no fetch of its own
 * and one identity for all that a process writes.
 *
 *   KQ1  A connection that failed or did not answer in time is thrown away: nothing that was asked over it before is answered later.
 *   KQ3  A question has one deadline, whatever it takes to ask it: a Kafka that is frozen holds nobody up for longer than others' leases last.
 *   KQ2  What one topic's brokers are is asked for that topic alone: one that is gone takes nobody else along.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Kafka } from "kafkajs"
import { type Cluster, cluster } from "./Administering.ts"
import { Reader } from "./Bytes.ts"
import { type Call, codes, type Leaders, metadata, Refused } from "./Protocol.ts"
import { coordinator } from "./Transactions.ts"

/** Milliseconds until an answer to what is written. */
const PATIENCE = 4_000
/** For all that a question takes: finding who leads, a connection, tries. Leases of those who ask last longer. KQ3 */
export const QUESTION = 3_000
/** For what Kafka itself has seconds. */
const LONG_PATIENCE = 12_000
/** Topics whose leaders are remembered. */
const MOST_TOPICS = 10_000

interface Request<A> {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    /** What kafkajs takes for an encoder: `buf` is looked at, `buffer` is sent. */
    readonly encode: () => Promise<{ readonly buffer: Buffer; readonly buf: Buffer }>
  }
  readonly response: {
    readonly decode: (raw: Buffer) => Promise<{ readonly clientSideThrottleTime: number; readonly answer: A }>
    readonly parse: (decoded: { readonly answer: A }) => Promise<A>
  }
  readonly requestTimeout: number
  readonly logResponseError: boolean
}

interface Pool {
  readonly send: <A>(request: Request<A>) => Promise<A>
}

interface Broker {
  readonly connectionPool: Pool
  readonly connect: () => Promise<void>
  readonly disconnect: () => Promise<void>
}

/** What is used of kafkajs behind its public door. It is held by tests, and by the exact version in package.json. */
interface Inside {
  readonly rootLogger: unknown
  readonly connectionPoolBuilder: {
    readonly build: (at?: { readonly host: string; readonly port: number }) => Promise<Pool>
  }
  readonly brokerPool: {
    readonly createBroker: (options: { readonly connectionPool: Pool; readonly logger: unknown }) => Broker
  }
}

const clusterOf = (kafka: Kafka): Inside => {
  const door = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === "private:Kafka:createCluster"
  )
  const make = door && (kafka as unknown as Record<symbol, (options: object) => Inside>)[door]
  if (make === undefined) throw new Error("this version of kafkajs makes connections in another way")
  return make.call(kafka, { allowAutoTopicCreation: false })
}

const requestOf = <A>({ name, key, version, body, read }: Call<A>, patience: number): Request<A> => ({
  request: { apiKey: key, apiVersion: version, apiName: name, encode: async () => ({ buffer: body, buf: body }) },
  response: {
    decode: async (raw) => ({ clientSideThrottleTime: 0, answer: read(new Reader(raw)) }),
    parse: async ({ answer }) => answer
  },
  requestTimeout: patience,
  logResponseError: false
})

/** Kafka's own words for it, or a connection's. */
export const isRefused = (cause: unknown): cause is Refused => cause instanceof Refused

/** Another broker leads by now, or leads only just. */
const LED_ELSEWHERE = [5, 6, 74, 75, 76, 78]
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

/** Rejects when `millis` are over. */
const inTime = async <A>(promise: Promise<A>, millis: number): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("Kafka did not answer in time")), Math.max(0, millis))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export class Brokers {
  readonly #cluster: Inside
  readonly #now: () => number
  readonly #brokers = new Map<string, Promise<Broker>>()
  readonly #leaders = new Map<string, Leaders>()

  /** `now`: milliseconds that only ever grow. */
  constructor(kafka: Kafka, now: () => number = () => performance.now()) {
    this.#cluster = clusterOf(kafka)
    this.#now = now
  }

  /** How many milliseconds are left of so many. */
  #leftOf(millis: number): () => number {
    const until = this.#now() + millis
    return () => until - this.#now()
  }

  async #open(at: { readonly host: string; readonly port: number } | undefined): Promise<Broker> {
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
  async #ask<A>(
    at: { readonly host: string; readonly port: number } | undefined,
    call: Call<A>,
    left: () => number,
    sent?: () => void
  ): Promise<A> {
    const key = at === undefined ? "" : `${at.host}:${at.port}`
    const held = this.#brokers.get(key) ?? this.#open(at)
    this.#brokers.set(key, held)
    try {
      const { connectionPool } = await inTime(held, left())
      sent?.()
      return await connectionPool.send(requestOf(call, Math.max(1, Math.ceil(left()))))
    } catch (cause) {
      if (!isRefused(cause)) {
        if (this.#brokers.get(key) === held) this.#brokers.delete(key)
        held.then((broker) => broker.disconnect()).catch(() => {})
      }
      throw cause
    }
  }

  /** `wanted`: partitions that have to be known, as they may be newer than what is remembered. */
  async leadersOf(
    topic: string,
    wanted: ReadonlyArray<number>,
    left: () => number = this.#leftOf(QUESTION)
  ): Promise<Leaders> {
    const held = this.#leaders.get(topic)
    if (held !== undefined && wanted.every((partition) => held.leaders?.has(partition))) return held
    const found = await this.#ask(undefined, metadata(topic), left)
    if (this.#leaders.size >= MOST_TOPICS) this.#leaders.clear()
    if (found.leaders !== undefined && [...found.leaders.values()].every((leader) => leader >= 0))
      this.#leaders.set(topic, found)
    return found
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
      const { brokers, leaders } = await this.leadersOf(topic, [partition], left)
      const leader = leaders?.get(partition)
      if (leader === undefined) throw new Refused(call.name, codes.UNKNOWN_TOPIC_OR_PARTITION)
      const at = brokers.get(leader)
      if (at === undefined) throw new Error(`partition ${partition} of ${topic} has no leader now`)
      return await this.#ask(at, call, left, sent)
    } catch (cause) {
      this.#leaders.delete(topic)
      throw cause
    }
  }

  /** Asks each leader for its partitions, at once. */
  askAll<A>(
    topic: string,
    partitions: ReadonlyArray<number>,
    call: (partitions: ReadonlyArray<number>) => Call<ReadonlyMap<number, A>>
  ): Promise<ReadonlyMap<number, A>> {
    const left = this.#leftOf(QUESTION)
    return again(left, () => this.#askAll(topic, partitions, call, left))
  }

  async #askAll<A>(
    topic: string,
    partitions: ReadonlyArray<number>,
    call: (partitions: ReadonlyArray<number>) => Call<ReadonlyMap<number, A>>,
    left: () => number
  ): Promise<ReadonlyMap<number, A>> {
    try {
      const { brokers, leaders } = await this.leadersOf(topic, partitions, left)
      if (leaders === undefined) throw new Refused("Metadata", codes.UNKNOWN_TOPIC_OR_PARTITION)
      const by = new Map<number, Array<number>>()
      for (const partition of partitions) {
        const leader = leaders.get(partition)
        if (leader === undefined) continue
        const its = by.get(leader)
        if (its === undefined) by.set(leader, [partition])
        else its.push(partition)
      }
      const all = await Promise.all(
        [...by].map(([leader, its]) => {
          const at = brokers.get(leader)
          if (at === undefined) throw new Error(`a partition of ${topic} has no leader now`)
          return this.#ask(at, call(its), left)
        })
      )
      return new Map(all.flatMap((answers) => [...answers]))
    } catch (cause) {
      this.#leaders.delete(topic)
      throw cause
    }
  }

  /** Asks any of those that are set. */
  askAny<A>(call: Call<A>): Promise<A> {
    const left = this.#leftOf(QUESTION)
    return again(left, () => this.#ask(undefined, call, left))
  }

  cluster(): Promise<Cluster> {
    return this.askAny(cluster)
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
