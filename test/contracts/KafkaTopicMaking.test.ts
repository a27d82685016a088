/** What is done to topics in a real Kafka is done to those that Herald made, and to no others. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import { Brokers } from "../../layers/Kafka/topics/Brokers.ts"
import { makeManaging } from "../../layers/Kafka/topics/Managing.ts"
import * as KafkaLog from "../../layers/Kafka/topics/TopicLog.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { KafkaLog as Port } from "../../src/topics/KafkaLog.ts"
import type { Topic } from "../../src/topics/Topic.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { clientOptions, connect, type Database, startDatabase } from "../support/Database.ts"
import { fresh } from "../support/fresh.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { asAdmin, kafkaOptions } from "../support/KafkaTopics.ts"
import { definition } from "../support/Topics.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

let database: Database
let kafka: KafkaServer
const node = ManagedRuntime.make(
  Layer.unwrap(
    Effect.sync(() =>
      Layer.provideMerge(
        KafkaLog.layer(kafkaOptions(kafka)),
        Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
      )
    )
  )
)

beforeAll(async () => {
  kafka = await KafkaServer.start()
  database = await startDatabase()
})
afterAll(async () => {
  await node.dispose()
  await database[Symbol.asyncDispose]()
  await kafka[Symbol.asyncDispose]()
})

const log = Effect.map(Port, ({ elsewhere }) => elsewhere)
const topicOf = (name: string, more: Partial<Topic> = {}): Topic => ({
  ...definition({ name, log: "kafka" }),
  ...{ id: 1, version: 1, schemaVersion: 0, createdAt: 1, createdBy: "ann", updatedAt: 1 },
  ...more
})
const admin = asAdmin(() => kafka)
const configIn = async (name: string, wanted: string) => {
  const { resources } = await admin((its) =>
    its.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name, configNames: [wanted] }] })
  )
  return resources[0]?.configEntries.find(({ configName }) => configName === wanted)?.configValue
}
const partitionsOf = async (name: string) =>
  (await admin((its) => its.fetchTopicMetadata({ topics: [name] }))).topics[0]!.partitions.length

describe("making topics in Kafka", () => {
  it("KM1 a topic that Kafka has is not taken over: it keeps its settings and stays, whatever is asked for its name", async () => {
    const name = fresh("theirs")
    const configEntries = [{ name: "retention.ms", value: "12345678" }]
    await admin((its) => its.createTopics({ topics: [{ topic: name, configEntries }] }))
    await waitUntil("the topic", () => kafka.has(name))
    const their = topicOf(name, { partitions: 4, retention: { millis: 60_000, bytes: null } })
    const tried = await node.runPromise(
      Effect.flatMap(log, ({ create, change }) =>
        Effect.all([create(their), change(their), change({ ...their, madeAs: "0".repeat(32) })].map(Effect.flip))
      )
    )
    assert.deepStrictEqual(
      tried.map((error) => error.name),
      ["KafkaTopicExists", "KafkaTopicExists", "KafkaTopicExists"]
    )
    for (const madeAs of [undefined, "ab".repeat(16)])
      await node.runPromise(
        Effect.flatMap(log, ({ remove }) => remove(madeAs === undefined ? their : { ...their, madeAs }))
      )
    assert.isTrue(await kafka.has(name))
    assert.deepStrictEqual([await configIn(name, "retention.ms"), await partitionsOf(name)], ["12345678", 1])
  }, 60_000)

  it("KM1 what Herald made is changed and deleted by its id; one that was made anew by others is theirs", async () => {
    const name = fresh("ours/a")
    const its = name.replaceAll("/", ".")
    const { create, change, remove } = await node.runPromise(log)
    const madeAs = await node.runPromise(create(topicOf(name)))
    assert.match(madeAs, /^[0-9a-f]{32}$/)
    const ours = topicOf(name, { madeAs, partitions: 3, retention: { millis: 120_000, bytes: null } })
    assert.strictEqual(await node.runPromise(change(ours)), madeAs)
    assert.deepStrictEqual([await configIn(its, "retention.ms"), await partitionsOf(its)], ["120000", 3])
    await node.runPromise(remove(ours))
    await waitUntil("that it is gone", async () => !(await kafka.has(its)))
    await node.runPromise(remove(ours))
    const second = await node.runPromise(change(ours))
    assert.notStrictEqual(second, madeAs)
    await node.runPromise(remove(ours)) // the one of before
    assert.isTrue(await kafka.has(its))
    assert.strictEqual((await node.runPromise(Effect.flip(change(ours)))).name, "KafkaTopicExists")
    await node.runPromise(remove({ ...ours, madeAs: second }))
    await waitUntil("that it is gone", async () => !(await kafka.has(its)))
  }, 60_000)

  it("KM4 a topic whose making is not answered is Herald's when Kafka made it, and is removed when it is made too late", async () => {
    const brokers = new Brokers(kafka.client)
    const forked: Array<Effect.Effect<void>> = []
    let call: Parameters<Brokers["askController"]>[0] | undefined
    /** The answer is lost; `made`: what was asked was done. */
    const lossy = (made: boolean) =>
      new Proxy(brokers, {
        get: (of, key) => {
          if (key !== "askController") {
            const its = Reflect.get(of, key)
            return typeof its === "function" ? its.bind(of) : its
          }
          return async (its: NonNullable<typeof call>, sent?: () => void) => {
            if (its.name !== "CreateTopics") return await of.askController(its)
            sent?.()
            call = its
            if (made) await of.askController(its)
            throw new Error("the connection was closed")
          }
        }
      })
    const managing = (made: boolean) =>
      makeManaging({
        ...{ kafka: kafka.client, brokers: lossy(made), own: [], changed: () => {} },
        fork: (work) => Effect.sync(() => void forked.push(work))
      })
    try {
      const topic = topicOf(fresh("lost"), { partitions: 2 })
      const madeAs = await Effect.runPromise(managing(true).create(topic))
      assert.strictEqual((await brokers.look(topic.name))?.id, madeAs)
      // The next one of the name is told that it is there, whatever becomes of its own answer.
      const told = await Effect.runPromise(Effect.flip(managing(true).create(topic)))
      assert.strictEqual(told.name, "KafkaTopicExists")
      assert.lengthOf(forked, 0)

      const late = topicOf(fresh("late"))
      const error = await Effect.runPromise(Effect.flip(managing(false).create(late)))
      assert.strictEqual(error.name, "TopicLogUnavailable")
      assert.match(error.message, /whether it makes the topic .* is not known/)
      assert.lengthOf(forked, 1)
      const watching = Effect.runPromise(forked[0]!)
      await brokers.askController(call!)
      await waitUntil("that it is there", () => kafka.has(late.name))
      await watching
      await waitUntil("that it is gone", async () => !(await kafka.has(late.name)))
      assert.strictEqual((await brokers.look(topic.name))?.id, madeAs)
    } finally {
      await brokers.close()
    }
  }, 60_000)

  it("KM2 names of Kafka's own, and of Herald's, are not to be had", async () => {
    const { wrongName } = await node.runPromise(log)
    for (const name of ["__consumer_offsets", "__x/y", "config.updates", "config/updates", "config.updates.dead"])
      assert.isString(wrongName(name), name)
    for (const name of ["payments", "_x", "config.updates/x"]) assert.isUndefined(wrongName(name), name)
  })

  it("TS6 a topic that nobody has made for a minute gives way to the next of its name in Kafka", async () => {
    const { create, get, made } = await node.runPromise(TopicStore)
    const name = fresh("left/a")
    const { id } = await node.runPromise(create(definition({ name, log: "kafka" }), "ann"))
    await using session = await connect(database.url)
    await session.query(`update topics set created_at = created_at - 61000 where id = ${id}`)
    const other = await node.runPromise(create(definition({ name: name.replace("/", "."), log: "kafka" }), "ben"))
    assert.isUndefined(await node.runPromise(made(id, "x")))
    assert.isDefined(await node.runPromise(made(other.id, "x")))
    assert.strictEqual((await node.runPromise(get(other.name)))?.madeAs, "x")
  })
})
