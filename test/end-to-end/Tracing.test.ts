/** Real nodes, a real PostgreSQL, and a receiver of OTLP that takes, refuses or hangs. */
import { setTimeout as sleep } from "node:timers/promises"
import { assert, describe, it } from "vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { Nodes } from "../support/Nodes.ts"
import { OtlpReceiver } from "../support/Otlp.ts"
import { startRedis } from "../support/Redis.ts"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const parent = "00f067aa0ba902b7"

describe("Tracing", () => {
  it("TE5 one trace leads from the publisher's request over the commit to a client of the other node", async () => {
    await using receiver = await OtlpReceiver.start()
    await using nodes = await Nodes.start({
      count: 2,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, LOG_LEVEL: "debug", DEPLOYMENT_ENVIRONMENT: "staging" }
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
      const commit = await waitUntil("the commit's span", () => named("Commits.commit"))
      const told = await waitUntil("the client's span", () => named("Sessions.applied"))
      await waitUntil("a log record", () => receiver.logs.some((log) => log.traceId === traceId))

      assert.deepStrictEqual(
        [http, commit, told].map(({ resource }) => resource["service.instance.id"]),
        ["n1", "n1", "n2"]
      )
      assert.strictEqual(http.resource["service.name"], "herald")
      assert.match(http.resource["service.version"] ?? "", /^\d+\.\d+\.\d+/)
      assert.strictEqual(http.resource["deployment.environment.name"], "staging")
      assert.strictEqual(http.name, "PUT /v1/config/:key") // TE8
      assert.strictEqual(http.kind, "server")
      const statement = await waitUntil(
        "the statement",
        () => named("select herald_publish") ?? named("select herald_commit")
      )
      assert.strictEqual(statement.kind, "client")
      assert.strictEqual(statement.attributes["db.system.name"], "postgresql")
      assert.strictEqual(statement.parentSpanId, commit.spanId) // TE6
      assert.strictEqual(told.attributes["herald.key"], "svc")
      assert.match(told.attributes["herald.client"] ?? "", /^svc\/[ab]$/)
      const publish = named("Configurations.publish")
      assert.strictEqual(told.parentSpanId, publish?.spanId)
      assert.strictEqual(applied.get("a/second"), `00-${traceId}-${publish?.spanId}-01`)
      await waitUntil("the log to name it", () => n1!.output.includes(`"trace_id":"${traceId}"`))

      await waitUntil("the latency", () => receiver.metrics.has("herald_commit_to_applied_seconds"))
      assert.strictEqual(mine().filter((span) => span.name === "Sessions.applied").length, 1)
    } finally {
      await Promise.all(clients.map((client) => client.close()))
    }
  })

  it("TE6 TE7 TE9 H4 messages, calls and statements are named by the conventions; a batch is linked to its publishers", async () => {
    await using receiver = await OtlpReceiver.start()
    await using kafka = await KafkaServer.start()
    await using redis = await startRedis()
    await using nodes = await Nodes.start({
      count: 2,
      // Only Redis and Kafka tell of commits.
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        REDIS_URL: redis.url,
        KAFKA_BROKERS: kafka.address,
        HINTS_NOTIFY: "off",
        POLL_INTERVAL: "20s",
        STALE_AFTER: "60s"
      }
    })
    const [n1, n2] = nodes.servers
    await using client = await nodes.client("a", n2!.grpc)
    assert.strictEqual((await n1!.call("GET", "/metrics")).status, 200)
    const known = (name: string) => receiver.spans.find((span) => span.name === name)
    await waitUntil("what Kafka tells", async () => {
      await n1!.publish("warm", Date.now())
      return known("process config.updates")
    })
    const ids = Array.from({ length: 20 }, (_, i) => `${"a".repeat(30)}${10 + i}`)
    await Promise.all(ids.map((id, i) => n1!.publish(`svc.${i}`, i, {}, { traceparent: `00-${id}-${parent}-01` })))
    await waitUntil("the values", () => ids.every((_, i) => client.getEntry(`svc.${i}`)?.value === i))
    const of = (name: string) => receiver.spans.filter((span) => span.name === name)
    const covered = (name: string, id: string) =>
      of(name).some(({ traceId: mine, links }) => mine === id || links.includes(id))
    const names = [
      "send config.updates",
      "process config.updates",
      "publish herald:revisions",
      "process herald:revisions",
      "Propagation.applied",
      "select herald_publish"
    ]
    for (const name of names) await waitUntil(name, () => ids.every((id) => covered(name, id)))

    const grouped = of("select herald_publish").find(({ links }) => links.length > 1)
    assert.isDefined(grouped, "twenty at once, and none were committed together")
    assert.notInclude(ids, grouped?.traceId) // TE6
    const sent = of("send config.updates")[0]!
    assert.strictEqual(sent.kind, "producer")
    assert.include(sent.attributes, {
      "messaging.system": "kafka",
      "messaging.destination.name": "config.updates",
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "messaging.client.id": "herald"
    })
    assert.match(sent.attributes["messaging.batch.message_count"] ?? "", /^\d+$/)
    const came = of("process config.updates").find(({ attributes }) =>
      attributes["messaging.consumer.group.name"]?.startsWith("propagation.")
    )!
    assert.strictEqual(came.kind, "consumer")
    assert.match(came.attributes["messaging.consumer.group.name"] ?? "", /^propagation\.n[12]$/)
    assert.strictEqual(of("publish herald:revisions")[0]?.kind, "producer")
    assert.strictEqual(of("process herald:revisions")[0]?.attributes["messaging.system"], "redis")
    const heard = of("Propagation.applied").filter(({ resource }) => resource["service.instance.id"] === "n2")
    assert.isTrue(heard.some(({ attributes }) => attributes["herald.heard_by"] === "redis"))

    const call = known("herald.distribution.v1.DistributionService/Subscribe")!
    assert.strictEqual(call.kind, "server") // TE9
    assert.include(call.attributes, {
      "rpc.system.name": "grpc",
      "rpc.method": "herald.distribution.v1.DistributionService/Subscribe",
      "client.address": "127.0.0.1"
    })
    const unasked = receiver.spans.filter(
      ({ kind, parentSpanId, links, failed }) =>
        kind === "client" && parentSpanId === "" && links.length === 0 && !failed
    )
    assert.isEmpty(unasked) // TE7
    assert.isFalse(receiver.spans.some(({ name }) => name.includes("/metrics"))) // H4
  })

  for (const how of ["gone", "hang"] as const)
    it(`TE3 TE4 traces, metrics and logs arrive again, without a restart, after the receiver was away: ${how}`, async () => {
      let receiver = await OtlpReceiver.start()
      const { url } = receiver
      await using server = await startServer({ OTEL_EXPORTER_OTLP_ENDPOINT: url, LOG_LEVEL: "debug" })
      const said = (what: string) => server.output.split(what).length - 1
      const publish = (letter: string, n: number) =>
        server.publish("svc", `${letter}${n}`, {}, { traceparent: `00-${letter.repeat(31)}1-${parent}-01` })
      const of = (letter: string) => receiver.spans.filter((span) => span.traceId.startsWith(letter.repeat(31)))
      try {
        await publish("a", 0)
        await waitUntil("the first trace", () => of("a").length > 0)
        assert.strictEqual(said("telemetry can't be exported"), 0)

        if (how === "gone") await receiver[Symbol.asyncDispose]()
        else receiver.mode = "hang"
        // More spans than the queue holds, before and after the server knows.
        for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 40 }, (_, i) => publish("b", n * 40 + i)))
        await waitUntil("the warning", () => said("telemetry can't be exported") > 0)
        if (how === "gone") receiver = await OtlpReceiver.start("take", Number(new URL(url).port))
        else receiver.mode = "take"
        receiver.metrics.clear()
        let n = 0
        // A signal that has nothing to send can't show that it is taken again.
        await waitUntil("the end of it in the log", async () => {
          await publish("d", n++)
          await sleep(200)
          return said("telemetry is exported again") > 0
        })
        await publish("c", 0)

        await waitUntil("a trace", () => of("c").some(({ name }) => name === "Commits.commit"))
        await waitUntil("a log record", () => receiver.logs.some((log) => log.traceId.startsWith("ccc")))
        await waitUntil("metrics", () => receiver.metrics.has("herald_http_requests_total"))
        assert.isAtMost(of("b").length, 2_048 + 4 * 512) // TE3: the queue and what was under way; the rest, of at least 4,800, was dropped
        assert.strictEqual(said("telemetry can't be exported"), 1)
        assert.strictEqual(said("telemetry is exported again"), 1)
      } finally {
        await receiver[Symbol.asyncDispose]()
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
        for (let n = 0; n < 300; n++) assert.strictEqual((await server.published("svc", n)).status, 200)
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
