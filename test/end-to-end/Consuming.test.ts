/** Consumers of subscriptions by the SDK on real servers: every type, failures, dead letters, pauses and seeks. */
import { assert, describe, it } from "@effect/vitest"
import { afterAll, beforeAll } from "vitest"
import { type Consumed, Reject, Topics } from "../../src/client/HeraldClient.ts"
import type { SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const ok = async (method: string, path: string, body?: unknown) => {
  const answer = await server.call(method, path, body)
  assert.isBelow(answer.status, 300, JSON.stringify(answer.body))
  return answer.body
}
let made = 0
/** A topic and a subscription of it. */
const subscribed = async (type: SubscriptionType, partitions: number, change: Record<string, unknown> = {}) => {
  const topic = `work-${++made}`
  await ok("POST", "/v1/topics", { name: topic, partitions })
  await ok("POST", "/v1/subscriptions", { topic, name: "s", type, backoffMillis: [10], from: "earliest", ...change })
  return topic
}
const topicsOf = () => new Topics({ address: server.grpc, token: server.token })
const numbers = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => ({ key: `k${(n + from) % 10}`, json: n + from }))
const numberOf = (event: Consumed) => Number(event.text())
const statsOf = (topic: string) => ok("GET", `/v1/subscriptions/${topic}/s/stats`)

describe("consumers", () => {
  for (const type of ["exclusive", "shared", "failover", "key_shared"] satisfies ReadonlyArray<SubscriptionType>)
    it(`SO1 DP6 LC2 ${type}: each event is done once it succeeds, and keys keep their order after failures`, async () => {
      const topic = await subscribed(type, 2)
      await using topics = topicsOf()
      const seen: Array<number> = []
      const tries = new Map<number, number>()
      const consumers = type === "exclusive" ? ["a"] : ["a", "b", "c"]
      for (const consumer of consumers)
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
      await waitUntil("all are done", () => new Set(seen).size === 300)
      await waitUntil("all of it is kept", async () => (await statsOf(topic)).backlog === 0)
      if (type === "shared") return
      for (let key = 0; key < 10; key++) {
        const first = [...new Set(seen.filter((n) => n % 10 === key))]
        assert.deepStrictEqual(
          first,
          [...first].sort((a, b) => a - b),
          `k${key}`
        )
      }
    })

  it("QU3 what was answered before a consumer closes is durable, and nothing of it comes to the next", async () => {
    const topic = await subscribed("shared", 1)
    await using topics = topicsOf()
    await topics.topic(topic).publish(numbers(100))
    const first: Array<number> = []
    const one = topics.topic(topic).consume("s", (event) => void first.push(numberOf(event)), { prefetch: 20 })
    await waitUntil("some are done", () => first.length >= 40)
    await one.close()
    const second: Array<number> = []
    topics.topic(topic).consume("s", (event) => void second.push(numberOf(event)))
    await waitUntil("the rest is done", () => first.length + second.length >= 100)
    await waitUntil("all of it is kept", async () => (await statsOf(topic)).backlog === 0)
    assert.deepStrictEqual(
      [...first, ...second].sort((a, b) => a - b),
      numbers(100).map(({ json }) => json)
    )
  })

  it("SM2 OB5 a pause holds it back, a resume goes on, and a seek begins anew, under load", async () => {
    const topic = await subscribed("key_shared", 2)
    await using topics = topicsOf()
    const seen: Array<number> = []
    topics.topic(topic).consume("s", (event) => void seen.push(numberOf(event)), { concurrency: 8 })
    await topics.topic(topic).publish(numbers(200))
    await waitUntil("all came", () => new Set(seen).size === 200)
    await ok("POST", `/v1/subscriptions/${topic}/s/pause`, {})
    const status = () => ok("GET", `/v1/subscriptions/${topic}/s`)
    await waitUntil("it is paused", async () => (await status()).status === "paused")
    await topics.topic(topic).publish(numbers(50, 200))
    await ok("POST", `/v1/subscriptions/${topic}/s/resume`, {})
    await waitUntil("what came meanwhile came", () => new Set(seen).size === 250)
    const before = seen.length
    await ok("POST", `/v1/subscriptions/${topic}/s/seek`, { to: "earliest" })
    await waitUntil("all came again", () => new Set(seen.slice(before)).size === 250)
  })

  it("QY1 OB4 who asks for what is not there, or may not, is told so, and is not tried again", async () => {
    const topic = await subscribed("exclusive", 1)
    await using topics = topicsOf()
    const ended = (named: string, subscription: string, of: Topics = topics) =>
      of
        .topic(named)
        .consume(subscription, () => {})
        .done.then(
          () => "",
          (error: Error & { readonly code: string }) => error.code
        )
    assert.strictEqual(await ended(topic, "none"), "HRLD-2084")
    assert.strictEqual(await ended("no-such-topic", "s"), "HRLD-2077")
    topics.topic(topic).consume("s", () => {})
    await waitUntil("it has its consumer", async () => (await statsOf(topic)).consumers === 1)
    assert.strictEqual(await ended(topic, "s"), "HRLD-2082")
    const key = await ok("POST", "/v1/keys", {
      name: "reader",
      role: "subscriber",
      environments: ["production"],
      topics: ["other/*"]
    })
    await using other = new Topics({ address: server.grpc, token: key.token })
    assert.strictEqual(await ended(topic, "s", other), "HRLD-3002")
  })

  it("DP3 SN3 QI2 QI3 what can't be done is among the dead letters with its reason, its neighbours are done", async () => {
    const dead = `dead-${++made}`
    await ok("POST", "/v1/topics", { name: dead })
    const topic = await subscribed("key_shared", 1, { deadLetterTopic: dead, maxAttempts: 2 })
    await using topics = topicsOf()
    const seen = new Set<number>()
    topics.topic(topic).consume("s", (event) => {
      const n = numberOf(event)
      if (n === 5) throw new Reject("it is nonsense")
      if (n === 7) throw new Error("it never works")
      seen.add(n)
    })
    await topics.topic(topic).publish(numbers(20))
    await waitUntil("all others are done", () => seen.size === 18)
    const letters = () => ok("GET", `/v1/subscriptions/${topic}/s/dead-letters`)
    const all = await waitUntil("two dead letters", async () => {
      const { deadLetters } = await letters()
      return deadLetters.length === 2 && deadLetters
    })
    const events = await waitUntil("both are in the dead-letter topic", async () => {
      const { events } = await ok("GET", `/v1/topics/${dead}/events?limit=100`)
      return events.length >= 2 && events
    })
    const shown = (one: { readonly value: number; readonly key: string; readonly headers: Record<string, string> }) => [
      one.value,
      one.key,
      one.headers["herald-reason"]
    ]
    assert.deepStrictEqual(events.map(shown).sort(), [
      ["5", "k5", "rejected"],
      ["7", "k7", "attempts"]
    ])
    await waitUntil("it is counted", async () => {
      const { body } = await server.call("GET", "/metrics")
      return (
        /herald_subscription_events_total\{[^}]*fate="rejected"[^}]*\} [1-9]/.test(String(body)) &&
        /herald_dead_letters_posted_total\S* [2-9]/.test(String(body))
      )
    })
    assert.deepStrictEqual(
      all
        .map((one: { reason: string; cause: string; attempts: number }) => [one.reason, one.cause, one.attempts])
        .sort(),
      [
        ["attempts", "it never works", 2],
        ["rejected", "it is nonsense", 1]
      ]
    )
  })
})
