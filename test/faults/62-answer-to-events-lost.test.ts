/** Fault 62: the connection to PostgreSQL dies after the COMMIT of events and before its answer. Each event is in the topic once, and its publisher is told where. */
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { createTopic, logOf, topicsAt } from "../support/TopicPrograms.ts"

describe("fault 62: the answer to events is lost", () => {
  it("LA2 TD1 P1 pulsar#5218 cut three times, with a producer and without: each event is there once", async () => {
    await using database = await startDatabase()
    await using proxy = new TcpProxy(database.port)
    const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
    await using server = await startServer({ DATABASE_URL: url })
    await createTopic(server, "cut", { compression: "none" })
    await using topics = topicsAt(server.grpc, server.token)
    const topic = topics.topic("cut")
    const producer = await topic.producer({ id: "p" })
    await producer.send([{ payload: "first" }])
    let left = 0
    const marks = [Buffer.from("cut-here"), Buffer.from(Buffer.from("cut-here").toString("hex"))]
    proxy.cutAfter = (chunk) => {
      const isCut = left > 0 && marks.some((mark) => chunk.includes(mark))
      if (isCut) left--
      return isCut
    }

    const took: Array<number> = []
    const cutting = async <A>(publish: () => Promise<A>): Promise<A> => {
      left = 3
      const from = performance.now()
      const answer = await publish()
      took.push(performance.now() - from)
      assert.strictEqual(left, 0)
      return answer
    }
    const [placed] = await cutting(() => producer.send(["cut-here-1", "cut-here-2"].map((payload) => ({ payload }))))
    const plain = await cutting(() =>
      server.call("POST", "/v1/topics/cut/events", { events: [{ value: "cut-here-3" }, { value: "cut-here-4" }] })
    )
    await producer.send([{ payload: "last" }])

    assert.strictEqual(plain.status, 200, JSON.stringify(plain.body))
    assert.deepStrictEqual([placed!.offset, plain.body.placed[0].offset], [1, 3])
    const log = await logOf(topic)
    assert.deepStrictEqual(
      log.map(({ value }) => value),
      ["first", ...[1, 2, 3, 4].map((n) => `cut-here-${n}`), "last"]
    )
    measured(62, "the answer to events cut three times", {
      "with a producer answered after": seconds(took[0]!),
      "without one": seconds(took[1]!)
    })
  })
})
