/** Fault 20: a lower revision commits late. Nobody skips it: later ones wait for it, or it was never theirs to wait for. */
import { assert, describe, it } from "@effect/vitest"
import { connect, startDatabase } from "../support/Database.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const call = (key: string, value: string) =>
  `select herald_commit('${JSON.stringify([
    {
      action: "publish",
      actor: "other node",
      message: "",
      traceparent: "",
      commitId: `~${key}${value}`,
      digest: "",
      changes: [
        {
          key,
          environment: "production",
          value,
          valueType: "string",
          schema: null,
          strict: false,
          template: false,
          digest: value,
          changeLog: ""
        }
      ]
    }
  ])}'::jsonb)`

describe("fault 20: a late-committing lower id", () => {
  it("is sent, in order, and none is skipped", async () => {
    await using database = await startDatabase()
    await using server = await startServer({ DATABASE_URL: database.url })
    const subscriber = new Subscriber(server.grpc, { token: server.token })
    await server.publish("svc", "first")
    await waitUntil("the first value", () => subscriber.content("svc") === "first")
    await using slow = await connect(database.url)
    for (let round = 0; round < 5; round++) {
      await slow.query("begin")
      await slow.query(call("svc.late", `late ${round}`))
      const later = server.publish("svc", `later ${round}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
      assert.notStrictEqual(subscriber.content("svc"), `later ${round}`)
      await slow.query("commit")
      const { status, body } = await later

      assert.strictEqual(status, 200)
      await waitUntil(
        "both",
        () => subscriber.content("svc") === `later ${round}` && subscriber.content("svc.late") === `late ${round}`
      )
      assert.strictEqual(subscriber.held.get("svc.late")?.revision, body.revision - 1)
    }
    await slow.query("begin")
    await slow.query(call("svc.late", "never"))
    await slow.query("rollback")
    const next = await server.publish("svc", "after the rollback")
    await waitUntil("the next value", () => subscriber.content("svc") === "after the rollback")

    assert.strictEqual(next.body.revision, 12)
    assert.deepStrictEqual(subscriber.backwards, [])
    subscriber.close()
  })
})
