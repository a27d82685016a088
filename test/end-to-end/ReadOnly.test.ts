/** A database that is set to read only under a running node, and back. */
import { assert, describe, it } from "@effect/vitest"
import { connect, startDatabase } from "../support/Database.ts"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("a database that answers and takes no writes", () => {
  it("DG2 DG3 is named, measured and told; it is over without a publish when it takes writes again", async () => {
    await using database = await startDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    await using owner = await connect(database.url)
    const set = async (value: string) => {
      await owner.query(`alter system set default_transaction_read_only = ${value}`)
      await owner.query("select pg_reload_conf()")
    }
    const ready = async () => (await server.call("GET", "/readyz")).body
    assert.strictEqual((await server.publish("svc", 1)).status, 200)
    assert.deepStrictEqual((await ready()).degraded, [])

    await set("on")
    await waitUntil("a refusal", async () => (await server.publish("svc", 2)).body.code === "HRLD-4002")
    assert.include((await ready()).degraded, "postgresql-writes")
    const metrics = String((await server.call("GET", "/metrics")).body)
    assert.match(metrics, /^herald_degraded\{dependency="postgresql-writes"\} 1$/m)
    assert.include(server.output, "the database answers and takes no writes")

    await owner.query("set default_transaction_read_only = off")
    await set("off")
    await waitUntil("it to be over", async () => !(await ready()).degraded.includes("postgresql-writes"))
    assert.include(server.output, "the database takes writes again")
    await waitUntil("a publish", async () => (await server.publish("svc", 3)).status === 200)
  })
})
