/** Fault 60: the server is killed under the full load of producers, twice. What was acked is in the topic, once and in order, and readers skip nothing. */
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { createTopic, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

const EACH = 10_000

describe("fault 60: a server is killed under producers", () => {
  it("TL1 TL3 QP1 ZR2 nats#7564: acked events are there once and in order, whatever was under way", async () => {
    await using server = await startServer()
    await createTopic(server, "load", { partitions: 3 })
    await using programs = new TopicPrograms("load", server.grpc, server.token)
    for (let n = 0; n < 4; n++) programs.produce(`p${n}`, { partitions: 3 })
    for (const name of ["r0", "r1"]) programs.follow(name)
    const away: Array<number> = []
    for (let round = 0; round < 2; round++) {
      const before = programs.sent.ok
      await waitUntil("events to be acked", () => programs.sent.ok > before + EACH)
      await server.end("SIGKILL")
      const from = performance.now()
      const kept = programs.sent.ok
      await server.start()
      await waitUntil("producers to go on", () => programs.sent.ok > kept)
      away.push(performance.now() - from)
    }
    await programs.stop()
    const { log, found } = await programs.judge()

    assert.deepStrictEqual(programs.errors, [])
    assert.deepStrictEqual(found, [])
    assert.strictEqual(programs.opened, 4) // none was ended by it
    assert.deepStrictEqual([programs.sent.info, programs.sent.fail], [0, 0])
    assert.strictEqual(log.length, programs.sent.ok)
    measured(60, "killed twice under four producers and two readers", {
      "acked events": programs.sent.ok,
      "lost, twice or out of order": found.length,
      "first ack after the kill, slowest": seconds(Math.max(...away))
    })
  })
})
