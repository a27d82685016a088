import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Kafka, logLevel } from "kafkajs"
import { Brokers } from "../../../../layers/Kafka/topics/Brokers.ts"
import { makeManaging } from "../../../../layers/Kafka/topics/Managing.ts"
import { Refused } from "../../../../layers/Kafka/topics/Protocol.ts"
import { away, never, unknown } from "../../../../layers/Kafka/topics/Waiting.ts"
import { makeWords, saidBy } from "../../../../layers/Kafka/topics/Words.ts"
import { FakeKafka } from "../../../support/FakeKafka.ts"
import { definition } from "../../../support/Topics.ts"

const THEIRS = /10\.0\.0\.3|ECONNREFUSED|9092|alice|the policy/i
const connection = Object.assign(new Error("connect ECONNREFUSED 10.0.0.3:9092"), { code: "ECONNREFUSED" })
const causes = [
  connection,
  new Error("SASL authentication of alice failed", { cause: connection }),
  "10.0.0.3 said no",
  new Refused("CreateTopics", 44, "the policy of 10.0.0.3 wants alice"),
  undefined
]

describe("what Kafka says", () => {
  it("FL3 no caller is told what a connection or a broker said, whatever failed", () => {
    for (const cause of causes)
      for (const error of [away(cause), never(away(cause)), unknown(away(cause))]) {
        assert.notMatch(error.message, THEIRS)
        assert.notMatch(JSON.stringify(error.details ?? {}), THEIRS)
      }
    assert.include(away(new Refused("Produce", 10)).message, "Kafka answered Produce with MESSAGE_TOO_LARGE")
    assert.match(saidBy(causes[1]), /alice.*10\.0\.0\.3/)
    assert.match(saidBy(causes[3]), /POLICY_VIOLATION: the policy of 10\.0\.0\.3/)
  })

  it.effect(
    "FL3 who makes, changes or removes a topic of a Kafka that is away is told so, and nothing of where it is",
    () =>
      Effect.gen(function* () {
        const fake = new FakeKafka()
        fake.broken = connection
        const said: Array<string> = []
        const topic = {
          ...definition({ name: "t", log: "kafka" }),
          ...{ id: 1, version: 1, schemaVersion: 0, createdAt: 1, createdBy: "ann", updatedAt: 1, madeAs: "a" }
        }
        const { create, change, remove } = makeManaging({
          kafka: new Kafka({ brokers: ["127.0.0.1:1"], logLevel: logLevel.NOTHING, retry: { retries: 0 } }),
          brokers: new Brokers(fake.kafka, { failed: (_, cause) => void said.push(saidBy(cause)) }),
          ...{ own: [], changed: () => {}, fork: () => Effect.void }
        })
        for (const asked of [create(topic), change(topic), remove(topic)]) {
          const error = yield* Effect.flip<unknown, { readonly name: string; readonly message: string }, never>(asked)
          assert.strictEqual(error.name, "TopicLogUnavailable")
          assert.strictEqual(error.message, "Kafka did not do it: it is away, or did not answer")
        }
        assert.include(said, "connect ECONNREFUSED 10.0.0.3:9092")
      })
  )

  it("FL3 the log is told what was said, each once a minute, and what is remembered for that is bounded", () => {
    let now = 0
    const told: Array<string> = []
    const words = makeWords(
      ({ broker, reason }) => void told.push(`${broker}: ${reason}`),
      () => now
    )
    for (let n = 0; n < 50; n++) words("a:1", connection)
    words("", connection)
    now = 59_999
    words("a:1", connection)
    assert.deepStrictEqual(told, [`a:1: ${connection.message}`, `any: ${connection.message}`])
    now = 60_000
    words("a:1", connection)
    assert.lengthOf(told, 3)
    for (let n = 0; n < 1_000; n++) words("b:1", new Error(`${n}`))
    words("a:1", connection) // forgotten meanwhile
    assert.lengthOf(told, 1_004)
  })
})
