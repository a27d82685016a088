/** Fault 1: the server dies between commit and push. What was acked survives, is pushed after the restart, and in order. */
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 1: crash between commit and push", () => {
  it("an acked revision that nobody was told of reaches the client after the restart", async () => {
    await using server = await startServer()
    await using proxy = new TcpProxy(Number(server.grpc.split(":")[1]))
    const address = `127.0.0.1:${await proxy.listen()}`
    const before = new Subscriber(address, { token: server.token })
    await server.publish("svc", "one")
    await waitUntil("the first value", () => before.content("svc") === "one")
    proxy.fault = "hold"
    const acked = await server.publish("svc", "two")
    assert.strictEqual(acked.status, 200)
    await server.end("SIGKILL")
    assert.strictEqual(before.content("svc"), "one")
    before.close()
    proxy.cut()
    proxy.fault = "none"

    const from = performance.now()
    await server.start()
    const after = new Subscriber(address, { token: server.token })
    await waitUntil("the acked value", () => after.content("svc") === "two")
    const took = performance.now() - from
    assert.strictEqual(after.held.get("svc")?.revision, acked.body.revision)
    measured(1, "killed after the commit, before the push", { "value at the client after the start": seconds(took) })
    after.close()
  })

  it("killed while publishers write: 0 lost, 0 reordered", async () => {
    await using server = await startServer()
    const acked: Array<{ readonly revision: number; readonly value: string }> = []
    for (let round = 0; round < 3; round++) {
      const subscriber = new Subscriber(server.grpc, { token: server.token })
      const publish = async (name: string) => {
        for (let i = 0; ; i++) {
          const value = `${round}.${name}.${i}`
          const answer = await server.publish("svc", value).catch(() => undefined)
          if (answer === undefined) return
          if (answer.status < 300) acked.push({ revision: answer.body.revision, value })
        }
      }
      const publishers = ["a", "b", "c", "d"].map(publish)
      await waitUntil("fifty acked publishes", () => acked.length > 50 * (round + 1))
      await server.end("SIGKILL")
      await Promise.all(publishers)
      assert.deepStrictEqual(subscriber.backwards, [])
      subscriber.close()
      await server.start()
    }
    const last = new Subscriber(server.grpc, { token: server.token })
    const newest = await server.read("svc", "strong")
    await waitUntil("the newest value", () => last.content("svc") === newest.body.value)
    last.close()

    const history = new Map<number, string>()
    for (let before: number | undefined; ; ) {
      const { body } = await server.call(
        "GET",
        `/v1/config/svc/history?environment=production&limit=100${before === undefined ? "" : `&before=${before}`}`
      )
      for (const { revision, value } of body.versions) history.set(revision, value)
      if (body.versions.length === 0 || body.versions.at(-1).version === 1) break
      before = body.versions.at(-1).version
    }
    for (const { revision, value } of acked) assert.strictEqual(history.get(revision), value)
    assert.isAtLeast(newest.body.revision, Math.max(...acked.map(({ revision }) => revision)))
    measured(1, "killed three times under four publishers", {
      "acked publishes": acked.length,
      lost: acked.filter(({ revision, value }) => history.get(revision) !== value).length
    })
  })
})
