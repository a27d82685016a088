/** A randomised run: three nodes, a publisher that tries until it is answered, SDK clients, programs of topics, and faults drawn from two tables by a seed. */
import type { HeraldClient } from "../../src/client/HeraldClient.ts"
import { startNativeDatabase } from "../support/Database.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { Nodes } from "../support/Nodes.ts"
import { startRedis } from "../support/Redis.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { chance } from "./Chance.ts"
import { Checker, KEYS } from "./Checker.ts"
import { ConsumerPromises } from "./ConsumerPromises.ts"
import { nodeFaults, type Scene, serviceFaults, type Table } from "./Faults.ts"
import { ROLLED, Rollouts } from "./Rollouts.ts"
import { TopicPromises } from "./TopicPromises.ts"

const CLIENTS = 30
/** Three nodes and what is left of one that was killed have to fit into what PostgreSQL takes: 60. */
const POOLS = { DATABASE_POOL_READS: "4", DATABASE_POOL_OTHER: "5" }
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

export interface Outcome {
  /** In the order of their beginnings. */
  readonly schedule: ReadonlyArray<string>
  readonly published: number
  readonly rollouts: number
  /** Events of topics that were acked. */
  readonly events: number
  /** To consumers, and how many of them beyond one for each event. */
  readonly deliveries: { readonly all: number; readonly again: number }
  /** Promises that were broken. */
  readonly wrong: ReadonlyArray<string>
}

export interface ChaosOptions {
  readonly seed: number
  readonly millis: number
  /** Without it, its faults are not drawn and its promise is not checked. */
  readonly kafka: boolean
}

/** Draws from one table until the time is over. What is drawn depends on the seed alone, when it happens also on the machine. */
const disturb = async (scene: Scene, table: Table, seed: number, until: number, schedule: Array<string>) => {
  const next = chance(seed)
  const names = Object.keys(table).filter((name) => scene.kafka !== undefined || !name.endsWith("Kafka"))
  while (performance.now() < until) {
    const name = names[Math.floor(next() * names.length)]!
    const [node, lasting] = [Math.floor(next() * 3), 500 + Math.floor(next() * 3_000)]
    schedule.push(name.endsWith("a node") ? `${name}, n${node + 1}, ${lasting} ms` : `${name}, ${lasting} ms`)
    await table[name]!(scene, node, lasting)
    await pause(500)
  }
}

export const run = async ({ seed, millis, kafka: withKafka }: ChaosOptions): Promise<Outcome> => {
  const schedule: Array<string> = []
  const clients: Array<HeraldClient> = []
  let proxy: TcpProxy | undefined
  const behind = async (direct: string) => {
    const url = new URL(direct)
    proxy = new TcpProxy(Number(url.port))
    url.port = String(await proxy.listen())
    return url.href
  }
  let stop = false
  let publisher: Promise<void> | undefined
  await using redis = await startRedis()
  await using kafka = withKafka ? await KafkaServer.start() : undefined
  const env = { ...POOLS, REDIS_URL: redis.url, ...(kafka === undefined ? {} : { KAFKA_BROKERS: kafka.address }) }
  const database = await startNativeDatabase()
  const nodes = await Nodes.start({ count: 3, database: async () => database, databaseUrl: behind, env })
  const scene: Scene = { nodes, database, proxy: proxy!, redis: redis.nodes[0]!, kafka }
  const checker = new Checker(nodes)
  const rollouts = new Rollouts(nodes, seed ^ 0x7011)
  let rolling: Promise<void> | undefined
  let topics: TopicPromises | undefined
  let consumers: ConsumerPromises | undefined
  try {
    for (const key of KEYS) await waitUntil("the first publish", () => checker.publish(key, 0))
    await nodes.servers[0]!.published(ROLLED, 0)
    for (let i = 0; i < CLIENTS; i++) {
      const client = await nodes.client(`i${i}`, nodes.addresses, ["svc", "svc.*", ROLLED])
      checker.watch(client, `client ${i}`)
      rollouts.watch(client, `i${i}`)
      clients.push(client)
    }
    publisher = (async () => {
      for (let n = 0; !stop; n++) await checker.publish(KEYS[n % KEYS.length]!, n % 3).then(() => pause(20))
    })()
    rolling = rollouts.run()
    topics = await TopicPromises.start(nodes)
    consumers = await ConsumerPromises.start(nodes, seed ^ 0xc025)
    const until = performance.now() + millis
    await Promise.all([
      disturb(scene, nodeFaults, seed, until, schedule),
      disturb(scene, serviceFaults, seed ^ 0x5eed, until, schedule)
    ])
    stop = true
    rollouts.stop()
    await publisher
    await rolling
    await checker.redisAgrees(scene.redis)
    await checker.end(clients, kafka)
    await rollouts.end()
    await topics.end()
    await consumers.end()
    const wrong = [checker, rollouts, topics, consumers].flatMap((one) => one.wrong)
    const events = topics.events + consumers.events
    const { deliveries } = consumers
    return { schedule, published: checker.published, rollouts: rollouts.begun, events, deliveries, wrong }
  } finally {
    stop = true
    rollouts.stop()
    await publisher
    await rolling?.catch(() => {})
    await topics?.[Symbol.asyncDispose]()
    await consumers?.[Symbol.asyncDispose]()
    await Promise.all(clients.map((client) => client.close()))
    if (proxy !== undefined) proxy.fault = "none"
    await nodes[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
  }
}
