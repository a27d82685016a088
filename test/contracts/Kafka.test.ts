/** A real Kafka keeps the contract of the consumer groups, and what only a broker can be asked. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import type { KafkaOptions } from "../../layers/Kafka/connection/Connection.ts"
import * as Letters from "../../layers/Kafka/consumers/DeadLetters.ts"
import * as Groups from "../../layers/Kafka/consumers/EventGroups.ts"
import * as Log from "../../layers/Kafka/outbox/EventLog.ts"
import { Topic } from "../../layers/Memory/Topic.ts"
import { DeadLetters } from "../../src/consumers/DeadLetters.ts"
import { EventGroups } from "../../src/consumers/EventGroups.ts"
import type { Received } from "../../src/consumers/Received.ts"
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
  Layer.mergeAll(Log.layer(options), Groups.layer(options), Letters.layer(options))
const runtime = ManagedRuntime.make(Layer.unwrap(Effect.sync(() => layerOf(optionsOf()))))

beforeAll(async () => {
  kafka = await KafkaServer.start()
})
afterAll(async () => {
  await runtime.dispose()
  await kafka[Symbol.asyncDispose]()
})

describe("the topic in memory", () => {
  const topic = new Topic()
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

  it("KG2 an effect that takes longer than a session keeps its partition: nobody else gets the message", async () => {
    const own = ManagedRuntime.make(layerOf(optionsOf()))
    const [started, ended] = [[] as Array<string>, [] as Array<string>]
    const join = (name: string) =>
      own.runFork(
        Effect.flatMap(EventGroups, (groups) =>
          groups.consume({
            group: "slow",
            size: 100,
            take: (batch) =>
              Effect.gen(function* () {
                if (!batch.some(({ headers }) => headers["ce_id"] === "slow")) return
                started.push(name)
                yield* Effect.sleep("14 seconds")
                ended.push(name)
              })
          })
        )
      )
    const members = [join("one"), join("two")]
    const admin = kafka.client.admin()
    await admin.connect()
    await waitUntil("both to be members", async () => {
      const { groups } = await admin.describeGroups(["slow"])
      return groups[0]!.state === "Stable" && groups[0]!.members.length === 2
    })
    await admin.disconnect()
    const producer = kafka.client.producer()
    await producer.connect()
    await producer.send({ topic: "config.updates", messages: [{ key: "x", value: "{}", headers: { ce_id: "slow" } }] })
    await producer.send({
      topic: "config.updates",
      messages: [{ key: "x", value: "{}", headers: { ce_id: "behind" } }]
    })
    await producer.disconnect()
    await waitUntil("the end of the effect", () => ended.length > 0)
    await waitUntil("the group to be behind it", async () => {
      const lags = await own.runPromise(Effect.flatMap(EventGroups, (groups) => groups.lag("slow")))
      return lags.every(({ next, end }) => next === end)
    })
    assert.strictEqual(started.length, 1, started.join())
    await Promise.all(members.map((member) => own.runPromise(Fiber.interrupt(member))))
    await own.dispose()
  })

  it("KG1 a group outlives a broker that dies and one that hangs, and says so once each time", async () => {
    const said: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ message, logLevel }) => {
        if (logLevel === "Warn" || logLevel === "Info") said.push(String(message).split(",")[0]!)
      })
    ])
    const own = ManagedRuntime.make(layerOf(optionsOf()).pipe(Layer.provideMerge(logger)))
    const taken: Array<string> = []
    const take = (batch: ReadonlyArray<Received>) =>
      Effect.sync(() => void taken.push(...batch.map(({ headers }) => headers["ce_id"]!)))
    const consumer = own.runFork(
      Effect.flatMap(EventGroups, (groups) => groups.consume({ group: "outlives", size: 100, take }))
    )
    const write = async (ce_id: string) => {
      const producer = kafka.client.producer()
      try {
        await producer.connect()
        await producer.send({ topic: "config.updates", messages: [{ key: ce_id, value: "{}", headers: { ce_id } }] })
        return true
      } catch {
        return false
      } finally {
        await producer.disconnect().catch(() => {})
      }
    }
    await waitUntil("the first", async () => (await write("before")) && taken.includes("before"))
    const before = said.length
    const [lost, back] = ["a consumer group is not joined", "a consumer group is joined again"]
    await kafka.kill()
    await waitUntil("the group to notice", () => said.length > before)
    await kafka.start()
    await waitUntil("what came afterwards", async () => (await write("after death")) && taken.includes("after death"))
    // A broker that has just started may lose its group once more.
    await waitUntil("the group to be joined again", () => said.at(-1) === back)
    const between = said.length
    await kafka.signal("SIGSTOP")
    await waitUntil("the group to notice", () => said.length > between, 150_000)
    await kafka.signal("SIGCONT")
    await waitUntil("what came after the hang", async () => (await write("after hang")) && taken.includes("after hang"))
    await own.runPromise(Fiber.interrupt(consumer))
    await own.dispose()

    const times = said.slice(before)
    assert.isAtLeast(times.length, 4)
    assert.deepStrictEqual(
      times,
      times.map((_, at) => (at % 2 === 0 ? lost : back))
    )
    assert.strictEqual(times.at(-1), back)
  }, 300_000)
})
