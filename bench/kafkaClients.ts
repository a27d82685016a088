/**
 * Clients of Kafka for Node beside each other: batches of 500 events of 600 bytes, acknowledged by all replicas, in turns, then all of them read
 * back. kafkajs is Herald's (decision 0006); the other is not a dependency: `npm install --no-save @platformatic/kafka@1.35.0`.
 */
import { KafkaServer } from "../test/support/Kafka.ts"
import { short } from "./support/Numbers.ts"
import { cpuSeconds, until } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"

const BATCH = 500
const value = JSON.stringify("x".repeat(600))

interface Client {
  readonly connect: (
    address: string,
    topic: string
  ) => Promise<{
    readonly send: (keys: ReadonlyArray<string>) => Promise<unknown>
    /** Counts what comes, from the beginning. */
    readonly read: (each: (count: number) => void) => Promise<unknown>
    readonly close: () => Promise<unknown>
  }>
}

const kafkajs: Client = {
  connect: async (address, topic) => {
    const { Kafka, logLevel } = await import("kafkajs")
    const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
    const consumer = kafka.consumer({ groupId: `read-${topic}`, maxWaitTimeInMs: 100 })
    await producer.connect()
    return {
      send: (keys) => producer.send({ topic, acks: -1, messages: keys.map((key) => ({ key, value })) }),
      read: async (each) => {
        await consumer.connect()
        await consumer.subscribe({ topic, fromBeginning: true })
        await consumer.run({ eachBatch: async ({ batch }) => each(batch.messages.length) })
      },
      close: () => Promise.all([producer.disconnect(), consumer.disconnect()])
    }
  }
}

const platformatic: Client = {
  connect: async (address, topic) => {
    const name = "@platformatic/kafka"
    const found = await import(name).catch(() => {
      throw new Error(`${name} is not installed: npm install --no-save ${name}@1.35.0`)
    })
    const common = { clientId: "bench", bootstrapBrokers: [address] }
    const producer = new found.Producer({ ...common, idempotent: true, serializers: found.stringSerializers })
    const consumer = new found.Consumer({
      ...common,
      groupId: `read-${topic}`,
      deserializers: found.stringDeserializers,
      maxWaitTime: 100
    })
    return {
      send: (keys) => producer.send({ acks: -1, messages: keys.map((key) => ({ topic, key, value })) }),
      read: async (each) => {
        const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: true })
        stream.on("data", () => each(1))
      },
      close: () => Promise.all([producer.close(true), consumer.close(true)])
    }
  }
}

const clients = { kafkajs, "@platformatic/kafka": platformatic }

const measureOnce = async (kafka: KafkaServer, client: Client, topic: string, events: number) => {
  const admin = kafka.client.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 10, replicationFactor: 1 }] })
  await admin.disconnect()
  const { send, read, close } = await client.connect(kafka.address, topic)
  const keys = (from: number) => Array.from({ length: BATCH }, (_, i) => `bench.${(from + i) % 50}`)
  await send(keys(0))
  const spent = () => cpuSeconds(process.pid)
  const [sending, cpu] = [performance.now(), spent()]
  for (let sent = 0; sent < events; sent += BATCH) await send(keys(sent))
  const [sent, cpuSent] = [performance.now(), spent()]
  let count = 0
  await read((more) => {
    count += more
  })
  await until("every event", () => (count >= events + BATCH ? true : undefined))
  const rate = (events + BATCH) / ((performance.now() - sent) / 1_000)
  await close()
  return { sent: events / ((sent - sending) / 1_000), read: rate, cpu: ((cpuSent - cpu) / events) * 1e6 }
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const events = brief ? 5_000 : 50_000
  await using kafka = await KafkaServer.start()
  const found = await repeat(runs, async (run) => {
    const of: Record<string, Awaited<ReturnType<typeof measureOnce>>> = {}
    for (const [index, [name, client]] of Object.entries(clients).entries())
      of[name] = await measureOnce(kafka, client, `bench.${run}.${index}`, events)
    return of
  })
  const rows = Object.keys(clients).flatMap((name) => {
    const row = (what: string, unit: string, of: "sent" | "read" | "cpu") => ({
      what: `${name}: ${what}`,
      reach: "",
      unit,
      values: found.map((run) => run[name]![of])
    })
    return [
      row("published", "/s", "sent"),
      row("… CPU an event", "µs", "cpu"),
      row("read back, joining the group included", "/s", "read")
    ]
  })
  return {
    rows,
    notes: [`${short(events)} events a run, in batches of ${BATCH}; one broker on the same machine`],
    wrong: []
  }
}

if (import.meta.main) await main("kafkaClients", measure)
