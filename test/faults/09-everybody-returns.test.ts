/** Fault 9: 5,000 clients connect at once after their server died, without any jitter. All are back in 60 s; one database read a key. */
import { assert, describe, it } from "@effect/vitest"
import { Load } from "../../bench/load/Load.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"

const CLIENTS = 5_000
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
})
