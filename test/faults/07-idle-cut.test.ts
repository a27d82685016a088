/** Fault 7: a load balancer cuts connections that are idle. Heartbeats hold a subscriber's: 0 drops (scaled: heartbeat 1 s, cut at 2 s). */
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { measured } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CUTS = 8

describe("fault 7: idle cut", () => {
  it("a client that hears nothing new keeps its stream while idle connections are cut", async () => {
    await using server = await startServer({ HEARTBEAT_INTERVAL: "1s", HEARTBEAT_TIMEOUT: "5s" })
    await using proxy = new TcpProxy(Number(server.grpc.split(":")[1]))
    proxy.idleMillis = 2_000
    const port = await proxy.listen()
    await server.publish("svc", "one")
    const drops: Array<unknown> = []
    const client = await HeraldClient.connect({
      address: `127.0.0.1:${port}`,
      service: "svc",
      token: server.token,
      heartbeatMillis: 1_000,
      // A machine that is starved may be unsure of its database for a moment, which is no drop.
      onEvent: (event) => void (event.type !== "freshness" && drops.push(event))
    })
    try {
      // Connections that say nothing show that the proxy does cut.
      for (let n = 0; n < CUTS; n++) {
        const silent = connect(port, "127.0.0.1").resume()
        silent.on("error", () => {})
        await new Promise((resolve) => silent.once("close", resolve))
      }
      assert.deepStrictEqual(drops, [])
      assert.strictEqual(client.state, "live")
      await server.publish("svc", "two")
      await waitUntil("the next value on the same stream", () => client.get("svc") === "two")
      assert.deepStrictEqual(drops, [])
      measured(7, "heartbeat 1 s, idle connections cut at 2 s", { "idle connections cut": CUTS, drops: drops.length })
    } finally {
      await client.close()
    }
  })
})
