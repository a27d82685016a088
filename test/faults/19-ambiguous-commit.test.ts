/** Fault 19: the connection dies after COMMIT and before its answer. The publisher gets one revision, and there is one. */
import { assert, describe, it } from "@effect/vitest"
import { startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"

describe("fault 19: ambiguous COMMIT", () => {
  it("exactly one revision, with and without an idempotency key of the publisher's", async () => {
    await using database = await startDatabase()
    await using proxy = new TcpProxy(database.port)
    const url = database.url.replace(`:${database.port}/`, `:${await proxy.listen()}/`)
    await using server = await startServer({ DATABASE_URL: url })
    let cuts = 0
    proxy.cutAfter = (chunk) => {
      const cut = chunk.includes("cut here") && cuts < 3
      if (cut) cuts++
      return cut
    }
    let from = performance.now()
    const own = await server.publish("svc.own", "cut here", { message: "a" }, { "idempotency-key": "k1" })
    const keyed = performance.now() - from
    assert.strictEqual(cuts, 3)
    cuts = 0
    from = performance.now()
    const none = await server.publish("svc.none", "cut here", { message: "b" })
    const unkeyed = performance.now() - from
    assert.strictEqual(cuts, 3)
    const again = await server.publish("svc.own", "cut here", { message: "a" }, { "idempotency-key": "k1" })

    assert.deepStrictEqual([own.status, none.status, again.status], [200, 200, 200])
    assert.deepStrictEqual([own.body.version, none.body.version], [1, 1])
    assert.deepStrictEqual([again.body.revision, again.body.replayed], [own.body.revision, true])
    assert.strictEqual(none.body.revision, own.body.revision + 1)
    for (const key of ["svc.own", "svc.none"]) {
      const { body } = await server.call("GET", `/v1/config/${key}/history?environment=production`)
      assert.strictEqual(body.versions.length, 1)
    }
    measured(19, "the answer to COMMIT cut three times", {
      "with a key answered after": seconds(keyed),
      without: seconds(unkeyed)
    })
  })
})
