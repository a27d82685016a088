/** Fault 31: clients come and go without end. Sessions, descriptors and memory go back to what they were; counted, not timed. */
import { assert, describe, it } from "@effect/vitest"
import { Load } from "../../bench/load/Load.ts"
import { countable, descriptorsOf, leftOf } from "../../bench/support/Left.ts"
import { measured } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { waitUntil } from "../support/waitUntil.ts"

const KEYS = ["svc", "svc.a", "svc.b"]
/** At once; every client is an instance of its own name. */
const CROWD = 50
const CHURNED = 1_000
/** Bytes of heap a client that came and went may leave. A session and its stream, if kept, are more than twice as much. */
const LEAVES = 8_192
/** Connections to PostgreSQL that the server may not have needed before. */
const POOL = 25

describe("fault 31: soak", () => {
  it("1,000 clients that came and went leave no session, no descriptor and no memory", async () => {
    await using nodes = await Nodes.start({ count: 1, env: { NODE_OPTIONS: countable.join(" ") } })
    const server = nodes.servers[0]!
    for (const key of KEYS) assert.strictEqual((await server.publish(key, `value of ${key}`)).status, 200)
    await using load = new Load()
    const opening = { grpc: server.grpc, token: nodes.token, service: "svc", keys: KEYS, clients: CROWD }
    const connected = async () => {
      const metrics = await (await fetch(`${server.http}/metrics`)).text()
      return Number(/^herald_sessions(?:\{[^}]*\})? (\S+)$/m.exec(metrics)?.[1] ?? 0)
    }
    let acked = 1
    const churn = async (clients: number) => {
      for (let n = 0; n < clients; n += CROWD) {
        await load.connect(opening)
        // Half of the crowds leave in the middle of a change.
        const published = server.publish("svc", `value ${n}`)
        if (n % (2 * CROWD) === 0) await load.close()
        assert.strictEqual((await published).status, 200)
        acked++
        if (n % (2 * CROWD) !== 0) {
          assert.deepStrictEqual(await load.reached({ svc: acked }), [])
          await load.close()
        }
      }
      await waitUntil("nobody to be connected", async () => (await connected()) === 0)
      // The last objects are held by what is still being written down and by closing sockets.
      return await waitUntil("no session to be kept", async () => {
        const left = await leftOf(server)
        return left.sessions === 0 && left
      })
    }
    const before = await churn(CHURNED)
    const descriptors = descriptorsOf(server.pid)
    const after = await churn(CHURNED)
    const grown = after.heap - before.heap
    const more = () => descriptorsOf(server.pid) - descriptors
    await waitUntil("the descriptors to be given back", () => more() <= POOL)

    assert.isAtMost(grown, CHURNED * LEAVES)
    assert.deepStrictEqual((await load.report()).wrong, [])
    // The count does count: a client that stays has a session.
    await load.connect({ ...opening, clients: 1 })
    assert.strictEqual((await leftOf(server)).sessions, 1)
    measured(31, "1,000 clients come and go, 50 at once", {
      "sessions kept": after.sessions,
      "descriptors kept": Math.max(0, more()),
      "heap grown a client": `${(grown / CHURNED / 1_024).toFixed(2)} KB`
    })
  })
})
