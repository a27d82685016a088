import { assert, describe, it } from "@effect/vitest"
import { Metadata } from "@grpc/grpc-js"
import { AckOutcome } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { synced, until, value } from "./FakeServer.ts"
import { WireServer } from "./WireServer.ts"

const quick = { baseMillis: 5, capMillis: 20 }

describe("over gRPC", () => {
  it("subscribes with its token, receives, answers, reports and leaves", async () => {
    await using server = await WireServer.start()
    server.greeting = [value("shop", 1, { a: 1 }), synced(1)]
    const token = async () => "secret"
    const client = await HeraldClient.connect({ address: server.address, service: "shop", token })

    assert.deepStrictEqual(client.get("shop"), { a: 1 })
    assert.deepStrictEqual(server.tokens, ["Bearer secret"])
    await server.heard(() => server.acks.length === 1)
    assert.strictEqual(server.acks[0]?.outcome, AckOutcome.ACK_OUTCOME_APPLIED)
    assert.isTrue(await client.reportHealth("healthy"))
    const gone = new Promise<void>((resolve) => server.calls[0]?.once("close", resolve))
    await client.close()
    await gone
  })

  it("GT1: comes back to a server that was restarted, with what it holds", async () => {
    const first = await WireServer.start()
    first.greeting = [value("shop", 1, 1), synced(1)]
    await using client = await HeraldClient.connect({ address: first.address, service: "shop", reconnect: quick })
    first.stop()
    await until(() => client.state === "stale")
    assert.strictEqual(client.get("shop"), 1)

    await using second = await WireServer.start(Number(first.address.split(":")[1]))
    second.greeting = [value("shop", 2, 2), synced(2)]
    await until(() => client.state === "live")
    await client.settled()

    assert.strictEqual(client.get("shop"), 2)
    assert.deepStrictEqual(
      second.hellos.at(-1)?.held.map(({ revision }) => revision),
      [1n]
    )
  })

  it("GT2 a connection that falls silent is noticed by pings, and what was held stays", {
    timeout: 90_000
  }, async () => {
    await using server = await WireServer.start()
    await using proxy = new TcpProxy(Number(server.address.split(":")[1]))
    server.greeting = [value("shop", 1, 1), synced(1)]
    const address = `127.0.0.1:${await proxy.listen()}`
    await using client = await HeraldClient.connect({ address, service: "shop", reconnect: quick })
    proxy.fault = "hold"
    const from = performance.now()
    await waitUntil("the silence to be noticed", () => client.state === "stale")

    assert.isBelow(performance.now() - from, 35_000)
    assert.strictEqual(client.get("shop"), 1)
    proxy.fault = "none"
    proxy.cut()
    await waitUntil("the connection to come back", () => client.state === "live")
  })

  it("C4: reads code and advice from the trailers of a refusal", async () => {
    await using server = await WireServer.start()
    const metadata = new Metadata()
    metadata.set("herald-code", "HRLD-3001")
    metadata.set("herald-reconnect", "no")
    server.refusal = { code: 16, details: "HRLD-3001 unknown token", metadata }
    const error = await HeraldClient.connect({ address: server.address, service: "shop" }).catch((e) => e)

    assert.deepStrictEqual([error.name, error.code, error.status], ["ConnectError", "HRLD-3001", 16])
  })

  it("a server that is not there is an error that says so", async () => {
    const server = await WireServer.start()
    server.stop()
    const options = { address: server.address, service: "shop", reconnect: quick, connectTimeoutMillis: 200 }
    const error = await HeraldClient.connect(options).catch((e) => e)

    assert.match(error.message, /HRLD-5101: 127\.0\.0\.1:\d+ did not send the configuration: .*ECONNREFUSED/)
  })

  it("a token that can't be fetched does not end the retries", async () => {
    await using server = await WireServer.start()
    server.greeting = [synced(0)]
    let asked = 0
    const token = () => {
      if (++asked < 3) throw new Error("vault is down")
      return "secret"
    }
    await using client = await HeraldClient.connect({
      address: server.address,
      service: "shop",
      token,
      reconnect: quick
    })

    assert.strictEqual(client.state, "live")
    assert.strictEqual(asked, 3)
  })
})
