/** Fault 56: the server is killed again and again while consumers work and events fail. All is done, keys keep their order, dead letters are there once. */
import { assert, describe, it } from "@effect/vitest"
import { Reject } from "../../src/client/HeraldClient.ts"
import {
  assertOrder,
  backlogOf,
  eventsIn,
  lettersOf,
  numbered,
  numberOf,
  subscribed,
  topicsOf
} from "../support/Consumers.ts"
import { measured } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const COUNT = 1_000

describe("fault 56: the server dies under consumers", () => {
  it("DP6 LC2 QI2 killed three times: all is done in the order of its keys, each dead letter is in its topic once", async () => {
    await using server = await startServer()
    await server.call("POST", "/v1/topics", { name: "dead" })
    await subscribed(server, "work", 2, { type: "key_shared", deadLetterTopic: "dead", maxAttempts: 8 })
    await using topics = topicsOf(server.grpc, server.token)
    const done: Array<number> = []
    const failed = new Set<number>()
    for (const consumer of ["a", "b", "c"])
      topics.topic("work").consume(
        "s",
        async (event) => {
          const n = numberOf(event)
          await new Promise((resolve) => setImmediate(resolve))
          if (n % 100 === 50) throw new Reject("it is nonsense")
          if (n % 37 === 5 && !failed.has(n)) {
            failed.add(n)
            throw new Error("not yet")
          }
          done.push(n)
        },
        { consumer, concurrency: 8, prefetch: 64 }
      )
    const rejected = COUNT / 100
    const isDone = () => new Set(done).size
    for (let kill = 0; kill < 3; kill++) {
      const before = isDone()
      await topics.topic("work").publish(numbered(COUNT / 4, (kill * COUNT) / 4))
      await waitUntil("some are done", () => isDone() > before + 40)
      await server.end("SIGKILL")
      await server.start()
    }
    await topics.topic("work").publish(numbered(COUNT / 4, (COUNT * 3) / 4))
    await waitUntil("all are done", () => isDone() === COUNT - rejected, 180_000)
    await waitUntil("it is kept", async () => (await backlogOf(server, "work")) === 0)
    assertOrder(done)
    await waitUntil("dead letters are in their topic", async () => (await eventsIn(server, "dead")).length >= rejected)
    const posted = await eventsIn(server, "dead")
    const wanted = Array.from({ length: rejected }, (_, n) => `${n * 100 + 50}`).sort()
    assert.deepStrictEqual(posted.map(({ value }) => value).sort(), wanted)
    assert.strictEqual((await lettersOf(server, "work")).length, rejected)
    measured(56, "the server killed three times under three consumers", {
      events: COUNT,
      lost: 0,
      "done twice": done.length - isDone(),
      "dead letters, each once": rejected
    })
  })
})
