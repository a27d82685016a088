/** A server that is alone does all that one node does, on the database that comes along, also after that died. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const shards = async (server: Server): Promise<number> => {
  const { body } = await server.call("GET", "/metrics")
  return Number(/^herald_placement_shards (\d+)$/m.exec(String(body))?.[1] ?? -1)
}

describe("placement on one node", () => {
  it("PC1 it has all shards, and all again after its database died", async () => {
    await using server = await startServer()
    await waitUntil("all shards", async () => (await shards(server)) === 60)
    const { body } = await server.call("GET", "/readyz")
    assert.deepStrictEqual(body.degraded, [])
    const file = join(server.data, "postgres", "postmaster.pid")
    const postmaster = () => (existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : 0)
    const killed = postmaster()
    process.kill(killed, "SIGKILL")
    await waitUntil("another postmaster", () => ![0, killed].includes(postmaster()))
    await waitUntil("it takes publishes", async () => (await server.publish("svc", 1)).status === 200)
    await waitUntil("all shards again, and nothing is missing", async () => {
      const { body: now } = await server.call("GET", "/readyz")
      return (await shards(server)) === 60 && now.degraded.length === 0
    })
  })
})
