import { assert, describe, it } from "@effect/vitest"
import { Stop, Topics, withTransaction } from "../../../src/client/HeraldClient.ts"
import { FakeSubscription } from "../../support/FakeSubscription.ts"
import { FakeTopic } from "../../support/FakeTopic.ts"
import { quickClock } from "../../support/QuickClock.ts"
import { turn } from "../../support/turn.ts"

const said: Array<string> = []
const topicsOf = (server: FakeTopic) =>
  new Topics(
    { address: "herald:50051", reconnect: { baseMillis: 1, capMillis: 5 }, logger: (line) => void said.push(line) },
    { transport: server, clock: quickClock(() => 0) }
  )
/** With three events, of which each may be tried twice. */
const stage = (type: "shared" | "exclusive") => {
  const server = new FakeTopic(1)
  const subscription = new FakeSubscription(server, "s", type, { maxAttempts: 2 })
  for (const one of ["a", "b", "c"]) server.append(0, { key: "k", payload: Buffer.from(one) })
  return { server, subscription }
}
/** Attempts of what comes to the next consumer. */
const attempts = async (topics: Topics) => {
  const consumer = topics.topic("t").consume("s")
  const all: Array<string> = []
  for await (const one of consumer) {
    all.push(`${one.text()}/${one.attempt}`)
    one.accept()
    if (all.length === 3) break
  }
  return all.toSorted()
}
/** A database that answers each statement as it is told, or fails it. */
const poolOf = (answer: (text: string) => Array<unknown>) => ({
  connect: async () => ({
    query: async (text: string) => ({ command: text.slice(0, 6).toUpperCase(), rows: answer(text) }),
    release: () => {}
  })
})

describe("a handler that can't go on", () => {
  for (const type of ["shared", "exclusive"] as const)
    it(`QD4 ${type}: it stops: done rejects with what it threw, what is in hand is handed back, and nothing of it counts as an attempt`, async () => {
      const { server, subscription } = stage(type)
      await using topics = topicsOf(server)
      const why = new Stop("the tables are missing")
      let begun = 0
      const handling = topics.topic("t").consume(
        "s",
        async () => {
          begun++
          await turn()
          throw why
        },
        { concurrency: 2 }
      )
      assert.strictEqual(await handling.done.catch((error) => error), why)
      assert.isAtMost(begun, 2)
      assert.isTrue(said.some((line) => line.includes("the tables are missing"))) // also where nobody looks at `done`
      await handling.close()
      assert.deepStrictEqual(await attempts(topics), ["a/1", "b/1", "c/1"])
      assert.deepStrictEqual(subscription.dead, [])
    })

  it("QD4 QX5 notes that are unclear fail no event: the handling ends with the error that says what to do", async () => {
    const { server, subscription } = stage("exclusive")
    await using topics = topicsOf(server)
    const pool = poolOf((text) => (/limit 1/.test(text) ? [{}] : []))
    const handling = topics.topic("t").consume(
      "s",
      withTransaction(pool, () => assert.fail("it is not to be begun"))
    )
    const error = await handling.done.catch((thrown) => thrown)
    assert.deepInclude(error, { name: "TopicError", code: "HRLD-5110" })
    assert.deepStrictEqual(await attempts(topics), ["a/1", "b/1", "c/1"])
    assert.deepStrictEqual(subscription.dead, [])
  })

  it("QD4 notes that may not be kept fail no event, a database that is away does", async () => {
    const { server, subscription } = stage("exclusive")
    await using topics = topicsOf(server)
    const refuses = (code: string) =>
      poolOf(() => {
        throw Object.assign(new Error("permission denied for schema public"), { code })
      })
    const handlingOf = (code: string) =>
      topics.topic("t").consume(
        "s",
        withTransaction(refuses(code), () => {})
      )
    const error = await handlingOf("42501").done.catch((thrown) => thrown)
    assert.instanceOf(error, Stop)
    assert.match(error.message, /herald_done.*permission denied/)
    assert.deepStrictEqual(await attempts(topics), ["a/1", "b/1", "c/1"])
    server.append(0, { key: "k", payload: Buffer.from("d") })
    await using _ = handlingOf("57P01")
    while (subscription.dead.length === 0) await turn()
    assert.deepStrictEqual(subscription.dead, ["0:3"])
  })
})
