/** Fault 5: a client whose connection is open but dead. The server notices by its keepalive (20 s + 10 s) and lets go of everything. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

describe("fault 5: half-open client", () => {
  it("its stream is ended, its state is told, its descriptor is given back", async () => {
    await using server = await startServer()
    await using proxy = new TcpProxy(Number(server.grpc.split(":")[1]))
    const address = `127.0.0.1:${await proxy.listen()}`
    const port = Number(server.grpc.split(":")[1]).toString(16).toUpperCase().padStart(4, "0")
    // Connections at the gRPC port that a process still has open (proc(5): local address, state 0A listens, inode 0 is closed).
    const sockets = () =>
      readFileSync("/proc/net/tcp", "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .filter((field) => field[1]?.endsWith(`:${port}`) && field[3] !== "0A" && field[9] !== "0").length
    const state = async () => (await server.call("GET", "/v1/clients?environment=production")).body.clients[0]
    const subscriber = new Subscriber(address, { token: server.token })
    await server.publish("svc", "one")
    await waitUntil("the first value", () => subscriber.content("svc") === "one")
    assert.strictEqual(sockets(), 1)
    proxy.fault = "hold"
    const from = performance.now()

    const lost = await waitUntil("the server to notice", async () => {
      const client = await state()
      return client !== undefined && client.state !== "connected" && client
    })
    const noticed = performance.now() - from
    assert.notStrictEqual(lost.ending, "")
    await waitUntil("the descriptors to be given back", () => sockets() === 0)
    measured(5, "the client's connection held", {
      "server noticed after": seconds(noticed),
      "descriptors given back after": seconds(performance.now() - from)
    })
    subscriber.close()
  })
})
