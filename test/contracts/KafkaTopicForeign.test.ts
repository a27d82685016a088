/** A topic that others make anew in a real Kafka, while Herald writes into it and reads it: not one event goes there or comes from there. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Brokers } from "../../layers/Kafka/topics/Brokers.ts"
import { fetchFrom, produceInto } from "../../layers/Kafka/topics/ById.ts"
import { codes, fetch, produce, Refused } from "../../layers/Kafka/topics/Protocol.ts"
import { encodeBatch } from "../../layers/Kafka/topics/RecordBatch.ts"
import { messagesOf } from "../../src/topics/Frames.ts"
import { KafkaLog as Port } from "../../src/topics/KafkaLog.ts"
import { LogState } from "../../src/topics/LogState.ts"
import { kafkaNode } from "../support/KafkaNode.ts"
import { asAdmin } from "../support/KafkaTopics.ts"
import { append } from "../support/TopicNodes.ts"
import { newTopic, startOf } from "../support/Topics.ts"
import { waitUntil } from "../support/waitUntil.ts"

const { node, kafka } = kafkaNode()
const admin = asAdmin(kafka)

describe("topics that others make anew in Kafka", () => {
  it("KM5 KM3 while they do, nothing that Herald is told goes there, and nothing that is there is read", async () => {
    const { id, name } = await node.runPromise(newTopic())
    await node.runPromise(append(id, 1, 5))
    const start = await node.runPromise(startOf(id))
    const { read } = await node.runPromise(Port)
    const told = new Set<string>()
    const found = new Set<string>()
    let stopped = false
    const writing = async () => {
      while (!stopped) {
        const outcome = await node.runPromise(Effect.result(append(id, 100, 1)))
        told.add(outcome._tag === "Success" ? outcome.success.is : outcome.failure.name)
      }
    }
    const reading = async () => {
      while (!stopped) {
        const outcome = await node.runPromise(
          Effect.result(read({ topic: id, partition: 0 }, start, { maxBytes: 100_000, packed: false }))
        )
        if (outcome._tag === "Failure") found.add(outcome.failure.name)
        else
          for (const piece of outcome.success?.pieces ?? [])
            if (piece.is === "segment")
              for (const { payload } of messagesOf(piece.bytes)) found.add(Buffer.from(payload).toString())
      }
    }
    const all = [writing(), writing(), reading(), reading()]
    await waitUntil("what is written, and read", () => told.has("placed") && found.has("e5"))
    await admin((its) => its.deleteTopics({ topics: [name] }))
    const producer = kafka().client.producer()
    await producer.connect()
    await waitUntil("the topic that is theirs", () =>
      admin(async (its) => {
        await its.createTopics({ topics: [{ topic: name }] }).catch(() => {})
        await producer.send({ topic: name, messages: [{ value: "theirs" }] })
        return true
      }).catch(() => false)
    )
    await waitUntil("that it is known", () => told.has("KafkaTopicExists") && found.has("KafkaTopicExists"))
    stopped = true
    await Promise.all(all)
    await producer.disconnect()
    assert.notInclude([...found], "theirs")
    const brokers = new Brokers(kafka().client)
    const { records } = await brokers.ask(name, 0, fetch({ topic: name, partition: 0, offset: 0 }, 1_000_000, true))
    await brokers.close()
    assert.isTrue(records.includes("theirs"))
    assert.isFalse(records.includes("e100"))
    // Nor is it taken for the topic's own history, of which something was lost.
    const histories = await node.runPromise(Effect.flatMap(LogState, (state) => state.histories(id)))
    assert.lengthOf(histories.get(0)!.begun, 1)
  }, 90_000)

  it("KM5 by its id as by its name a topic is written and read, and by another one's neither", async () => {
    const { name, madeAs } = await node.runPromise(newTopic({ compression: "none" }))
    const brokers = new Brokers(kafka().client)
    try {
      const batch = (text: string) =>
        encodeBatch(
          [{ key: null, value: Buffer.from(text), headers: [] }],
          { producerId: -1n, producerEpoch: -1, sequence: -1 },
          false,
          1_000
        )
      const [named, known] = [
        await brokers.tell(name, 0, produce(name, 0, batch("named"), 3_000)),
        await brokers.tell(name, 0, produceInto({ topic: name, id: madeAs }, 0, batch("known"), 3_000))
      ]
      assert.deepStrictEqual([named.base, known.base], [0, 1])
      assert.isAbove(known.at, 1_000_000)
      const place = { topic: name, partition: 0, offset: 0 }
      const byName = await brokers.ask(name, 0, fetch(place, 1_000_000, true))
      const byId = await brokers.ask(name, 0, fetchFrom({ ...place, id: madeAs }, 1_000_000, true))
      assert.deepStrictEqual(byId, byName)
      assert.strictEqual(byId.end, 2)
      assert.isTrue(byId.records.includes("known"))
      const another = { topic: name, id: "ab".repeat(16) }
      for (const asked of [
        () => brokers.tell(name, 0, produceInto(another, 0, batch("x"), 3_000)),
        () => brokers.ask(name, 0, fetchFrom({ ...place, ...another }, 1_000, true))
      ]) {
        const why = await asked().then(
          () => undefined,
          (cause) => cause
        )
        assert.instanceOf(why, Refused)
        assert.strictEqual(why.code, codes.UNKNOWN_TOPIC_ID)
      }
    } finally {
      await brokers.close()
    }
  }, 60_000)
})
