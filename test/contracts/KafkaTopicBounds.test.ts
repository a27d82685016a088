/** How far several topics in Kafka go, when one of them is gone there. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { KafkaLog as Port } from "../../src/topics/KafkaLog.ts"
import { kafkaNode } from "../support/KafkaNode.ts"
import { newTopic } from "../support/Topics.ts"
import { waitUntil } from "../support/waitUntil.ts"

const { node, kafka } = kafkaNode()

describe("topics in Kafka", () => {
  it("TL7 one that is gone in Kafka, in the middle of three, is told, and the others are answered", async () => {
    const [before, gone, after] = [
      await node.runPromise(newTopic()),
      await node.runPromise(newTopic()),
      await node.runPromise(newTopic())
    ]
    const admin = kafka().client.admin()
    await admin.connect()
    await admin.deleteTopics({ topics: [gone.name] })
    await admin.disconnect()
    const { bounds } = await node.runPromise(Port)
    const alone = () => node.runPromise(Effect.result(bounds([gone.id])))
    await waitUntil("that it is gone", async () => (await alone())._tag === "Failure")
    const unknown: Array<unknown> = []
    const known = await node.runPromise(
      bounds([after.id, gone.id, before.id], (topic, why) => void unknown.push(topic, why.name))
    )
    assert.deepStrictEqual(
      known.map(({ topic }) => topic),
      [before.id, after.id]
    )
    assert.deepStrictEqual(unknown, [gone.id, "TopicLogUnavailable"])
  }, 60_000)
})
