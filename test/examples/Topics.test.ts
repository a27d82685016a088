/** Four programs on topics, as applications write them. They run on a server of a test, which keeps what it is given in memory. */
import { assert, describe, it } from "@effect/vitest"
import { Reject, type Topics, Topics as TopicsOf } from "herald/client"
import { FakeSubscription } from "../support/FakeSubscription.ts"
import { FakeTopic } from "../support/FakeTopic.ts"
import { until } from "../support/turn.ts"

const serverOf = (partitions: number) => {
  const server = new FakeTopic(partitions)
  return { server, topics: new TopicsOf({ address: "127.0.0.1:50051" }, { transport: server }) }
}

/** Prices in order by symbol, each once, however often the connection breaks. */
const tick = async (topics: Topics, prices: ReadonlyArray<{ readonly symbol: string; readonly price: number }>) => {
  await using producer = await topics.topic("prices").producer({ id: "ticker-1" })
  for (const one of prices) {
    await producer.room()
    producer.send([{ key: one.symbol, json: one }]).catch((error) => console.error(one.symbol, error.message))
  }
  await producer.flush()
}

/** All that was published, and then what is new, without a seam. */
const replay = async (topics: Topics, seen: (text: string) => boolean) => {
  const live = { is: false }
  const reader = topics.topic("prices").subscribe({
    from: "earliest",
    onLive: () => {
      live.is = true
    },
    onGap: ({ from, to, why }) => console.warn(`${from} to ${to} are gone: ${why}`)
  })
  for await (const { events } of reader)
    for (const event of events) if (!seen(`${event.text()} ${live.is ? "live" : "stored"}`)) return
}

/** Work that may fail, or never will do. */
const work = (topics: Topics, done: (job: string) => void) =>
  topics.topic("jobs").consume(
    "workers",
    (event) => {
      const job = event.text()
      if (job === "nonsense") throw new Reject("this is no job")
      if (job === "flaky" && event.attempt === 1) throw new Error("try again")
      done(job)
    },
    { concurrency: 4 }
  )

describe("examples of topics", () => {
  it("a ticker, and a reader that goes from what is stored to what is new", async () => {
    const { server, topics } = serverOf(1)
    await tick(topics, [
      { symbol: "A", price: 1 },
      { symbol: "B", price: 2 }
    ])
    const seen: Array<string> = []
    const reading = replay(topics, (text) => seen.push(text) < 3)
    await until(() => seen.length === 2)
    server.cut()
    await tick(topics, [{ symbol: "A", price: 3 }])
    await reading
    assert.deepStrictEqual(
      seen.map((text) => text.replace(/ \w+$/, "")),
      ['{"symbol":"A","price":1}', '{"symbol":"B","price":2}', '{"symbol":"A","price":3}']
    )
    await topics.close()
  })

  it("workers of a queue, with dead letters", async () => {
    const { server, topics } = serverOf(2)
    const subscription = new FakeSubscription(server, "workers", "shared")
    await topics.topic("jobs").publish(["good", "flaky", "nonsense"].map((payload) => ({ payload })))
    const done: Array<string> = []
    const handling = work(topics, (job) => done.push(job))
    await until(() => subscription.done)
    await handling.close()
    assert.sameMembers(done, ["good", "flaky"])
    assert.deepStrictEqual(subscription.dead, ["0:2"])
    await topics.close()
  })
})
