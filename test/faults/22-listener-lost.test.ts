/** Fault 22: a node loses its listener while 500 publishers write through another. The poll repairs what it did not hear. */
import { assert, describe, it } from "@effect/vitest"
import { connect, startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const WRITERS = 500

describe("fault 22: listener lost, 500 writers", () => {
  it("the other node converges, skips nothing, and listens again", async () => {
    await using database = await startDatabase()
    await using writing = await startServer({
      DATABASE_URL: database.url,
      HERALD_PEPPER: "shared",
      HERALD_NODE: "writing"
    })
    await using listening = await startServer({
      DATABASE_URL: database.url,
      HERALD_PEPPER: "shared",
      HERALD_NODE: "listening"
    })
    const subscriber = new Subscriber(listening.grpc, { token: writing.token })
    await using session = await connect(database.url)
    const listeners = () => session.query("select pid from pg_stat_activity where query ilike 'listen%'")
    // Each for changes, and for events of topics.
    await waitUntil("both to listen", async () => (await listeners()).length === 4)

    const writes = Array.from({ length: WRITERS }, (_, i) => writing.publish(`svc.${i % 50}`, `value ${i}`))
    const kills = (async () => {
      for (let i = 0; i < 5; i++) {
        await session.query("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'")
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })()
    const answers = await Promise.all(writes)
    await kills
    const newest = new Map<string, { readonly revision: number; readonly key: string }>()
    for (const { status, body } of answers) {
      assert.strictEqual(status, 200)
      if ((newest.get(body.key)?.revision ?? 0) < body.revision) newest.set(body.key, body)
    }

    const from = performance.now()
    await waitUntil("the other node's client has the newest of every key", () =>
      [...newest].every(([key, { revision }]) => subscriber.held.get(key)?.revision === revision)
    )
    measured(22, "500 writers, the listener killed five times", {
      "converged after the last write": seconds(performance.now() - from)
    })
    assert.deepStrictEqual(subscriber.backwards, [])
    await waitUntil("both to listen again", async () => (await listeners()).length === 4)
    subscriber.close()
  })
})
