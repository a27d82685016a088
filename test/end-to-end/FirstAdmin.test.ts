/** The first start of a server, whose database dies before the first admin's key is made. */
import { spawnSync } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { connect, startDatabase, startNativeDatabase } from "../support/Database.ts"
import { Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("an admin's key without one", () => {
  it("A6 is made on a server's host, with its pepper and database, and the audit log tells of it", async () => {
    await using database = await startDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    const bin = new URL("../../bin/herald.js", import.meta.url).pathname
    const recover = (data: string) =>
      spawnSync(process.execPath, [bin, "key", "recover", "--data", data], {
        encoding: "utf8",
        env: { PATH: process.env["PATH"], DATABASE_URL: database.url }
      })
    const lost = server.token
    const running = recover(server.data)
    assert.notStrictEqual(running.status, 0)
    assert.include(running.stderr, `a Herald server is using it, process ${server.pid}`)
    const elsewhere = recover(`${server.data}-of-nobody`)
    assert.notStrictEqual(elsewhere.status, 0)
    assert.include(elsewhere.stderr, "there is no pepper in")

    await server.end("SIGTERM")
    const made = recover(server.data)
    assert.strictEqual(made.status, 0, made.stderr)
    assert.notStrictEqual(server.token, lost)
    assert.include(made.stdout, join(server.data, "admin-token"))
    assert.notInclude(made.stdout, "hrld_") // WM1
    assert.strictEqual(statSync(join(server.data, "admin-token")).mode & 0o777, 0o600)
    await server.start()
    const { body } = await server.call("GET", "/v1/audit?limit=1")
    assert.deepInclude(body.entries[0], { action: "key.create", performedBy: "herald" })
    assert.deepInclude(body.entries[0].details, { name: "recovered-admin", role: "admin" })
    const { body: verdict } = await server.call("GET", "/v1/audit/verify")
    assert.isTrue(verdict.ok)
  })
})

describe("the first admin's key", () => {
  it("A5 no door is open before it is made, and a database that dies meanwhile is waited for", async () => {
    await using database = await startNativeDatabase()
    {
      await using _ = await startServer({ DATABASE_URL: database.url }) // makes the tables
    }
    await using holder = await connect(database.url)
    await using looker = await connect(database.url)
    await holder.query("delete from api_keys")
    await holder.query("begin")
    await holder.query("select herald_lock()")

    await using server = new Server({ DATABASE_URL: database.url })
    const port = await freePort()
    const starting = server.start({ HTTP_PORT: String(port) })
    await waitUntil("the server to be about to make it", async () => {
      const [row] = await looker.query(
        "select count(*)::int as n from pg_stat_activity where query like '%herald_first_admin%' and wait_event_type = 'Lock'"
      )
      return row!["n"] === 1
    })
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    assert.isUndefined(ready)
    assert.isUndefined(server.ownToken)

    process.kill(Number(readFileSync(join(database.cluster, "postmaster.pid"), "utf8").split("\n")[0]), "SIGKILL")
    await starting
    assert.strictEqual((await server.call("GET", "/v1/keys")).status, 200)
  })
})
