/** The log of topics in Kafka keeps its contracts, with what Herald keeps of it in memory and in PostgreSQL. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as KafkaLog from "../../layers/Kafka/topics/TopicLog.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { kafkaOptions, kafkaTopics } from "../support/KafkaTopics.ts"
import { kinds } from "../support/Twins.ts"
import { topicLogsContract } from "./TopicLogs.ts"
import { topicStoresContract } from "./TopicStores.ts"

let database: Database
let kafka: KafkaServer
const log = Layer.unwrap(Effect.sync(() => KafkaLog.layer(kafkaOptions(kafka))))
const over = <A, E, R>(stores: Layer.Layer<A, E, R>) => Layer.provideMerge(kafkaTopics, Layer.provideMerge(log, stores))
const postgres = Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
const runtimes = {
  PostgreSQL: ManagedRuntime.make(over(postgres)),
  memory: ManagedRuntime.make(over(Memory.layer.pipe(Layer.provide(kinds))))
}

beforeAll(async () => {
  kafka = await KafkaServer.start()
  database = await startDatabase()
})
afterAll(async () => {
  await Promise.all(Object.values(runtimes).map((one) => one.dispose()))
  await database[Symbol.asyncDispose]()
  await kafka[Symbol.asyncDispose]()
})

for (const [name, runtime] of Object.entries(runtimes))
  describe(`topics in Kafka, noted in ${name}`, () => {
    topicLogsContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body)), 30_000))
    topicStoresContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body)), 30_000))
  })
