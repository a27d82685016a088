/**
 * Publishers in a process of their own, by the SDK or by kafkajs, each on a connection of its own. Forked: `TopicPublishers.ts <way> <address> <token>`; told
 * what to publish, tells what became of it. Events are made before it is measured; whoever publishes encodes.
 */
import { Topics } from "../../src/client/topics/Topics.ts"
import { spreadOf } from "../support/Numbers.ts"
import { closedLoop, nanos, openLoop } from "../support/Pace.ts"
import { tick } from "../support/Ticks.ts"

export type Way = "herald" | "kafka"

export interface Publishing {
  readonly topic: string
  readonly partitions: number
  readonly producers: number
  /** Batches of each producer. */
  readonly inFlight: number
  /** Events of a batch. */
  readonly batch: number
  readonly seconds: number
  /** Events a second, whatever the answers do; undefined: as fast as they come. */
  readonly perSecond?: number
}

export interface PublishersSaw {
  readonly events: number
  /** Events a second. */
  readonly rate: number
  /** Milliseconds from a batch that is handed over, or should be, to the answer that it is durable. */
  readonly p50: number
  readonly p99: number
  /** Microseconds of this process an event. */
  readonly client: number
  readonly wrong: ReadonlyArray<string>
}

/** Publishes a batch; gives the offset of its first event. */
interface Publisher {
  readonly send: (
    partition: number,
    payloads: ReadonlyArray<Uint8Array>,
    keys: ReadonlyArray<string>
  ) => Promise<number>
  readonly close: () => Promise<unknown>
}

const [, , way, address = "", token = ""] = process.argv

const herald = async (topic: string, inFlight: number, n: number): Promise<Publisher> => {
  const topics = new Topics({ address, token })
  const producer = await topics.topic(topic).producer({ id: `p${n}`, inFlight })
  return {
    send: async (partition, payloads, keys) => {
      const [placed, ...more] = await producer.send(
        payloads.map((payload, at) => ({ key: keys[at], payload })),
        { partition }
      )
      if (placed?.offset === undefined || placed.duplicate || more.length > 0)
        throw new Error(`a batch came to be ${JSON.stringify([placed, ...more])}`)
      return placed.offset
    },
    close: () => topics.close()
  }
}

const kafka = async (topic: string, inFlight: number, n: number): Promise<Publisher> => {
  const { Kafka, logLevel } = await import("kafkajs")
  const client = new Kafka({ clientId: `p${n}`, brokers: [address], logLevel: logLevel.NOTHING })
  const producer = client.producer({ allowAutoTopicCreation: false, maxInFlightRequests: inFlight })
  await producer.connect()
  return {
    send: async (partition, payloads, keys) => {
      const [placed] = await producer.send({
        topic,
        acks: -1,
        messages: payloads.map((value, at) => ({ key: keys[at]!, value: value as Buffer, partition }))
      })
      return Number(placed!.baseOffset)
    },
    close: () => producer.disconnect()
  }
}

const BATCHES = 64

const atRate = async (perSecond: number, seconds: number, send: (n: number) => Promise<void>) => {
  const took: Array<number> = []
  const start = performance.now()
  await openLoop(perSecond, perSecond * seconds, async (n, at) => {
    await send(n)
    took.push((nanos() - at) / 1e6)
  })
  return { took, seconds: (performance.now() - start) / 1_000 }
}

const publish = async (wish: Publishing): Promise<PublishersSaw> => {
  const { topic, partitions, producers, inFlight, batch, seconds, perSecond } = wish
  const wrong: Array<string> = []
  const batches = Array.from({ length: BATCHES }, (_, at) => ({
    payloads: Array.from({ length: batch }, (_, n) => Buffer.from(tick(at * batch + n))),
    keys: Array.from({ length: batch }, (_, n) => `S${(at * batch + n) % 500}`)
  }))
  const all = await Promise.all(
    Array.from({ length: producers }, (_, n) => (way === "kafka" ? kafka : herald)(topic, inFlight, n))
  )
  const newest = new Array<number>(producers).fill(-1)
  let events = 0
  const own = process.cpuUsage()
  const send = async (slot: number, n: number): Promise<void> => {
    const of = slot % producers
    const { payloads, keys } = batches[(slot * 7 + n) % BATCHES]!
    try {
      const offset = await all[of]!.send(of % partitions, payloads, keys)
      if (way === "herald" && offset <= newest[of]!) wrong.push(`offset ${offset} came after ${newest[of]}`)
      newest[of] = Math.max(offset, newest[of]!)
      events += batch
    } catch (error) {
      wrong.push((error as Error).message)
    }
  }
  const { took, seconds: lasted } = await (perSecond === undefined
    ? closedLoop(producers * inFlight, seconds, send)
    : atRate(perSecond / batch, seconds, (n) => send(n % producers, Math.floor(n / producers))))
  const { user, system } = process.cpuUsage(own)
  await Promise.all(all.map(({ close }) => close()))
  const { p50, p99 } = spreadOf(took)
  return { events, rate: events / lasted, p50, p99, client: (user + system) / events, wrong: wrong.slice(0, 20) }
}

process.on("message", (wish: Publishing) => {
  publish(wish).then(
    (saw) => process.send!(saw),
    (error: Error) => {
      process.stderr.write(`${error.stack}\n`)
      process.exit(1)
    }
  )
})
process.on("disconnect", () => process.exit())
