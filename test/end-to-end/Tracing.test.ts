/** Real nodes, a real PostgreSQL, and a receiver of OTLP that takes, refuses or hangs. */
import { assert, describe, it } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { Nodes } from "../support/Nodes.ts"
import { OtlpReceiver } from "../support/Otlp.ts"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const parent = "00f067aa0ba902b7"

describe("Tracing", () => {
  it("TE5 one trace leads from the publisher's request over the commit to a client of the other node", async () => {
    await using receiver = await OtlpReceiver.start()
    await using nodes = await Nodes.start({
      count: 2,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, LOG_LEVEL: "debug" }
    })
    const [n1, n2] = nodes.servers
    const applied = new Map<unknown, string>()
    const clients: Array<HeraldClient> = []
    try {
      for (const instance of ["a", "b"])
        clients.push(
          await HeraldClient.connect({
            address: n2!.grpc,
            service: "svc",
            instance,
            token: nodes.token,
            apply: (value, { traceparent }) => void applied.set(`${instance}/${value}`, traceparent)
          })
        )
      await n1!.publish("svc", "first")
      await waitUntil("the first value", () => applied.has("a/first") && applied.has("b/first"))
      await n1!.publish("svc", "second", {}, { traceparent: `00-${traceId}-${parent}-01` })
      await waitUntil("the second value", () => applied.has("a/second") && applied.has("b/second"))

      const mine = () => receiver.spans.filter((span) => span.traceId === traceId)
      const named = (name: string) => mine().find((span) => span.name === name)
      const http = await waitUntil("the HTTP span", () => mine().find((span) => span.parentSpanId === parent))
      const commit = await waitUntil("the commit's span", () => named("ConfigurationStore.commit"))
      const told = await waitUntil("the client's span", () => named("Sessions.applied"))
      await waitUntil("a log record", () => receiver.logs.some((log) => log.traceId === traceId))

      assert.deepStrictEqual(
        [http, commit, told].map(({ resource }) => resource["service.instance.id"]),
        ["n1", "n1", "n2"]
      )
      assert.strictEqual(http.resource["service.name"], "herald")
      assert.match(http.resource["service.version"] ?? "", /^\d+\.\d+\.\d+/)
      assert.strictEqual(told.attributes["herald.key"], "svc")
      assert.match(told.attributes["herald.client"] ?? "", /^svc\/[ab]$/)
      const publish = named("Configurations.publish")
      assert.strictEqual(told.parentSpanId, publish?.spanId)
      assert.strictEqual(applied.get("a/second"), `00-${traceId}-${publish?.spanId}-01`)
      assert.include(n1!.output, `"traceId":"${traceId}"`)

      await waitUntil("the latency", () => receiver.metrics.has("herald_commit_to_applied_seconds"))
      assert.strictEqual(mine().filter((span) => span.name === "Sessions.applied").length, 1)
    } finally {
      await Promise.all(clients.map((client) => client.close()))
    }
  })

  for (const how of ["refuse", "hang", "gone"] as const)
    it(`TE3 TE4 a receiver that does this costs its data only: ${how}`, async () => {
      await using receiver = await OtlpReceiver.start(how === "gone" ? "take" : how)
      const url = receiver.url
      if (how === "gone") await receiver[Symbol.asyncDispose]()
      await using server = await startServer({ OTEL_EXPORTER_OTLP_ENDPOINT: url })
      const warnings = () => server.output.split("telemetry can't be exported").length - 1
      const client = await HeraldClient.connect({
        address: server.grpc,
        service: "svc",
        instance: "a",
        token: server.token
      })
      try {
        await waitUntil("the warning", () => warnings() > 0)
        for (let n = 0; n < 300; n++) assert.strictEqual((await server.publish("svc", n)).status, 200)
        await waitUntil("the newest value", () => client.get("svc") === 299)
        const { body } = await server.call("GET", "/metrics")
        assert.match(body, /^herald_commit_to_delivered_seconds_count [1-9]\d*$/m)
        assert.strictEqual(warnings(), 1)
      } finally {
        await client.close()
      }
      const before = performance.now()
      assert.strictEqual(await server.end("SIGTERM"), 0)
      assert.isBelow(performance.now() - before, 5_000)
    })
})
