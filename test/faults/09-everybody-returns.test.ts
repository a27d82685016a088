/** Fault 9: 5,000 clients connect at once after their server died, without any jitter. All are back in 60 s; one database read a key. */
import { assert, describe, it } from "@effect/vitest"
import { Load } from "../../bench/load/Load.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { measured, percentile, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CLIENTS = 5_000
/** SDK clients, and how many of them one node admits. */
const FLEET = 400
const ADMITTED = 250
/** The code of ServerFull. */
const FULL = "HRLD-5006"
const KEYS = ["svc", "svc.a", "svc.b"]

describe("fault 9: everybody returns at once", () => {
  it("P4 5,000 clients are back within 60 s, and each key was read from the database at most once", async () => {
    await using nodes = await Nodes.start({ count: 1 })
    const server = nodes.servers[0]!
    for (const key of KEYS) assert.strictEqual((await server.publish(key, `value of ${key}`)).status, 200)
    const crowd = { grpc: server.grpc, token: nodes.token, service: "svc", keys: KEYS, clients: CLIENTS }
    const versions = Object.fromEntries(KEYS.map((key) => [key, 1]))
    {
      await using before = new Load()
      await before.connect(crowd)
      assert.deepStrictEqual(await before.reached(versions), [])
      await server.end("SIGKILL")
    }
    await server.start()
    await using load = new Load()
    await load.measure()
    const took = await load.connect(crowd)
    const missing = await load.reached(versions, 60_000)
    const { wrong } = await load.report()
    const metrics = await (await fetch(`${server.http}/metrics`)).text()
    const reads = Number(/^herald_cache_misses_total(?:\{[^}]*\})? (\S+)$/m.exec(metrics)?.[1] ?? 0)

    assert.deepStrictEqual([...missing, ...wrong], [])
    assert.isAtMost(took, 60_000)
    assert.isAtMost(reads, KEYS.length)
    measured(9, "5,000 clients at once, no jitter, 3 keys", { "all back": seconds(took), "database reads": reads })
  })

  it("BO1 a node that is full refuses and keeps whom it has; the refused keep their values, try with jitter and come back", async () => {
    await using nodes = await Nodes.start({ count: 2, env: { GRPC_MAX_STREAMS: String(ADMITTED) } })
    const [stays, dies] = [nodes.servers[0]!, nodes.servers[1]!]
    assert.strictEqual((await stays.publish("svc", 1)).status, 200)
    const clients: Array<HeraldClient> = []
    const refusals: Array<number> = []
    const left = new Set<number>()
    const back = new Map<number, number>()
    let diedAt = Number.POSITIVE_INFINITY
    let backAt = Number.POSITIVE_INFINITY
    const open = async (i: number) => {
      const client = await HeraldClient.connect({
        address: nodes.addresses,
        service: "svc",
        instance: `i${i}`,
        token: nodes.token,
        waitForSync: true,
        connectTimeoutMillis: 60_000,
        onStateChange: (state) => {
          if (state !== "live" && performance.now() > diedAt) left.add(i)
          if (state === "live" && performance.now() > backAt) back.set(i, performance.now() - backAt)
        },
        onEvent: (event) => {
          if (event.type === "disconnected" && event.code === FULL) refusals.push(performance.now() - diedAt)
        }
      })
      clients.push(client)
    }
    const live = () => clients.filter(({ state }) => state === "live")
    try {
      for (let i = 0; i < FLEET; i += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => open(i + n)))
      diedAt = performance.now()
      await dies.end("SIGKILL")
      await waitUntil("the survivor to be full", () => live().length === ADMITTED && left.size > FLEET - ADMITTED)
      assert.strictEqual((await stays.publish("svc", 2)).status, 200)
      await waitUntil("all whom it has to get the newest", () => live().every((client) => client.get("svc") === 2))
      await waitUntil("many to be refused", () => refusals.length >= 3 * (FLEET - ADMITTED))
      const outside = clients.filter(({ state }) => state !== "live")
      assert.strictEqual(outside.length, FLEET - ADMITTED)
      for (const client of outside) assert.deepInclude(client.getEntry("svc"), { value: 1, stale: true })
      const metrics = await (await fetch(`${stays.http}/metrics`)).text()
      const lost = [...metrics.matchAll(/^herald_session_endings_total\{[^}]*\} (\d+)$/gm)].map(([, n]) => Number(n))
      assert.strictEqual(
        lost.reduce((sum, n) => sum + n, 0),
        0
      )
      const outage = performance.now() - diedAt
      const tries = refusals.filter((at) => at > 0).length / outside.length

      backAt = performance.now()
      await dies.start()
      await waitUntil("everybody to be live with the newest", () =>
        clients.every((client) => client.state === "live" && client.get("svc") === 2)
      )
      const took = [...back.values()]
      assert.isAtMost(Math.max(...took), 60_000)
      // Full jitter doubles the ceiling with each try: after this long none can have tried often.
      assert.isAtMost(tries, 2 + 2 * Math.log2(outage / 250))
      // Full jitter: they don't come in one wave.
      assert.isAbove(percentile(took, 0.9) - percentile(took, 0.1), 1_000)
      measured(9, `${FLEET} SDK clients, one of two nodes that admit ${ADMITTED} killed`, {
        "refused for": seconds(outage),
        "refusals a refused client": tries.toFixed(1),
        "streams the full node lost": 0,
        "back after its start was asked for, p50": seconds(percentile(took, 0.5)),
        last: seconds(Math.max(...took))
      })
    } finally {
      await Promise.all(clients.map((client) => client.close()))
    }
  })
})
