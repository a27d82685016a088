/** What a real server sends to a real UDP socket. */
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { assert, it } from "vitest"
import { startServer } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

it("SD1 a server sends its clients, deliveries and query times to StatsD, and the same delivery count to /metrics", async () => {
  const socket = createSocket("udp4").bind(0, "127.0.0.1")
  await once(socket, "listening")
  let got = ""
  socket.on("message", (data) => (got += `${data}\n`))
  try {
    await using server = await startServer({ STATSD_HOST: "127.0.0.1", STATSD_PORT: String(socket.address().port) })
    const subscriber = new Subscriber(server.grpc, { token: server.token })
    await server.publish("svc", "x")
    await waitUntil("the value", () => subscriber.content("svc") === "x")
    await waitUntil("a delivery", () => got.includes("distribution.config.delivered:1|c"))
    await waitUntil("the client", () => got.includes("distribution.clients.connected:1|g"))
    await waitUntil("query times", () => /distribution\.db\.query\.time:[\d.]+\|ms\|@/.test(got))
    subscriber.close()
    await waitUntil("the client to leave", () => got.includes("distribution.clients.disconnected:1|c"))
    const { body } = await server.call("GET", "/metrics")
    assert.match(body, /^herald_deliveries_total 1$/m)
    assert.match(body, /^herald_db_query_seconds_count \d+$/m)
  } finally {
    socket.close()
  }
})
