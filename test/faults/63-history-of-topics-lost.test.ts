/** Fault 63: the primary dies, and a standby that had not all is promoted. What is lost of a topic is told as another epoch, to readers, producers and pages. */
import { assert, describe, it } from "@effect/vitest"
import type { TopicGap } from "../../src/client/topics/ReadOptions.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { startPair } from "../support/Standby.ts"
import { createTopic, logOf, topicsAt } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 63: history of topics is lost", () => {
  it("TL5 ZR3 QO4 MI1 offsets are given again in another epoch, and nobody takes one for the other", async () => {
    await using pair = await startPair({ synchronous: false })
    await using server = await startServer({ DATABASE_URL: pair.url })
    await createTopic(server, "t")
    await using topics = topicsAt(server.grpc, server.token)
    const topic = topics.topic("t")
    const producer = await topic.producer({ id: "p" })
    const [kept] = await producer.send([{ payload: "kept" }])
    await waitUntil("the standby to have it", async () => {
      const [row] = await pair.standby.query("select max(next_off)::int as n from topic_partitions")
      return row?.["n"] === 1
    })
    await pair.standby.stop()
    const got: Array<string> = []
    const gaps: Array<TopicGap> = []
    const reader = topic.subscribe({ from: "earliest", onGap: (gap) => void gaps.push(gap) })
    const reading = (async () => {
      for await (const { events } of reader) got.push(...events.map((event) => event.text()))
    })()
    const [lost] = await producer.send([{ payload: "lost" }, { payload: "lost too" }])
    await waitUntil("the reader to have what will be lost", () => got.length === 3)
    await pair.primary.kill()
    await pair.standby.start()
    const from = performance.now()
    await pair.standby.query("select pg_promote()")

    // Its numbers go on behind what is lost: that it is lost is said, and nothing is left out in silence.
    const told = await producer.send([{ payload: "behind what is lost" }]).then(
      () => assert.fail("it was published behind what is lost"),
      (error) => error
    )
    assert.deepInclude(told, { code: "HRLD-2075", outcome: "failed" })
    const again = await topic.producer({ id: "p" })
    const [after] = await again.send([{ payload: "after" }])
    const took = performance.now() - from
    assert.deepStrictEqual([lost!.epoch, lost!.offset, after!.offset], [kept!.epoch, 1, 1])
    assert.isAbove(after!.epoch, lost!.epoch)
    await waitUntil("the reader to go on", () => got.includes("after"))
    assert.deepStrictEqual(got.slice(0, 3), ["kept", "lost", "lost too"])
    assert.deepStrictEqual(got.filter((text) => text === "after").length, 1)
    assert.deepStrictEqual([...new Set(gaps.map(({ why }) => why))], ["epoch"])
    assert.deepStrictEqual(
      (await logOf(topic)).map(({ value }) => value),
      ["kept", "after"]
    )

    const page = await server.call("GET", `/v1/topics/t/events?from=${encodeURIComponent(`t:0:${lost!.epoch}:2`)}`)
    assert.strictEqual(page.status, 200, JSON.stringify(page.body))
    assert.strictEqual(page.body.gaps[0]?.why, "epoch")
    await reader.close()
    await reading
    measured(63, "a standby promoted that had not all of a topic", {
      "first event of the new epoch after": seconds(took),
      "gaps told": gaps.length
    })
  })
})
