/**
 * Durable publishes from a client's call to the answer, over the wire, by clients in a process of their own: Herald's SDK on `PublishStream`, and in the
 * same run kafkajs on a Kafka of one broker that answers after the same: an fsync of each write (`flush.messages=1`), in turns. A short run has no Kafka.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { KafkaServer } from "../test/support/Kafka.ts"
import type { PublishersSaw, Publishing, Way } from "./load/TopicPublishers.ts"
import { median, short } from "./support/Numbers.ts"
import { cpuSeconds, familySeconds } from "./support/Process.ts"
import { main, type Options, type Report, type Row, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const PROGRAM = fileURLToPath(new URL("load/TopicPublishers.ts", import.meta.url))

/** What publishers are sent to. */
interface Target {
  readonly way: Way
  readonly address: string
  readonly token: string
  /** Makes a topic. */
  readonly make: (name: string, partitions: number) => Promise<unknown>
  /** Events that it has by now. */
  readonly count: (name: string) => Promise<number>
  /** Seconds of CPU so far. */
  readonly cpu: () => readonly [server: number, database: number]
}

interface Run extends PublishersSaw {
  /** Microseconds an event. */
  readonly server: number
  readonly database: number
}

/** One run of publishers in a new process. */
const load = async (target: Target, wish: Publishing): Promise<Run> => {
  await target.make(wish.topic, wish.partitions)
  const child = fork(PROGRAM, [target.way, target.address, target.token], { serialization: "advanced" })
  const [server, database] = target.cpu()
  child.send(wish)
  const told = await Promise.race([
    once(child, "message").then(([saw]) => saw as PublishersSaw),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`the publishers ended with ${code}`)))
  ])
  const [serverNow, databaseNow] = target.cpu()
  child.disconnect()
  const stored = await target.count(wish.topic)
  const lost = stored === told.events ? [] : [`${told.events} events were answered, and ${wish.topic} has ${stored}`]
  const each = (spent: number) => (spent * 1e6) / told.events
  return {
    ...told,
    wrong: [...told.wrong, ...lost],
    server: each(serverNow - server),
    database: each(databaseNow - database)
  }
}

const heraldOf = async (server: Server): Promise<Target> => {
  const http = await server.connect()
  const asked = async (method: string, path: string, body?: string) => {
    const { status, body: answer } = await http.request(method, path, body)
    if (status >= 300) throw new Error(`${method} ${path} was answered ${status}: ${answer}`)
    return JSON.parse(answer) as { readonly partitions: ReadonlyArray<{ readonly next: number }> }
  }
  return {
    way: "herald",
    address: server.grpc,
    token: server.token,
    make: (name, partitions) => asked("POST", "/v1/topics", JSON.stringify({ name, partitions })),
    count: async (name) =>
      (await asked("GET", `/v1/topics/${encodeURIComponent(name)}/stats`)).partitions.reduce(
        (sum, { next }) => sum + next,
        0
      ),
    cpu: () => [cpuSeconds(server.pid), familySeconds(server.databasePid)]
  }
}

/** Acknowledged once it is on the disk, as PostgreSQL does. */
const kafkaOf = async (kafka: KafkaServer): Promise<Target> => {
  const admin = kafka.client.admin()
  await admin.connect()
  return {
    way: "kafka",
    address: kafka.address,
    token: "",
    make: (topic, numPartitions) =>
      admin.createTopics({
        waitForLeaders: true,
        topics: [
          { topic, numPartitions, replicationFactor: 1, configEntries: [{ name: "flush.messages", value: "1" }] }
        ]
      }),
    count: (name) => kafka.count(name),
    cpu: () => [Number.NaN, 0]
  }
}

interface Shape extends Pick<Publishing, "producers" | "inFlight" | "batch" | "perSecond"> {
  readonly what: string
  readonly rate: string
  readonly p99: string
}

const SHAPES: ReadonlyArray<Shape> = [
  {
    what: "8 producers, batches of 100, 4 in flight",
    producers: 8,
    inFlight: 4,
    batch: 100,
    rate: "≥ 100,000",
    p99: ""
  },
  {
    what: "the same at a fixed 100,000 events/s",
    ...{ producers: 8, inFlight: 4, batch: 100, perSecond: 100_000, rate: "", p99: "< 60" }
  },
  { what: "8 producers, batches of 100, one in flight", producers: 8, inFlight: 1, batch: 100, rate: "", p99: "" },
  { what: "single events, 64 in flight", producers: 8, inFlight: 8, batch: 1, rate: "≥ 5,000", p99: "" }
]

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  await using all = new AsyncDisposableStack()
  const herald = await heraldOf(all.use(await new Server().start()))
  const kafka = brief ? undefined : await kafkaOf(all.use(await KafkaServer.start()))
  const seconds = brief ? 2 : 10
  let topics = 0
  const run = (target: Target, { what: _, rate: _rate, p99: _p99, ...shape }: Shape, lasting = seconds) =>
    load(target, { topic: `bench-${++topics}`, partitions: 8, seconds: lasting, ...shape })
  await run(herald, SHAPES[0]!, brief ? 1 : 5)
  if (kafka !== undefined) await run(kafka, SHAPES[0]!, 5)

  const rows: Array<Row> = []
  const notes: Array<string> = []
  const wrong: Array<string> = []
  for (const [at, shape] of SHAPES.entries()) {
    const found = await repeat(runs, async () => ({
      herald: await run(herald, shape),
      // More than it can do would only queue.
      kafka: kafka === undefined || shape.perSecond !== undefined ? undefined : await run(kafka, shape)
    }))
    const its = found.map((one) => one.herald)
    const peers = found.flatMap(({ kafka }) => (kafka === undefined ? [] : [kafka]))
    wrong.push(...[...its, ...peers].flatMap((one) => one.wrong))
    rows.push({
      what: `events published → ack, ${shape.what}`,
      reach: shape.rate,
      unit: "/s",
      values: its.map(({ rate }) => rate)
    })
    rows.push({ what: "… p99", reach: shape.p99, unit: "ms", values: its.map(({ p99 }) => p99) })
    if (peers.length > 0) {
      rows.push({
        what: "… × kafkajs with an fsync for each write",
        reach: at === 0 ? "≥ 2" : "",
        unit: "",
        values: found.map(({ herald, kafka }) => herald.rate / kafka!.rate)
      })
      rows.push({ what: "… kafkajs's p99", reach: "", unit: "ms", values: peers.map(({ p99 }) => p99) })
    }
    const spent = (those: ReadonlyArray<Run>) =>
      [(one: Run) => one.server, (one: Run) => one.database, (one: Run) => one.client]
        .map((of) => short(median(those.map(of))))
        .join(" / ")
    notes.push(
      `${shape.what}: p50 ${short(median(its.map(({ p50 }) => p50)))} ms; µs of CPU an event, server / its database / clients: ${spent(its)}${peers.length > 0 ? `; Kafka ${spent(peers)}` : ""}`
    )
  }
  return { rows, notes, wrong }
}

if (import.meta.main) await main("topicPublish", measure)
