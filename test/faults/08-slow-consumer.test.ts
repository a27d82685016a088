/** Fault 8: consumers that stop reading. They cost at most one pending update a key; when they read again they get the newest. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { measured } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const SLOW = 40
const UPDATES = 200
const SIZE = 100_000

describe("fault 8: slow consumer", () => {
  it("memory stays bounded, others are not delayed, and the newest value is what it gets", async () => {
    await using server = await startServer()
    const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))![1]) * 1_024
    const healthy = new Subscriber(server.grpc, { token: server.token, instance: "healthy" })
    const slow = Array.from(
      { length: SLOW },
      (_, i) =>
        new Subscriber(server.grpc, {
          token: server.token,
          instance: `slow ${i}`,
          channel: { "grpc.use_local_subchannel_pool": 1 }
        })
    )
    await server.publish("svc", "first")
    await waitUntil("everybody has the first value", () =>
      [healthy, ...slow].every((one) => one.content("svc") === "first")
    )
    for (const one of slow) one.stream.pause()
    const value = (i: number) => String(i).padEnd(SIZE, "x")
    for (let i = 0; i < 20; i++) await server.publish("svc", value(i))
    const before = rss()
    for (let i = 20; i < UPDATES; i++) await server.publish("svc", value(i))

    await waitUntil("the healthy client has the newest", () => healthy.content("svc") === value(UPDATES - 1))
    // Unbounded queues would hold 40 × 180 × 100 kB = 720 MB.
    const grown = rss() - before
    assert.isBelow(grown, 200_000_000)
    const { body } = await server.call("GET", "/v1/clients?environment=production")
    assert.strictEqual(body.clients.filter((one: { state: string }) => one.state === "connected").length, SLOW + 1)

    for (const one of slow) one.stream.resume()
    await waitUntil("the slow ones have the newest", () =>
      slow.every((one) => one.content("svc") === value(UPDATES - 1))
    )
    for (const one of slow) {
      assert.isBelow(one.updates.length, UPDATES / 2)
      assert.deepStrictEqual(one.backwards, [])
    }
    measured(8, "40 clients stop reading, 180 updates of 100 kB", {
      "resident memory more": `${Math.round(grown / 1e6)} MB`,
      "updates a slow client got, at most": Math.max(...slow.map(({ updates }) => updates.length))
    })
    for (const one of [healthy, ...slow]) one.close()
  })
})
