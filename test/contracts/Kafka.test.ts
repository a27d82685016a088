/** A real Kafka keeps the contract of the consumer groups, and what only a broker can be asked. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import type { KafkaOptions } from "../../layers/Kafka/Connection.ts"
import * as Kafka from "../../layers/Kafka/Kafka.ts"
import { TopicMemory } from "../../layers/Memory/Topic.ts"
import { DeadLetters } from "../../src/events/DeadLetters.ts"
import { EventGroups } from "../../src/events/EventGroups.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { groupsContract } from "./Groups.ts"

let kafka: KafkaServer
const optionsOf = (): KafkaOptions => ({
  brokers: [kafka.address],
  topic: "config.updates",
  tls: false,
  username: undefined,
  password: undefined,
  node: "n1"
})
const layerOf = (options: KafkaOptions) =>
  Layer.mergeAll(Kafka.layerEventLog(options), Kafka.layerGroups(options), Kafka.layerDeadLetters(options))
const runtime = ManagedRuntime.make(Layer.unwrap(Effect.sync(() => layerOf(optionsOf()))))

beforeAll(async () => {
  kafka = await KafkaServer.start()
})
afterAll(async () => {
  await runtime.dispose()
  await kafka[Symbol.asyncDispose]()
})

describe("the topic in memory", () => {
  const topic = new TopicMemory()
  groupsContract((name, body) => it.live(name, () => Effect.suspend(body).pipe(Effect.provide(topic.layer))))
})

describe("Kafka", () => {
  groupsContract((name, body) => it(name, () => runtime.runPromise(Effect.suspend(body))))

  it("DL1 a dead letter is taken, however large the message was", async () => {
    const received = {
      partition: 3,
      offset: "7",
      at: 0,
      key: new Uint8Array(900_000).fill(107),
      body: new Uint8Array(900_000).fill(255),
      headers: { ce_id: "x".repeat(5_000), other: "y" }
    }
    await runtime.runPromise(
      Effect.flatMap(DeadLetters, ({ put }) =>
        put([{ received, group: "audit", reason: "too_large", why: "z".repeat(5_000), target: "" }])
      )
    )
    const found: Array<{ readonly value: Buffer | null; readonly headers: Record<string, string> }> = []
    const consumer = kafka.client.consumer({ groupId: "letters" })
    await consumer.connect()
    await consumer.subscribe({ topic: "config.updates.dead", fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message: { value, headers } }) => {
        const texts = Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])
        found.push({ value, headers: Object.fromEntries(texts) })
      }
    })
    await waitUntil("the letter", () => found.length === 1)
    await consumer.disconnect()

    assert.deepInclude(found[0]!.headers, {
      dead_group: "audit",
      dead_reason: "too_large",
      dead_partition: "3",
      dead_offset: "7",
      dead_cut_from: "900000"
    })
    assert.notProperty(found[0]!.headers, "other")
    assert.isTrue(received.body.subarray(0, found[0]!.value!.length).every((byte, i) => byte === found[0]!.value![i]))
  })

  it("KG1 a group outlives the death of its broker, and says so once", async () => {
    const own = ManagedRuntime.make(layerOf(optionsOf()))
    const taken: Array<string> = []
    const take = (batch: ReadonlyArray<{ readonly headers: Readonly<Record<string, string>> }>) =>
      Effect.sync(() => void taken.push(...batch.map(({ headers }) => headers["ce_id"]!)))
    const consumer = own.runFork(
      Effect.flatMap(EventGroups, (groups) => groups.consume({ group: "outlives", size: 100, take }))
    )
    const producer = kafka.client.producer({ idempotent: true })
    const write = async (ce_id: string) => {
      await producer.connect()
      await producer.send({ topic: "config.updates", messages: [{ key: ce_id, value: "{}", headers: { ce_id } }] })
    }
    await write("before")
    await waitUntil("the first", () => taken.includes("before"))
    await kafka.kill()
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    await kafka.start()
    await waitUntil("the producer to be back", () =>
      write("after").then(
        () => true,
        () => false
      )
    )
    await waitUntil("what came afterwards", () => taken.includes("after"))
    await producer.disconnect()
    await own.runPromise(Fiber.interrupt(consumer))
    await own.dispose()
  })
})
