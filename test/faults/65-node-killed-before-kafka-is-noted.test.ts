/** Fault 65: a node is killed under producers of a topic in Kafka, between Kafka's acks and its own notes. What was acked is there, once and in order. */
import { assert, describe, it } from "@effect/vitest"
import { KafkaServer } from "../support/Kafka.ts"
import { measured } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { createTopic, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

const EACH = 1_000
const PATIENCE = 120_000

describe("fault 65: a node is killed under producers of a topic in Kafka", () => {
  it("KP2 LH2 QP1: acked events are there once and in order, whatever the node had noted", async () => {
    await using kafka = await KafkaServer.start()
    await using server = await startServer({ KAFKA_BROKERS: kafka.address })
    await createTopic(server, "load", { partitions: 2, log: "kafka" })
    await using programs = new TopicPrograms("load", server.grpc, server.token)
    for (let n = 0; n < 2; n++) programs.produce(`p${n}`, { partitions: 2 })
    programs.follow("r")
    for (let round = 0; round < 2; round++) {
      const before = programs.sent.ok
      await waitUntil("events to be acked", () => programs.sent.ok > before + EACH, PATIENCE)
      await server.end("SIGKILL")
      const kept = programs.sent.ok
      await server.start()
      await waitUntil("producers to go on", () => programs.sent.ok > kept, PATIENCE)
    }
    await programs.stop()
    const { log, found } = await programs.judge()

    assert.deepStrictEqual(programs.errors, [])
    assert.deepStrictEqual(found, [])
    assert.strictEqual(log.length, programs.sent.ok)
    measured(65, "a node killed twice under two producers of a topic in Kafka", {
      "acked events": programs.sent.ok,
      "lost, twice or out of order": found.length
    })
  }, 400_000)
})
