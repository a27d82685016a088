/** Fault 64: Kafka, which has a topic's log, is killed and frozen under producers. What was acked is in the topic, once and in order, and readers skip nothing. */
import { assert, describe, it } from "@effect/vitest"
import { KafkaServer } from "../support/Kafka.ts"
import { measured } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { createTopic, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

const EACH = 1_000
const PATIENCE = 120_000

describe("fault 64: Kafka is killed under producers", () => {
  it("KP3 TL1 TL3: acked events are there once and in order, whatever was under way", async () => {
    await using kafka = await KafkaServer.start()
    await using server = await startServer({ KAFKA_BROKERS: kafka.address })
    await createTopic(server, "load", { partitions: 2, log: "kafka" })
    await using programs = new TopicPrograms("load", server.grpc, server.token)
    for (let n = 0; n < 2; n++) programs.produce(`p${n}`, { partitions: 2 })
    programs.follow("r")
    const more = async (what: string, count: number) => {
      const before = programs.sent.ok
      await waitUntil(what, () => programs.sent.ok > before + count, PATIENCE)
    }
    await more("events to be acked", EACH)
    await kafka.kill()
    await kafka.start()
    await more("producers to go on after it was killed", EACH)
    await kafka.signal("SIGSTOP")
    await new Promise((resolve) => setTimeout(resolve, 6_000)) // longer than a batch waits for its answer
    await kafka.signal("SIGCONT")
    await more("producers to go on after it was frozen", EACH)
    await programs.stop()
    const { log, found } = await programs.judge()

    assert.deepStrictEqual(programs.errors, [])
    assert.deepStrictEqual(found, [])
    assert.strictEqual(log.length, programs.sent.ok)
    measured(64, "Kafka with the log killed, then frozen, under two producers", {
      "acked events": programs.sent.ok,
      "lost, twice or out of order": found.length
    })
  }, 400_000)
})
