/** Fault 75: readers bring the dearest filters that there may be, and a hundred thousand different ones. Who asks for too much goes without; others go on meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { BOUNDS, Filters } from "../../src/filters/Filters.ts"
import { variablesOf } from "../../src/filters/Variables.ts"
import { measured } from "../support/measured.ts"
import { connection, RawReader } from "../support/RawReader.ts"
import { startServer } from "../support/Server.ts"
import { createTopic, topicsAt } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

const schema = { type: "object", properties: { n: { type: "integer" }, text: { type: "string" } } }
/** Each takes all the steps that it may, of a text of 6,000 letters. */
const dear = (n: number) => `text.matches("^(([a-z])+.)+[A-Z${n}]([a-z])+$")`
const EVENTS = 40
const BURNING = 30

describe("fault 75: hostile filters", () => {
  it("BX31 FZ8 FZ10 those that burn CPU hold up nobody else: other topics' events come before theirs", async () => {
    await using server = await startServer({ LIMIT_STREAMS_PER_IDENTITY: "2000" })
    await createTopic(server, "burns", { schema })
    await createTopic(server, "calm")
    const client = connection(server.grpc)
    try {
      const burning = Array.from(
        { length: BURNING },
        (_, n) => new RawReader(client, server.token, { topic: "burns", filter: dear(n) })
      )
      const plain = new RawReader(client, server.token, { topic: "burns" })
      const cheap = new RawReader(client, server.token, { topic: "burns", filter: `n == ${EVENTS - 1}` })
      const calm = new RawReader(client, server.token, { topic: "calm" })
      const all = [...burning, plain, cheap, calm]
      await waitUntil("all to be live", () => {
        for (const { error } of all) assert.isUndefined(error?.message)
        return all.every(({ isLive }) => isLive)
      })
      await using topics = topicsAt(server.grpc, server.token)
      const text = "a".repeat(6_000)
      await topics.topic("burns").publish(Array.from({ length: EVENTS }, (_, n) => ({ json: { n, text } })))
      let sent = 0
      while (cheap.count.events === 0) {
        const now = sent++
        await topics.topic("calm").publish([{ payload: `${now}` }])
        await waitUntil("the other topic's event", () => calm.last === now)
      }
      assert.isAbove(sent, 3) // each a turn of the server's, while it looked at what burns
      await waitUntil("all events", () => plain.count.events === EVENTS)
      assert.strictEqual(cheap.count.events, 1)
      for (const { count, error } of burning) assert.deepStrictEqual([count.events, error], [0, undefined])
      measured(75, `${BURNING} filters that burn CPU, ${EVENTS} events`, {
        "events of another topic published and read meanwhile": sent
      })
    } finally {
      client.close()
    }
  })

  it("IX5 a hundred thousand different filters are bounded in number and bytes, and an event finds its own", () => {
    const filters = new Filters(variablesOf(schema))
    let held = 0
    for (let n = 0; n < 100_000; n++) if (Result.isSuccess(filters.hold(`n == ${n} && text == "t"`))) held++
    assert.isAbove(held, 10_000)
    assert.isAtMost(filters.bytes, BOUNDS.bytes)
    assert.isTrue(Result.isFailure(filters.hold(`n == 100000 && text == "t"`)))
    measured(75, "a hundred thousand different filters", { held, "megabytes at most": BOUNDS.bytes / 1_048_576 })
  })
})
