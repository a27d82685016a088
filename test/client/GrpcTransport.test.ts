import { assert, describe, it } from "@effect/vitest"
import { Metadata } from "@grpc/grpc-js"
import { AckOutcome, SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { GrpcTransport } from "../../src/client/GrpcTransport.ts"
import { ClosedError, HeraldClient } from "../../src/client/HeraldClient.ts"
import { synced, value } from "../support/Said.ts"
import { turn, until } from "../support/turn.ts"
import { WireServer } from "../support/WireServer.ts"

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

  it("GT3: goes on at the next address when its server is gone, and reports go there too", async () => {
    await using first = await WireServer.start()
    await using second = await WireServer.start()
    for (const server of [first, second]) server.greeting = [value("shop", 1, 1), synced(1)]
    const addresses = [first.address, second.address, "127.0.0.1:1"]
    const options = { address: addresses, service: "shop", reconnect: quick, lastKnownGood: false } as const
    await using client = await HeraldClient.connect({ ...options, waitForSync: true })
    const [used, other] = first.hellos.length > 0 ? [first, second] : [second, first]
    assert.isTrue(await client.reportHealth("healthy"))
    used.stop()
    await until(() => client.state === "live" && other.hellos.length > 0)

    assert.isTrue(await client.reportHealth("healthy"))
    assert.strictEqual(client.get("shop"), 1)
    const error = await HeraldClient.connect({ ...options, address: [] }).catch((e) => e)
    assert.include(String(error), "at least one node")
  })

  it("GT5: a stream that is held is read no further, so that the server keeps what is new", async () => {
    await using server = await WireServer.start()
    const transport = new GrpcTransport({ address: server.address })
    const first = SubscribeRequest.fromPartial({ serviceName: "shop", instanceId: "i" })
    let seen = 0
    const stream = transport.open(first, { message: () => seen++, writable: () => {}, ended: () => {} })
    try {
      stream.hold(true)
      await until(() => server.calls.length === 1)
      for (let n = 1; n <= 40; n++) server.say(value("shop", n, "x".repeat(1_000_000)))
      const [call] = server.calls
      for (let n = 0; n < 200; n++) await turn()
      assert.strictEqual(seen, 0)
      assert.isAbove(call!.writableLength, 0) // windows are full: what is left waits at the server
      stream.hold(false)
      await until(() => seen === 40)
    } finally {
      stream.drop()
      transport.close()
    }
  })

  it("CO4: reads code and advice from the trailers of a refusal", async () => {
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

  it("each stream and each report asks for the token anew, and who left while it was asked for is not waited for", async () => {
    await using server = await WireServer.start()
    server.greeting = [synced(0)]
    const signals: Array<AbortSignal> = []
    const token = async ({ signal }: { readonly signal: AbortSignal }) => {
      signals.push(signal)
      return signals.length < 4 ? `token-${signals.length}` : new Promise<string>(() => {})
    }
    const client = await HeraldClient.connect({ address: server.address, service: "shop", token, reconnect: quick })
    assert.isTrue(await client.reportHealth("healthy"))
    server.calls[0]?.emit("error", { code: 14, details: "gone" })
    await until(() => server.hellos.length === 2 && client.state === "live")
    const report = client.reportHealth("healthy").catch((error) => error)
    await until(() => signals.length === 4)
    await client.close()

    assert.instanceOf(await report, ClosedError)
    assert.isTrue(signals[3]?.aborted)
    assert.deepStrictEqual(server.tokens, ["Bearer token-1", "Bearer token-2", "Bearer token-3"])
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
