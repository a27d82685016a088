/** How long Kafka is waited for, on one that answers when a test says so. */
import { assert, describe, it } from "@effect/vitest"
import type { Kafka } from "kafkajs"
import { Brokers, QUESTION } from "../../../../layers/Kafka/topics/Brokers.ts"
import { Together } from "../../../../layers/Kafka/topics/Together.ts"
import { FakeKafka } from "../../../support/FakeKafka.ts"
import { unhandled } from "../../../support/unhandled.ts"

/** Milliseconds of a share of a subscription: src/subscriptions/Consuming.ts. */
const LASTS = 5_000

/** Each answer comes after so many milliseconds of its clock. */
class SlowKafka {
  now = 0
  readonly patience: Array<number> = []
  readonly #takes: number

  constructor(takes: number) {
    this.#takes = takes
  }

  get brokers(): Brokers {
    const pool = {
      send: async ({ requestTimeout, request }: { requestTimeout: number; request: { apiName: string } }) => {
        this.patience.push(requestTimeout)
        this.now += Math.min(this.#takes, requestTimeout)
        if (this.#takes > requestTimeout)
          throw Object.assign(new Error("too late"), { name: "KafkaJSRequestTimeoutError" })
        if (request.apiName === "Metadata")
          return {
            brokers: new Map([[1, { host: "a", port: 1 }]]),
            topics: new Map([["t", { id: "a", partitions: 1, replicas: 1, leaders: new Map([[0, 1]]) }]])
          }
        return new Map([["t", new Map([[0, 5]])]])
      }
    }
    const cluster = {
      rootLogger: {},
      connectionPoolBuilder: { build: async () => pool },
      brokerPool: {
        createBroker: () => ({ connectionPool: pool, connect: async () => {}, disconnect: async () => {} })
      }
    }
    const door = { [Symbol("private:Kafka:createCluster")]: () => cluster }
    return new Brokers(door as unknown as Kafka, { now: () => this.now })
  }
}

const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "answered",
    (cause) => cause.message
  )

const ask = ({ brokers }: SlowKafka) => brokers.offsets({ topic: "t", partitions: [0], time: -1 }, true)

describe("brokers", () => {
  it("KQ3 finding who leads and asking it have one deadline together, and it is over before leases are", async () => {
    assert.isBelow(QUESTION, LASTS - 1_000)
    const slow = new SlowKafka(1_000)
    assert.deepStrictEqual([...(await ask(slow))], [[0, 5]])
    assert.deepStrictEqual(slow.patience, [QUESTION, QUESTION - 1_000])
    const slower = new SlowKafka(2_000)
    assert.strictEqual(await outcome(ask(slower)), "too late")
    assert.deepStrictEqual(slower.patience, [QUESTION, QUESTION - 2_000])
    assert.strictEqual(slower.now, QUESTION)
    const frozen = new SlowKafka(Number.POSITIVE_INFINITY)
    await ask(frozen).catch(() => {})
    assert.deepStrictEqual(frozen.patience, [QUESTION])
  })

  it("KQ6 a partition without a leader while the broker of another one fails is an error of the question, and of nothing else", async () => {
    const fake = new FakeKafka()
    fake.topics.set("t", { id: "1".repeat(32), leaders: [1, -1, 2], end: 3 })
    const brokers = new Brokers(fake.kafka)
    assert.deepStrictEqual((await brokers.look("t"))?.leaders.get(1), -1)
    const gone = Object.assign(new Error("a broker went away"), { name: "KafkaJSConnectionError" })
    let told = ""
    const left = await unhandled(async () => {
      fake.brokenFor = new Map([["ListOffsets", gone]])
      told = await outcome(brokers.offsets({ topic: "t", partitions: [0, 1, 2], time: -1 }, true))
    })
    assert.deepStrictEqual(left, [])
    assert.include(told, "has no leader now")
    fake.brokenFor.clear()
    fake.topics.set("t", { id: "1".repeat(32), leaders: [1, 3, 2], end: 3 })
    const ends = await brokers.offsets({ topic: "t", partitions: [0, 1, 2], time: -1 }, true)
    assert.deepStrictEqual([...ends].toSorted(), [
      [0, 3],
      [1, 3],
      [2, 3]
    ])
  })

  it("KQ6 a question whose answer nobody waits for any more fails for itself", async () => {
    const asked = new Together<string, string>({
      ...{ same: (name) => name, name: (name) => name, weight: () => 1, most: 10 },
      ask: () => Promise.reject(new Error("a broker went away"))
    })
    let held: Promise<string> | undefined
    const left = await unhandled(async () => {
      held = asked.ask("a", () => 1_000)
    })
    assert.deepStrictEqual(left, [])
    assert.strictEqual(await outcome(held!), "a broker went away")
  })
})
