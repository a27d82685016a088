/** A real Kafka of a test's own: one KRaft broker, run from Maven's artifacts. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Kafka, type KafkaConfig, logLevel } from "kafkajs"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { newFolder } from "./folder.ts"
import { installed } from "./installed.ts"
import { InVain, waitUntil } from "./waitUntil.ts"

const VERSION = "4.1.0"
/** Milliseconds. After SIGKILL the controller waits for the session of the broker that was, and reads its logs again. */
const PATIENCE = 180_000
const HOME = join(homedir(), ".cache", "herald", `kafka-${VERSION}`)

export interface Places {
  readonly port: number
  readonly controller: number
  readonly logs: string
}

const plain = ({ port, controller, logs }: Places) => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}
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
  /** How a client gets in. */
  readonly client?: Partial<KafkaConfig>
}

/** The jars, fetched once for this user. */
const classpath = (): string => {
  installed("java", ["default-jre-headless"])
  const libs = join(HOME, "libs")
  if (!existsSync(libs)) {
    installed("mvn", ["maven"])
    const fresh = join(HOME, `libs.${process.pid}`)
    mkdirSync(fresh, { recursive: true })
    const pom = fileURLToPath(new URL("kafka-pom.xml", import.meta.url))
    execFileSync("mvn", ["-q", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${fresh}`], {
      stdio: ["ignore", "ignore", "inherit"]
    })
    if (existsSync(libs)) rmSync(fresh, { recursive: true })
    else renameSync(fresh, libs)
  }
  return `${libs}/*`
}

export class KafkaServer implements AsyncDisposable {
  readonly #folder = newFolder()
  readonly #port: number
  readonly #config: string
  readonly #classpath = classpath()
  #process: ChildProcess | undefined

  readonly #settings: KafkaSettings

  private constructor(port: number, controller: number, settings: KafkaSettings) {
    this.#port = port
    this.#settings = settings
    this.#config = join(this.#folder.path, "server.properties")
    const places = { port, controller, logs: join(this.#folder.path, "logs") }
    writeFileSync(this.#config, (settings.properties ?? plain)(places))
    const id = "AAAAAAAAQACAAAAAAAAAAA"
    this.#java("256m", "kafka.tools.StorageTool", "format", "-t", id, "-c", this.#config, ...(settings.format ?? []))
  }

  /** Ready to be started: its address is known. */
  static async prepare(settings: KafkaSettings = {}): Promise<KafkaServer> {
    return new KafkaServer(await freePort(), await freePort(), settings)
  }

  static async start(settings: KafkaSettings = {}): Promise<KafkaServer> {
    return await (await KafkaServer.prepare(settings)).start()
  }

  /** A script that runs one of Kafka's tools, as those in `bin/` of a Kafka that was unpacked. */
  script(tool: string): string {
    const path = join(this.#folder.path, `${tool}.sh`)
    writeFileSync(path, `#!/bin/sh\nexec java -Xmx128m -cp '${this.#classpath}' ${tool} "$@"\n`, { mode: 0o755 })
    return path
  }

  #java(memory: string, ...command: ReadonlyArray<string>): void {
    execFileSync("java", [`-Xmx${memory}`, "-cp", this.#classpath, ...command], { stdio: "ignore" })
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
    this.#process = spawn("java", ["-Xmx512m", "-cp", this.#classpath, "kafka.Kafka", this.#config], {
      stdio: "ignore"
    })
    await waitUntil(
      "Kafka to serve",
      async () => {
        if (this.#process?.exitCode != null) throw new InVain("Kafka ended")
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

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  async kill(): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    this.#folder.remove()
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

  /** Waits for the topic first: a consumer that comes sooner has no partition. */
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
