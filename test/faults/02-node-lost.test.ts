/** Fault 2: one of three nodes is lost (SIGKILL) under 1,000 streams. Its clients go on at the others within 10 s, and none misses the newest value. */
import { assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { measured, percentile, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CLIENTS = 1_000

describe("fault 2: a node lost", () => {
  it("GT3 NO1 all its clients are re-homed within 10 s, all get the newest value and none goes backwards", async () => {
    await using nodes = await Nodes.start({ count: 3 })
    await nodes.servers[0]!.publish("svc", 0)
    const wrong: Array<string> = []
    const back = new Map<number, number>()
    let killedAt = Number.POSITIVE_INFINITY
    const left = new Set<number>()
    const clients: Array<HeraldClient> = []
    const open = async (i: number) => {
      const client = await HeraldClient.connect({
        address: nodes.addresses,
        service: "svc",
        instance: `i${i}`,
        token: nodes.token,
        waitForSync: true,
        connectTimeoutMillis: 60_000,
        onStateChange: (state) => {
          if (performance.now() < killedAt) return
          if (state !== "live") left.add(i)
          else if (left.has(i) && !back.has(i)) back.set(i, performance.now() - killedAt)
        }
      })
      let newest = -1
      client.watch("svc", {
        apply: (value) => {
          if (Number(value) < newest) wrong.push(`i${i}: ${newest} then ${value}`)
          newest = Number(value)
        }
      })
      clients.push(client)
    }
    try {
      for (let i = 0; i < CLIENTS; i += 100) await Promise.all(Array.from({ length: 100 }, (_, n) => open(i + n)))
      let acked = 0
      let stop = false
      const publisher = (async () => {
        while (!stop) {
          const answer = await nodes.servers[0]!.publish("svc", acked + 1)
          if (answer.status === 200) acked++
          else wrong.push(`publish: ${answer.status}`)
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      })()
      await waitUntil("load", () => acked >= 5)
      killedAt = performance.now()
      await nodes.servers[2]!.end("SIGKILL")
      await waitUntil("its clients to notice", () => left.size > 0)
      await waitUntil("all to be back", () => clients.every(({ state }) => state === "live"))
      stop = true
      await publisher
      const newest = acked
      await waitUntil("all to have the newest", () => clients.every((client) => client.get("svc") === newest))

      const took = [...back.values()]
      assert.deepStrictEqual(wrong, [])
      assert.isAbove(left.size, CLIENTS / 6)
      assert.strictEqual(took.length, left.size)
      assert.isAtMost(percentile(took, 0.99), 10_000)
      measured(2, "one of three nodes killed, 1,000 SDK clients", {
        "clients re-homed": took.length,
        "live again p50": seconds(percentile(took, 0.5)),
        p99: seconds(percentile(took, 0.99)),
        last: seconds(Math.max(...took)),
        "clients without the newest value at the end": 0,
        "steps backwards": 0
      })
    } finally {
      await Promise.all(clients.map((client) => client.close()))
    }
  })
})
