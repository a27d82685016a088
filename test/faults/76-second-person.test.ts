/**
 * Fault 76: a node is killed between approval and apply, several apply at once and again while others publish, and the database goes away under who
 * breaks the glass. What was approved is done once, and nothing without it.
 */
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { Nodes } from "../support/Nodes.ts"
import type { Server } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const IN = "environment=production"
const KEY = `/v1/config/pay.limit?${IN}`

const person = async (server: Server, name: string, role: string) => {
  const made = await server.call("POST", "/v1/keys", { name, role, environments: ["*"], expiresAt: null })
  assert.strictEqual(made.status, 201, JSON.stringify(made.body))
  return { authorization: `Bearer ${made.body.token}` }
}

describe("fault 76: what a second person approved", () => {
  it("AQ5 killed between approval and apply, applied by many at once, and raced by publishes: done once, and nothing else is", async () => {
    await using database = await startDatabase()
    await using proxy = new TcpProxy(database.port)
    const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
    await using nodes = await Nodes.start({ count: 2, databaseUrl: () => url })
    const [first, second] = nodes.servers as [Server, Server]
    const ann = await person(first, "ann", "publisher")
    const bob = await person(first, "bob", "publisher")
    const cid = await person(first, "cid", "admin")
    await first.handOver(cid.authorization.slice("Bearer ".length))
    second.given = first.given
    await first.call("PUT", KEY, { value: 1, type: "number" }, ann)
    const protection = await first.call("PUT", `/v1/protections/p?${IN}`, { keys: ["pay.*"], approvals: 1 }, cid)
    assert.strictEqual(protection.status, 200, JSON.stringify(protection.body))
    const asked = await first.call("PUT", KEY, { value: 2 }, { ...ann, "herald-request": "yes" })
    assert.strictEqual(asked.status, 202, JSON.stringify(asked.body))
    const path = (rest = "") => `/v1/changes/${asked.body.change}${rest}?${IN}`
    const { digest } = (await second.call("GET", path(), undefined, bob)).body
    const approved = await first.call("POST", path("/approve"), { digest }, bob)
    assert.strictEqual(approved.body.state, "approved", JSON.stringify(approved.body))
    await first.end("SIGKILL")

    const tries = Array.from({ length: 8 }, () => second.call("POST", path("/apply"), undefined, ann))
    const raced = Array.from({ length: 8 }, (_, n) => second.call("PUT", KEY, { value: 100 + n }, ann))
    const answers = await Promise.all(tries)
    assert.deepStrictEqual(answers.map(({ status, body }) => (status === 200 ? "done" : body.code)).sort(), [
      ...Array.from({ length: 7 }, () => "HRLD-3095"),
      "done"
    ])
    for (const { status, body } of await Promise.all(raced))
      assert.deepStrictEqual([status, body.code], [409, "HRLD-3090"])
    const history = await second.call("GET", `/v1/config/pay.limit/history?${IN}`, undefined, ann)
    assert.deepStrictEqual(
      history.body.versions.map(({ version }: { readonly version: number }) => version),
      [2, 1]
    )

    proxy.fault = "refuse"
    proxy.cut()
    const glass = await second.call("PUT", `${KEY}&breakGlass=fire`, { value: 3 }, cid)
    assert.include([503, 504], glass.status, JSON.stringify(glass.body))
    proxy.fault = "none"
    const reviews = await waitUntil("the database to be back", async () => {
      const found = await second.call("GET", `/v1/changes?${IN}&state=review`, undefined, bob)
      return found.status === 200 && found
    })
    assert.deepStrictEqual(reviews.body.changes, [])
    assert.strictEqual((await second.read("pay.limit", "strong")).body.value, "2")
  })
})
