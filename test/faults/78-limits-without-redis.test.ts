/** Fault 78: limits over two nodes while their Redis is frozen, killed and back with an empty memory: never none, no request waits for it, each node gives its own share, and they count together again. */
import { assert, describe, it } from "@effect/vitest"
import { measured } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { startRedis } from "../support/Redis.ts"
import type { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

/** Slow, so that what comes back while a test runs is little. Of each principal, in one environment over HTTP. */
const LIMIT = { requestsPerSecond: 1, burst: 600 }
const NODES = 2
/** What a node may owe, twice: docs/access.md. */
const AHEAD = 2 * 50
/** Questions at the same time, and refusals in a row that say that there is no more. */
const [AT_ONCE, QUIET] = [4, 12]

describe("fault 78: limits without Redis", () => {
  it("LO4 LO1 EC3 LJ1 are counted over both nodes, by each one's share meanwhile, and over both again", async () => {
    await using redis = await startRedis()
    const [store] = redis.nodes as [(typeof redis.nodes)[number]]
    const limits = JSON.stringify([{ door: "http", environment: "staging", ...LIMIT }])
    await using nodes = await Nodes.start({ count: NODES, env: { REDIS_URL: redis.url, HERALD_LIMITS: limits } })
    const servers = nodes.servers as readonly [Server, Server]

    let others = 0
    /** Somebody whose bucket is full. */
    const somebody = async (): Promise<string> => {
      const body = { name: `somebody-${++others}`, role: "viewer", environments: ["staging"] }
      const made = await servers[0].call("POST", "/v1/keys", body)
      assert.strictEqual(made.status, 201, JSON.stringify(made.body))
      const authorization = `Bearer ${made.body.token}`
      // That each node knows the key.
      for (const server of servers)
        await waitUntil("the key", async () => {
          const { status } = await server.call("GET", "/v1/access/whoami", undefined, { authorization })
          return status === 200
        })
      return authorization
    }
    /** All that a node lets in of somebody. */
    const drain = async (server: Server, authorization: string): Promise<number> => {
      let [taken, quiet] = [0, 0]
      const ask = async () => {
        while (quiet < QUIET) {
          const { status, body } = await server.call("GET", "/v1/config/svc?environment=staging", undefined, {
            authorization
          })
          assert.include([404, 429], status, JSON.stringify(body))
          if (status === 404) {
            taken++
            quiet = 0
          } else {
            assert.strictEqual(body.details.limit, "principal/http/staging")
            quiet++
            await new Promise((resolve) => setTimeout(resolve, 25))
          }
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, ask))
      return taken
    }
    const drained = async (who: string) => {
      const from = performance.now()
      const each = await Promise.all(servers.map((server) => drain(server, who)))
      const back = Math.ceil((LIMIT.requestsPerSecond * (performance.now() - from)) / 1_000)
      return { each, all: each.reduce((sum, one) => sum + one, 0), back }
    }
    /** On a starved machine Redis is silent for more than 20 ms, and each node goes by its own share: then with somebody else. LO4 */
    const together = (when: string) =>
      waitUntil(
        `both to count together ${when}`,
        async () => {
          const { all, back } = await drained(await somebody())
          assert.isAtLeast(all, LIMIT.burst * 0.9)
          return all <= LIMIT.burst + NODES * AHEAD + back && all
        },
        120_000
      )
    const apart = async (when: string) => {
      const { each, all, back } = await drained(await somebody())
      for (const one of each) {
        assert.isAtLeast(one, (LIMIT.burst / NODES) * 0.9, when)
        assert.isAtMost(one, LIMIT.burst / NODES + back, when)
      }
      return all
    }
    const said = async (server: Server, isAway: boolean) => {
      const { body } = await server.call("GET", "/readyz")
      return body.degraded.includes("redis") === isAway
    }
    const all = (what: string, is: (server: Server) => Promise<boolean>) =>
      waitUntil(what, async () => (await Promise.all(servers.map(is))).every(Boolean), 60_000)
    const counted = (what: string) =>
      all(what, async (server) => {
        const { body } = await server.call("GET", "/metrics")
        return /^herald_limits_nodes (\d+)/m.exec(String(body))?.[1] === String(NODES)
      })

    await counted("both to be counted")
    const figures: Record<string, number> = { together: await together("at first") }

    await store.signal("SIGSTOP")
    try {
      const who = await somebody()
      const at = await drained(who) // before anybody knows that it is away
      for (const one of at.each) assert.isAtMost(one, LIMIT.burst / NODES + at.back)
      await all("both to know that it is frozen", (server) => said(server, true))
      figures["frozen"] = await apart("frozen")
    } finally {
      await store.signal("SIGCONT")
    }
    await all("both to have it again", (server) => said(server, false))
    figures["thawed"] = await together("after it was frozen")

    await store.kill()
    await all("both to know that it is dead", (server) => said(server, true))
    figures["dead"] = await apart("dead")
    await store.start() // it has nothing in memory
    await all("both to have it after its death", (server) => said(server, false))
    figures["back, empty"] = await together("after it was dead")

    // At once again: an empty memory knows of no nodes, and is no reason for each to give all.
    await store.kill()
    await all("both to know that it is dead again", (server) => said(server, true))
    figures["dead again"] = await apart("dead again")
    measured(78, `a burst of ${LIMIT.burst}, let in by two nodes`, figures)
  })
})
