/** Fault 74: 100 of 1,000 readers of a topic stop reading, 25 with each overflow. The others get everything at once, and each of the 100 what its overflow says. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import { Overflow, type TopicServiceClient } from "../../proto/generated/herald/topics/v1/topics.ts"
import { measured } from "../support/measured.ts"
import { connection, RawReader } from "../support/RawReader.ts"
import { startServer } from "../support/Server.ts"
import { createTopic, topicsAt } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

const READERS = 900
/** Of each overflow. */
const STALLED = 25
const OVERFLOWS = [
  Overflow.OVERFLOW_BLOCK,
  Overflow.OVERFLOW_CONFLATE,
  Overflow.OVERFLOW_DROP_OLDEST,
  Overflow.OVERFLOW_DISCONNECT
]
const LIMITS = { LIMIT_STREAMS_PER_IDENTITY: "2000", LIMIT_BURST: "100000", LIMIT_REQUESTS_PER_SECOND: "100000" }
const KEYS = 5

const residentOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1_024

describe("fault 74: stalled readers", () => {
  it("BX8 BX12 BX14 others have each event, and who stalled has all, the newest, or is told what is left out", async () => {
    await using server = await startServer({ ...LIMITS, TOPICS_RING_BYTES: "65536" })
    await createTopic(server, "t", { compression: "none" })
    const clients: Array<TopicServiceClient> = []
    /** `together`: on one connection; they are live before the next come. */
    const read = async (count: number, overflow: Overflow, together: number, window?: number) => {
      const readers: Array<RawReader> = []
      while (readers.length < count) {
        const client = connection(server.grpc, window)
        clients.push(client)
        for (let n = 0; n < together; n++) readers.push(new RawReader(client, server.token, { topic: "t", overflow }))
        await waitUntil("them to be live", () => {
          for (const { error } of readers) assert.isUndefined(error?.message)
          return readers.every(({ isLive }) => isLive)
        })
      }
      return readers
    }
    try {
      const others = await read(READERS, Overflow.OVERFLOW_BLOCK, 50)
      const stalled: Array<ReadonlyArray<RawReader>> = []
      for (const overflow of OVERFLOWS) stalled.push(await read(STALLED, overflow, 1, 65_535))
      for (const { stream } of stalled.flat()) stream.pause()
      const before = residentOf(server.pid)

      await using topics = topicsAt(server.grpc, server.token)
      const topic = topics.topic("t")
      let sent = 0
      const readers = async () => (await server.call("GET", "/v1/topics/t/stats")).body.rates.readers
      while ((await readers()) > READERS + 3 * STALLED) {
        assert.isBelow(sent, 4_000)
        await topic.publish(
          Array.from({ length: 40 }, () => ({ key: `k${sent % KEYS}`, payload: `${sent++}`.padEnd(500, " ") }))
        )
        await waitUntil("the others to have them", () => others.every(({ last }) => last === sent - 1))
      }
      const more = residentOf(server.pid) - before
      for (const one of others) {
        assert.isUndefined(one.error)
        assert.isFalse(one.isOutOfOrder)
        assert.deepStrictEqual(one.count, { events: sent, leftOut: 0, gaps: 0 })
      }
      assert.isBelow(more, 200_000_000)

      for (const { stream } of stalled.flat()) stream.resume()
      const [block, conflate, drop, leave] = stalled as unknown as [RawReader[], RawReader[], RawReader[], RawReader[]]
      await waitUntil("those that stay to have the newest", () =>
        [...block, ...conflate, ...drop].every(({ last }) => last === sent - 1)
      )
      await waitUntil("the others to be sent away", () => leave.every(({ error }) => error !== undefined))
      for (const one of stalled.flat()) assert.isFalse(one.isOutOfOrder)
      for (const { count } of block) assert.deepStrictEqual(count, { events: sent, leftOut: 0, gaps: 0 })
      for (const { count, newest } of conflate) {
        assert.strictEqual(count.events + count.leftOut, sent)
        assert.deepStrictEqual(
          [...newest.values()].toSorted((a, b) => a - b),
          [5, 4, 3, 2, 1].map((n) => sent - n)
        )
      }
      for (const { count } of drop) {
        assert.isAbove(count.gaps, 0)
        assert.strictEqual(count.events + count.gaps, sent)
      }
      for (const { error } of leave) {
        assert.strictEqual(error!.code, status.RESOURCE_EXHAUSTED)
        assert.deepStrictEqual(error!.metadata.get("herald-code"), ["HRLD-5040"])
      }
      measured(74, "100 of 1,000 readers stop reading", {
        "events to each of the others": sent,
        "late, lost or out of order": 0,
        "resident memory more": `${Math.round(more / 1_000_000)} MB`
      })
    } finally {
      for (const client of clients) client.close()
    }
  })
})
