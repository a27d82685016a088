/** A Kafka and a database of a test file's own, and the log of topics that Herald keeps in them. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as KafkaLog from "../../layers/Kafka/topics/TopicLog.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { clientOptions, type Database, startDatabase } from "./Database.ts"
import { KafkaServer } from "./Kafka.ts"
import { kafkaOptions, kafkaTopics } from "./KafkaTopics.ts"
import { kinds } from "./Twins.ts"

export const kafkaNode = () => {
  let database: Database
  let kafka: KafkaServer
  const node = ManagedRuntime.make(
    Layer.unwrap(
      Effect.sync(() => {
        const stores = Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
        return Layer.provideMerge(kafkaTopics, Layer.provideMerge(KafkaLog.layer(kafkaOptions(kafka)), stores))
      })
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
  return { node, kafka: () => kafka }
}
