/** A real Kafka of a test's own: one KRaft broker, run from Maven's artifacts, or in a container (Place.ts). */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Kafka, type KafkaConfig, logLevel } from "kafkajs"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { newFolder } from "./folder.ts"
import { installed } from "./installed.ts"
import { archived, BRIEF } from "./kafkaArchive.ts"
import { kafkaLibs } from "./kafkaLibs.ts"
import { type Command, inContainers, openPlace, type Place, type Program } from "./Place.ts"
import { InVain, waitUntil } from "./waitUntil.ts"

/** Milliseconds. After SIGKILL the controller waits until the old broker's session ends, and reads its logs again. */
const PATIENCE = 180_000

export interface Places {
  readonly port: number
  readonly controller: number
  readonly logs: string
  /** What the listeners for clients listen on; they are advertised as 127.0.0.1. */
  readonly bind: string
}

const plain = ({ port, controller, logs, bind }: Places) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://${bind}:${port},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${logs}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
`

/** What a server is run with instead. */
export interface KafkaSettings {
  /** server.properties */
  readonly properties?: (places: Places) => string
  /** Further arguments of the storage tool's `format`. */
  readonly format?: ReadonlyArray<string>
  /** Further folders that `properties` names. */
  readonly folders?: ReadonlyArray<string>
  /** What a client needs to get in. */
  readonly client?: Partial<KafkaConfig>
  /** Flags of the broker's Java, instead of those that make it start quickly. */
  readonly java?: ReadonlyArray<string>
}

/**
 * Kafka's own scripts in a container; their classes where there are only the jars. `folder`: theirs to write into. `flags`: of Java, where
 * it runs here.
 */
const toolOf = (
  name: "kafka-storage" | "kafka-server-start",
  folder: string,
  flags: ReadonlyArray<string>
): Command => {
  if (inContainers) return ["env", `LOG_DIR=${folder}`, "KAFKA_HEAP_OPTS=-Xmx512m", `/opt/kafka/bin/${name}.sh`]
  const [memory, main] = name === "kafka-storage" ? ["256m", "kafka.tools.StorageTool"] : ["512m", "kafka.Kafka"]
  return ["java", ...flags, `-Xmx${memory}`, "-cp", classpath(), main]
}

let flags: Promise<ReadonlyArray<string>> | undefined

/** Of Java, for all that it runs here. */
const quick = (): Promise<ReadonlyArray<string>> => {
  classpath() // Java is there, too
  return (flags ??= archived((java) => KafkaServer.warm(java)))
}

const configIn = (folder: string) => join(folder, "server.properties")

const classpath = (): string => {
  installed("java", ["default-jre-headless"])
  return `${kafkaLibs()}/*`
}

export class KafkaServer implements AsyncDisposable {
  readonly #settings: KafkaSettings
  readonly #port: number
  readonly #folder: string
  readonly #place: Place
  readonly #all: AsyncDisposableStack
  #broker: Program | undefined

  private constructor(settings: KafkaSettings, port: number, folder: string, place: Place, all: AsyncDisposableStack) {
    this.#settings = settings
    this.#port = port
    this.#folder = folder
    this.#place = place
    this.#all = all
  }

  /** Ready to be started: its address is known. */
  static async prepare(settings: KafkaSettings = {}): Promise<KafkaServer> {
    await using all = new AsyncDisposableStack()
    const { path: folder } = all.adopt(newFolder(), ({ remove }) => remove())
    const [port, controller] = [await freePort(), await freePort()]
    const folders = [folder, ...(settings.folders ?? [])]
    const place = all.use(await openPlace({ service: "kafka", ports: [port], folders }))
    const places = { port, controller, logs: join(folder, "logs"), bind: place.bind }
    writeFileSync(configIn(folder), (settings.properties ?? plain)(places))
    const java = inContainers ? [] : settings.java !== undefined ? BRIEF : await quick()
    const format = ["format", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c", configIn(folder), ...(settings.format ?? [])]
    await place.do([...toolOf("kafka-storage", folder, java), ...format])
    return new KafkaServer({ java, ...settings }, port, folder, place, all.move())
  }

  /** One is started, made use of, and ended by itself, so that Java has loaded what a broker needs. */
  static async warm(java: ReadonlyArray<string>): Promise<void> {
    await using kafka = await KafkaServer.start({ java })
    const admin = kafka.client.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: "warm" }] })
    await admin.disconnect()
    const producer = kafka.client.producer({ retry: { retries: 20 } })
    await producer.connect()
    await producer.send({ topic: "warm", messages: [{ key: "k", value: "{}" }] })
    await producer.disconnect()
    await using reader = await new Reader(kafka).start("warm")
    await waitUntil("a message", () => reader.messages.length > 0)
    await kafka.signal("SIGTERM")
    await waitUntil("its end", () => kafka.#broker!.ended())
  }

  /** Once more, on other ports, where it ends at once: somebody may have taken them meanwhile. */
  static async start(settings: KafkaSettings = {}): Promise<KafkaServer> {
    for (let left = 2; ; left--) {
      const kafka = await KafkaServer.prepare(settings)
      try {
        return await kafka.start()
      } catch (error) {
        await kafka[Symbol.asyncDispose]()
        if (!(error instanceof InVain) || left === 0) throw error
      }
    }
  }

  /** A script that runs one of Kafka's tools here, like those in `bin/` of an unpacked Kafka. */
  script(tool: string): string {
    const path = join(this.#folder, `${tool}.sh`)
    writeFileSync(path, `#!/bin/sh\nexec java ${BRIEF.join(" ")} -Xmx128m -cp '${classpath()}' ${tool} "$@"\n`, {
      mode: 0o755
    })
    return path
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** A client that isn't Herald's. */
  get client(): Kafka {
    return new Kafka({
      brokers: [this.address],
      logLevel: logLevel.NOTHING,
      retry: { retries: 2 },
      ...this.#settings.client
    })
  }

  async start(): Promise<this> {
    const broker = await this.#place.run([
      ...toolOf("kafka-server-start", this.#folder, this.#settings.java ?? []),
      configIn(this.#folder)
    ])
    this.#broker = broker
    await waitUntil(
      "Kafka to serve",
      async () => {
        if (await broker.ended()) throw new InVain("Kafka ended")
        const admin = this.client.admin()
        try {
          await admin.connect()
          return (await admin.describeCluster()).brokers.length > 0
        } catch {
          return false
        } finally {
          await admin.disconnect().catch(() => {})
        }
      },
      PATIENCE
    )
    return this
  }

  /** How many messages a topic has. */
  async count(topic: string): Promise<number> {
    const admin = this.client.admin()
    await admin.connect()
    try {
      return (await admin.fetchTopicOffsets(topic)).reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
    } finally {
      await admin.disconnect()
    }
  }

  /** Whether a topic is there, each of its partitions with a leader. */
  async has(topic: string): Promise<boolean> {
    const admin = this.client.admin()
    try {
      await admin.connect()
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]!.partitions.every(({ leader }) => leader >= 0)
    } catch {
      return false
    } finally {
      await admin.disconnect().catch(() => {})
    }
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    await this.#broker?.signal(signal)
  }

  async kill(): Promise<void> {
    await this.#broker?.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#all.disposeAsync()
  }
}

export interface Message {
  readonly key: string
  readonly value: Record<string, unknown>
  readonly headers: Record<string, string>
  readonly partition: number
}

/** Everything in a topic, from its beginning, as it comes. */
export class Reader implements AsyncDisposable {
  readonly messages: Array<Message> = []
  readonly #server: KafkaServer
  readonly #consumer

  constructor(server: KafkaServer) {
    this.#server = server
    this.#consumer = server.client.consumer({ groupId: `reader-${Math.random()}` })
  }

  /** Waits for the topic first: a consumer that comes earlier gets no partition. */
  async start(topic = "config.updates"): Promise<this> {
    await waitUntil(`the topic ${topic}`, () => this.#server.has(topic))
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topic, fromBeginning: true })
    await this.#consumer.run({
      eachBatch: async ({ batch }) => {
        for (const { key, value, headers } of batch.messages)
          this.messages.push({
            key: String(key),
            value: JSON.parse(String(value)) as Record<string, unknown>,
            headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, one]) => [name, String(one)])),
            partition: batch.partition
          })
      }
    })
    return this
  }

  of(type: string): ReadonlyArray<Message> {
    return this.messages.filter(({ value }) => value["event_type"] === type)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.disconnect()
  }
}
