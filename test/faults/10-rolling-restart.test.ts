/** Fault 10: the server is restarted under load. It tells its clients to leave, ends by itself, and a user of the SDK sees no error. */
import { assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { InVain, waitUntil } from "../support/waitUntil.ts"

describe("fault 10: rolling restart", () => {
  it("0 errors seen by users of the SDK, 0 acked publishes lost", async () => {
    await using server = await startServer()
    await server.publish("svc", 0)
    const seen: Array<number> = []
    const rejected: Array<unknown> = []
    const clients = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const client = await HeraldClient.connect({
          address: server.grpc,
          service: "svc",
          instance: `i${i}`,
          token: server.token
        })
        client.watch("svc", {
          apply: (value) => {
            if (i === 0) seen.push(Number(value))
          }
        })
        return client
      })
    )
    let acked = 0
    let stop = false
    const publisher = (async () => {
      for (let n = 1; !stop; n++) {
        // A publisher with an idempotency key tries until it is answered.
        await waitUntil("the publish to be acked", async () => {
          const answer = await server
            .publish("svc", n, {}, { "idempotency-key": `publish ${n}` })
            .catch(() => undefined)
          if (answer !== undefined && answer.status >= 400 && answer.status < 500)
            throw new InVain(JSON.stringify(answer.body))
          return answer !== undefined && answer.status < 300
        })
        acked = n
      }
    })()
    const reader = (async () => {
      while (!stop) {
        for (const client of clients) if (client.get("svc") === undefined) rejected.push("a read without a value")
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()

    const back: Array<number> = []
    for (let round = 1; round <= 3; round++) {
      await waitUntil("load", () => acked >= 20 * round)
      const from = performance.now()
      assert.strictEqual(await server.end("SIGTERM"), 0)
      await server.start()
      await waitUntil("the clients to be back", () => clients.every(({ state }) => state === "live"))
      back.push(performance.now() - from)
    }
    stop = true
    await Promise.all([publisher, reader])
    await waitUntil("everybody has the newest", () => clients.every((client) => client.get("svc") === acked))

    assert.deepStrictEqual(rejected, [])
    assert.deepStrictEqual(
      seen,
      [...seen].sort((a, b) => a - b)
    )
    const { body } = await server.read("svc", "strong")
    assert.strictEqual(body.version, acked + 1)
    measured(10, "three restarts, 20 SDK clients", {
      "SIGTERM to all live again, slowest": seconds(Math.max(...back)),
      "acked publishes": acked,
      "errors seen": rejected.length
    })
    for (const client of clients) await client.close()
  })
})
