/** Subscriptions of a topic whose log is in a real Kafka, by the SDK on a real server: every type, failures, dead letters, seeks, and what others write. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { type Consumed, Reject, Topics } from "../../src/client/HeraldClient.ts"
import type { SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let kafka: KafkaServer
let server: Server
beforeAll(async () => {
  kafka = await KafkaServer.start()
  server = await startServer({ KAFKA_BROKERS: kafka.address })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await kafka[Symbol.asyncDispose]()
})

const PATIENCE = 60_000
const ok = async (method: string, path: string, body?: unknown) => {
  const answer = await server.call(method, path, body)
  assert.isBelow(answer.status, 300, JSON.stringify(answer.body))
  return answer.body
}
let made = 0
/** A topic in Kafka and a subscription of it. */
const subscribed = async (type: SubscriptionType, partitions: number, change: Record<string, unknown> = {}) => {
  const topic = `kafka-work-${++made}`
  await ok("POST", "/v1/topics", { name: topic, partitions, log: "kafka" })
  await ok("POST", "/v1/subscriptions", { topic, name: "s", type, backoffMillis: [10], from: "earliest", ...change })
  return topic
}
const topicsOf = () => new Topics({ address: server.grpc, token: server.token })
const numbers = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({ key: `k${(n + from) % 10}`, json: n + from }))
const numberOf = (event: Consumed) => Number(event.text())
const statsOf = (topic: string) => ok("GET", `/v1/subscriptions/${topic}/s/stats`)

describe("consumers of topics in Kafka", () => {
  for (const type of ["exclusive", "shared", "failover", "key_shared"] satisfies ReadonlyArray<SubscriptionType>)
    it(`SO1 DP6 KR3 ${type}: each event is done once it succeeds, and keys keep their order after failures`, async () => {
      const topic = await subscribed(type, 2)
      await using topics = topicsOf()
      const seen: Array<number> = []
      const tries = new Map<number, number>()
      for (const consumer of type === "exclusive" ? ["a"] : ["a", "b", "c"])
        topics.topic(topic).consume(
          "s",
          (event) => {
            const n = numberOf(event)
            tries.set(n, (tries.get(n) ?? 0) + 1)
            if (n % 17 === 3 && tries.get(n) === 1) throw new Error("not yet")
            seen.push(n)
          },
          { consumer, concurrency: 4, prefetch: 50 }
        )
      await topics.topic(topic).publish(numbers(300))
      await waitUntil("all are done", () => new Set(seen).size === 300, PATIENCE)
      await waitUntil("all of it is kept", async () => (await statsOf(topic)).backlog === 0, PATIENCE)
      if (type === "shared") return
      for (let key = 0; key < 10; key++) {
        const first = [...new Set(seen.filter((n) => n % 10 === key))]
        assert.deepStrictEqual(
          first,
          first.toSorted((a, b) => a - b),
          `k${key}`
        )
      }
    }, 120_000)

  it("KR4 KR5 what others write is consumed, what no event can be is a gap, and dead letters of all of it come into a topic in Kafka", async () => {
    await ok("POST", "/v1/topics", { name: "kafka-dead", log: "kafka" })
    const topic = await subscribed("shared", 1, { deadLetterTopic: "kafka-dead" })
    const producer = kafka.client.producer()
    await producer.connect()
    const headers = { "herald-producer": "nobody's", "herald-event-time": "soon", other: "x" }
    const tooMany = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`h${n}`, "v"]))
    await producer.send({
      topic,
      messages: [
        { key: Buffer.from([255, 254]), value: "binary key" },
        { key: "k", value: "their headers", headers },
        { key: "k", value: "unfit", headers: tooMany },
        { key: "k", value: "plain" }
      ]
    })
    await producer.disconnect()
    await using topics = topicsOf()
    const seen: Array<string> = []
    const gaps: Array<string> = []
    topics.topic(topic).consume(
      "s",
      (event) => {
        seen.push(event.text())
        throw new Reject("none of these")
      },
      { onGap: ({ why, from, to }) => void gaps.push(`${why} ${from}-${to}`) }
    )
    await waitUntil("all to be seen", () => seen.length === 3, PATIENCE)
    const dead = async () => {
      const { events } = (await ok("GET", "/v1/topics/kafka-dead/events?from=earliest&as=text")) as {
        events: ReadonlyArray<{ value: string }>
      }
      return events.map(({ value }) => value).toSorted()
    }
    await waitUntil("the dead letters", async () => (await dead()).length === 3, PATIENCE)
    assert.deepStrictEqual(await dead(), ["binary key", "plain", "their headers"])
    assert.include(gaps, "unfit 2-3")
    await waitUntil("all of it is kept", async () => (await statsOf(topic)).backlog === 0, PATIENCE)
  }, 120_000)

  it("SM2 KR3 a subscription of a topic in Kafka is taken back to its beginning, and to a time", async () => {
    const topic = await subscribed("exclusive", 1)
    await using topics = topicsOf()
    const seen: Array<number> = []
    topics.topic(topic).consume("s", (event) => void seen.push(numberOf(event)))
    await topics.topic(topic).publish(numbers(20))
    await waitUntil("all", () => seen.length === 20, PATIENCE)
    await ok("POST", `/v1/subscriptions/${topic}/s/seek`, { to: "earliest" })
    await waitUntil("all again", () => seen.length === 40, PATIENCE)
    assert.deepStrictEqual(seen.slice(20), seen.slice(0, 20))
  }, 120_000)
})
