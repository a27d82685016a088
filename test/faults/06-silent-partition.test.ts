/** Fault 6: packets between client and server vanish silently. Both sides notice by keepalive (20 s + 10 s); last known good is served. */
import { assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { measured, seconds } from "../support/measured.ts"
import { inNewNamespace } from "../support/Namespace.ts"
import type { Partition } from "../support/partition/main.ts"
import { startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

/** 20 s between pings, 10 s for the answer, and what a busy machine needs. */
const NOTICED = 33_000

/** The SDK waits at most 20 s between two tries, and one that is under way may have to end first. */
const HEALED = 60_000

describe.concurrent("fault 6: silent partition", () => {
  it("GT2 no packet comes through: both sides notice, what is on disk serves, and both resume", async () => {
    const { clientNoticed, serverNoticed, during, started, healed, seen, states } = await inNewNamespace<Partition>(
      new URL("../support/partition/main.ts", import.meta.url)
    )

    assert.isAtMost(Math.max(clientNoticed, serverNoticed), NOTICED)
    assert.deepInclude(during, { value: 1, stale: true, seen: [1] })
    assert.deepInclude(started, { value: 1, stale: true, seen: [1] }) // from the last known good on disk
    // Kept while it was away: only the newest is sent.
    assert.deepStrictEqual(seen, [
      [1, 3],
      [1, 3]
    ])
    assert.deepStrictEqual(states, ["connected", "connected"])
    assert.isAtMost(healed, HEALED)
    measured(6, "every packet between two network namespaces dropped", {
      "client noticed after": seconds(clientNoticed),
      "server noticed after": seconds(serverNoticed),
      "newest value after healing": seconds(healed)
    })
  })

  // TCP acknowledges, nobody answers: what a dead peer behind a living proxy looks like.
  it("GT2 a proxy swallows everything: both sides notice, the value is served as stale, and the client resumes with the newest", async () => {
    await using server = await startServer()
    await using proxy = new TcpProxy(Number(server.grpc.split(":")[1]))
    const address = `127.0.0.1:${await proxy.listen()}`
    await server.publish("svc", 1)
    const seen: Array<number> = []
    const client = await HeraldClient.connect({ address, service: "svc", instance: "i1", token: server.token })
    client.watch("svc", { apply: (value) => void seen.push(Number(value)) })
    try {
      const state = async () => (await server.call("GET", "/v1/clients?environment=production")).body.clients[0]?.state
      await waitUntil("the server to show it", async () => (await state()) === "connected")
      proxy.fault = "hold"
      const start = performance.now()
      const since = () => performance.now() - start
      for (const n of [2, 3]) assert.strictEqual((await server.publish("svc", n)).status, 200)
      const [atClient, atServer] = await Promise.all([
        waitUntil("the client to notice", () => client.state !== "live" && since()),
        waitUntil("the server to notice", async () => (await state()) !== "connected" && since())
      ])

      assert.isAtMost(Math.max(atClient, atServer), NOTICED)
      assert.deepInclude(client.getEntry("svc"), { value: 1, stale: true })
      proxy.fault = "none"
      proxy.cut() // the proxy lost bytes, which TCP would have sent again
      const healed = performance.now()
      await waitUntil("the newest", () => client.state === "live" && client.get("svc") === 3)
      assert.deepStrictEqual(
        seen,
        [...seen].sort((a, b) => a - b)
      )
      measured(6, "black hole in a TCP proxy", {
        "client noticed after": seconds(atClient),
        "server noticed after": seconds(atServer),
        "newest value after healing": seconds(performance.now() - healed)
      })
    } finally {
      await client.close()
    }
  })
})
