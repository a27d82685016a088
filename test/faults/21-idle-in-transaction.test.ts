/** Fault 21: a session takes the writers' lock and falls asleep. Writes fail typed, the log says who, reads go on; it ends by itself. */
import { assert, describe, it } from "@effect/vitest"
import { connect, startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 21: idle in transaction", () => {
  it("a bounded stall with an alert", async () => {
    await using database = await startDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    const subscriber = new Subscriber(server.grpc, { token: server.token })
    await server.publish("svc", "one")
    await waitUntil("the first value", () => subscriber.content("svc") === "one")
    const sleeper = await connect(database.url)
    await sleeper.query("begin")
    await sleeper.query("select herald_lock()")
    const from = performance.now()

    const stalled = await server.publish("svc", "two")
    const refused = performance.now() - from
    const read = await server.read("svc", "strong")
    assert.deepStrictEqual([stalled.status, stalled.body.code], [504, "HRLD-4004"])
    assert.deepStrictEqual([read.status, read.body.value, read.body.stale], [200, "one", false])
    await waitUntil(
      "the log to name the sleeper",
      () =>
        server.output.includes("publishers wait for another session's transaction") &&
        server.output.includes('"application":"test"')
    )
    await waitUntil("the sleeper to be ended", async () => (await server.publish("svc", "three")).status === 200)
    measured(21, "the writers' lock held by a session that sleeps", {
      "refused after": seconds(refused),
      "writes again after": seconds(performance.now() - from)
    })
    await waitUntil("the value to arrive", () => subscriber.content("svc") === "three")
    assert.isFalse(subscriber.ended)
    subscriber.close()
    await Promise.resolve(sleeper[Symbol.asyncDispose]()).catch(() => {})
  })
})
