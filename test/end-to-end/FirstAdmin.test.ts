/** The first start of a server, whose database dies before the first admin's key is made. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { freePort } from "../../layers/Postgres/Postmaster.ts"
import { connect, startDatabase } from "../support/Database.ts"
import { Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("the first admin's key", () => {
  it("A5 no door is open before it is made, and a database that dies meanwhile is waited for", async () => {
    await using database = await startDatabase()
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
