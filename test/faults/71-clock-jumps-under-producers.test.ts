/** Fault 71: a server's wall clock jumps by a year, forwards and back, under producers. Offsets, times, retention and producers are the database's: nothing moves. */
import { assert, describe, it } from "@effect/vitest"
import { measured } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { createTopic, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

const clock = new URL("../support/jumpingClock.ts", import.meta.url).href
const YEAR = 365 * 86_400_000

describe("fault 71: the clock jumps under producers", () => {
  it("TL3 TL6 LA4 nothing is lost, late or kept too short, and events are found by their time", async () => {
    const before = Date.now()
    await using server = await startServer({ NODE_OPTIONS: `--import=${clock}`, JUMP: String(YEAR) })
    await createTopic(server, "load", { retention: "1h" })
    await using programs = new TopicPrograms("load", server.grpc, server.token)
    for (let n = 0; n < 2; n++) programs.produce(`p${n}`, { batch: 10, calls: 2, pause: 5 })
    programs.post(server, "plain")
    programs.follow("r")
    const more = async () => {
      const at = programs.sent.ok
      await waitUntil("events", () => programs.sent.ok > at + 300)
    }
    await more()
    for (let jump = 0; jump < 4; jump++) {
      server.process!.kill("SIGUSR2")
      await more()
    }
    server.process!.kill("SIGUSR2") // it ends a year ahead
    await more()
    await programs.stop()
    const { log, found } = await programs.judge()
    assert.deepStrictEqual(programs.errors, [])
    assert.deepStrictEqual(found, [])
    assert.deepStrictEqual(programs.sent, { ok: log.length, info: 0, fail: 0 })

    const times: Array<number> = []
    let isLive = false
    const reader = programs.topic.subscribe({
      from: "earliest",
      onLive: () => {
        isLive = true
        void reader.close()
      }
    })
    for await (const { events } of reader) times.push(...events.map(({ publishedAt }) => publishedAt))
    assert.isTrue(isLive)
    assert.lengthOf(times, log.length)
    assert.deepStrictEqual(
      times,
      times.toSorted((a, b) => a - b)
    )
    assert.isAtLeast(times[0]!, before)
    assert.isAtMost(times.at(-1)!, Date.now())
    const middle = times[Math.floor(times.length / 2)]!
    const { body } = await server.call("GET", `/v1/topics/load/events?limit=1&from=${new Date(middle).toISOString()}`)
    assert.strictEqual(Number(body.events[0].id.split(":")[3]), times.indexOf(middle))
    measured(71, "the clock of a server a year forwards and back, five times", {
      "acked events": programs.sent.ok,
      "lost, twice or out of order": found.length
    })
  })
})
