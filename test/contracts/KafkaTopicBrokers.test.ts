/** Topics in a Kafka of two brokers: one of them is killed under producers and comes back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as KafkaLog from "../../layers/Kafka/topics/TopicLog.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { KafkaServer, type Places } from "../support/Kafka.ts"
import { kafkaOptions, kafkaTopics } from "../support/KafkaTopics.ts"
import { append, textsIn } from "../support/TopicNodes.ts"
import { newTopic } from "../support/Topics.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const TOPICS = 4
const PATIENCE = 120_000

let first: KafkaServer
let second: KafkaServer
let database: Database
let controller = 0

const both = ({ bind, port, logs }: Places, node: number, more: string) => `node.id=${node}
controller.quorum.voters=1@127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${logs}
offsets.topic.replication.factor=2
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=2
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
auto.create.topics.enable=false
listeners=PLAINTEXT://${bind}:${port}${more}
`
const node = ManagedRuntime.make(
  Layer.unwrap(
    Effect.sync(() => {
      const stores = Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
      return Layer.provideMerge(kafkaTopics, Layer.provideMerge(KafkaLog.layer(kafkaOptions(first)), stores))
    })
  )
)
const admin = async <A>(use: (admin: ReturnType<KafkaServer["client"]["admin"]>) => Promise<A>) => {
  const its = first.client.admin()
  await its.connect()
  try {
    return await use(its)
  } finally {
    await its.disconnect()
  }
}
/** Of all partitions, how many replicas are in sync. */
const inSync = async (names: ReadonlyArray<string>) => {
  const { topics } = await admin((its) => its.fetchTopicMetadata({ topics: [...names] }))
  return topics.flatMap(({ partitions }) => partitions.map(({ isr }) => isr.length))
}

beforeAll(async () => {
  first = await KafkaServer.start({
    properties: (places) => {
      controller = places.controller
      return `process.roles=broker,controller\n${both(places, 1, `,CONTROLLER://127.0.0.1:${controller}`)}`
    }
  })
  second = await KafkaServer.start({ properties: (places) => `process.roles=broker\n${both(places, 2, "")}` })
  await waitUntil(
    "two brokers",
    async () => (await admin((its) => its.describeCluster())).brokers.length === 2,
    PATIENCE
  )
  database = await startDatabase()
}, 300_000)
afterAll(async () => {
  await node.dispose()
  await database[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
})

describe("topics in a Kafka of two brokers", () => {
  it("KP3 TL1 one of two brokers is killed and comes back: all that was acked is there, once and in order, on both", async () => {
    const topics = await Promise.all(Array.from({ length: TOPICS }, () => node.runPromise(newTopic())))
    const names = topics.map(({ name }) => name)
    assert.deepStrictEqual(await inSync(names), Array(TOPICS).fill(2))
    const acked = new Map<number, number>()
    let stopped = false
    const write = async (id: number) => {
      const opened = await node.runPromise(Effect.flatMap(TopicStore, ({ open }) => open(id, "p")))
      const producing = { producer: "p", epoch: opened!.epoch }
      for (let next = 1; !stopped || (acked.get(id) ?? 0) < next - 1; ) {
        const outcome = await node.runPromise(Effect.result(append(id, next, 5, producing)))
        if (outcome._tag !== "Success" || outcome.success.is !== "placed") continue
        acked.set(id, next + 4)
        next += 5
      }
    }
    const writing = topics.map(({ id }) => write(id))
    const more = async (what: string) => {
      const before = new Map(acked)
      await waitUntil(what, () => topics.every(({ id }) => (acked.get(id) ?? 0) > (before.get(id) ?? 0) + 50), PATIENCE)
    }
    await more("some of each")
    await second.kill()
    await second.start()
    await more("all to go on")
    await waitUntil("both to have it all", async () => (await inSync(names)).every((count) => count === 2), PATIENCE)
    stopped = true
    await Promise.all(writing)
    for (const { id } of topics) {
      const texts = (await node.runPromise(textsIn(id))).map((text) => text.split("=")[1])
      assert.deepStrictEqual(
        texts.filter((text) => text !== undefined),
        Array.from({ length: acked.get(id)! }, (_, n) => `e${n + 1}`)
      )
    }
  }, 400_000)
})
