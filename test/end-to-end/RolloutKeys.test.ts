/** What people see of a key while a rollout is of it, and afterwards, at a real server. */
import { assert, describe, it } from "@effect/vitest"
import { Layer, ManagedRuntime } from "effect"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { flag } from "../contracts/FlagStores.ts"
import { clientOptions, startDatabase } from "../support/Database.ts"
import { change } from "../support/Release.ts"
import { candidateOf, moveWish, rolled, startWish } from "../support/RolloutWishes.ts"
import { startServer } from "../support/Server.ts"
import { terminal } from "../support/Terminal.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const KEY = "payment.limits"
const CONFIG = `/v1/config/${KEY}`

describe("the keys of a rollout", () => {
  it("RQ3 RQ4 are refused at every door while it is active; history says what its candidate was, and the next version is above it", async () => {
    await using database = await startDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    const stores = ManagedRuntime.make(Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds)))
    const herald = async (...args: ReadonlyArray<string>) => {
      const cli = terminal({ env: { HERALD_TOKEN: server.token }, columns: 160, terminal: true })
      const exit = await cli.run(...args, "--server", server.http)
      return { exit, out: cli.out.join("\n"), err: cli.err.join("\n") }
    }
    try {
      await server.publish(KEY, { max: 100 })
      const path = "/v1/flags/new-checkout?environment=production"
      assert.strictEqual((await server.call("PUT", path, { value: { enabled: false } })).status, 200)
      const wish = change(KEY, '{"max":1000}', { valueType: "json", changeLog: "ten times as much" })
      const candidates = [candidateOf(wish), candidateOf(flag("new-checkout", ["on", "off"]))]
      const asked = startWish(candidates, { at: Date.now() + 3_600_000 })
      const started = await stores.runPromise(rolled([asked], { actor: "ann", message: "more" }))

      const query = "environment=production"
      const json = { value: { max: 1 } }
      const wanted = [
        await server.publish(KEY, { max: 1 }),
        await server.publish(KEY, { max: 1 }, { expectedVersion: 1 }),
        await server.publish(KEY, { max: 1 }, {}, { "idempotency-key": "once" }),
        await server.call("DELETE", `${CONFIG}?${query}`),
        await server.call("POST", `${CONFIG}/rollback?${query}`, { version: 1 }),
        await server.call("PUT", path, { value: { enabled: true } }),
        await server.call("DELETE", path),
        await server.call("POST", "/v1/releases", {
          message: "both",
          changes: [
            { key: "other", environment: "production", ...json },
            { key: KEY, environment: "production", ...json }
          ]
        })
      ]
      for (const { status, body } of wanted) {
        assert.deepInclude({ status, code: body.code }, { status: 409, code: "HRLD-2040" }, JSON.stringify(body))
        assert.include(JSON.stringify(body), started.key)
      }
      assert.strictEqual((await server.read("other")).status, 404)
      assert.deepInclude((await server.read(KEY)).body, { version: 1, value: '{"max":100}' })

      const { exit, err } = await herald("publish", KEY, '{"max":1}')
      assert.strictEqual(exit, 5)
      assert.include(err, `is in the rollout ${started.key}, which is scheduled`)
      assert.match((await herald("history", KEY)).out, new RegExp(`\\n +2 .*${started.key} candidate`))
      assert.include((await herald("diff", KEY, "1", "2")).out, "1000")
      const one = (await server.call("GET", `${CONFIG}/versions/2?${query}`)).body
      assert.deepInclude(one, { value: { max: 1000 }, rollout: { id: started.key, state: "candidate" } })
      assert.match((await herald("flag", "history", "new-checkout")).out, new RegExp(`${started.key} candidate`))

      const aborted = await stores.runPromise(rolled([moveWish(started, "aborted")]))
      assert.strictEqual(aborted.state, "aborted")
      const published = await waitUntil("the key to be free", async () => {
        const found = await herald("publish", KEY, '{"max":200}')
        return found.exit === 0 && found
      })
      assert.match(published.out, /version 3/)
      assert.match(published.out, /100/) // what it changed: not the candidate
      assert.notMatch(published.out, /1000/)
      const history = await herald("history", KEY)
      assert.match(history.out, new RegExp(`\\n +2 .*${started.key} withdrawn`))
      assert.strictEqual((await herald("audit", "verify")).exit, 0)
    } finally {
      await stores.dispose()
    }
  })
})
