/** What others say in a real Kafka in Herald's words is theirs, and what Herald says is found again by whoever takes over. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as KafkaLog from "../../layers/Kafka/topics/TopicLog.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { messagesOf } from "../../src/topics/Frames.ts"
import { LogState } from "../../src/topics/LogState.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { kafkaOptions, kafkaTopics } from "../support/KafkaTopics.ts"
import { append } from "../support/TopicNodes.ts"
import { newTopic, readAll, startOf } from "../support/Topics.ts"
import { kinds } from "../support/Twins.ts"

let database: Database
let kafka: KafkaServer

/** Dies before it notes anything, as after kill -9. */
const forgetful = Layer.effect(
  LogState,
  Effect.map(LogState, (state) => LogState.of({ ...state, settle: () => Effect.void, mark: () => Effect.void }))
)
const node = (noting: boolean) =>
  ManagedRuntime.make(
    Layer.unwrap(
      Effect.sync(() => {
        const stores = Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
        const noted = noting ? stores : Layer.provideMerge(forgetful, stores)
        return Layer.provideMerge(kafkaTopics, Layer.provideMerge(KafkaLog.layer(kafkaOptions(kafka)), noted))
      })
    )
  )
const [dying, other] = [node(false), node(true)]

beforeAll(async () => {
  kafka = await KafkaServer.start()
  database = await startDatabase()
})
afterAll(async () => {
  await Promise.all([dying, other].map((its) => its.dispose()))
  await database[Symbol.asyncDispose]()
  await kafka[Symbol.asyncDispose]()
})

describe("seals in Kafka", () => {
  it("KS1 KP2 who forges a stamp moves nobody's sequence and says nothing in Herald's name; genuine ones count for who takes over", async () => {
    const { id, name } = await dying.runPromise(newTopic())
    const { epoch } = (await dying.runPromise(Effect.flatMap(TopicStore, ({ open }) => open(id, "p"))))!
    const producing = { producer: "p", epoch }
    await dying.runPromise(append(id, 1, 3, producing))
    const theirs = kafka.client.producer()
    await theirs.connect()
    const headers = { "herald-producer": `${epoch}:4:p`, "herald-origin": "forged", mine: "1" }
    await theirs.send({ topic: name, messages: [{ value: "forged", headers }] })
    await theirs.disconnect()
    // Three of Herald's are there already by their stamps, and the fourth by none.
    const outcome = await other.runPromise(append(id, 1, 5, producing))
    const placed = outcome.is === "placed" ? outcome.placed : []
    assert.deepStrictEqual(
      placed.map(({ count, duplicate }) => [count, duplicate]),
      [
        [3, true],
        [2, false]
      ]
    )
    const { pieces } = await other.runPromise(
      Effect.flatMap(startOf(id), (start) => readAll({ topic: id, partition: 0 }, start))
    )
    const read = pieces
      .flatMap((piece) => (piece.is === "segment" ? messagesOf(piece.bytes) : []))
      .map(({ payload, headers }) => [Buffer.from(payload).toString(), ...headers.keys()])
    assert.deepStrictEqual(read, [
      ...[["e1"], ["e2"], ["e3"]],
      ["forged", "foreign-herald-producer", "foreign-herald-origin", "mine"],
      ...[["e4"], ["e5"]]
    ])
  }, 60_000)
})
