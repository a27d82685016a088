/**
 * One rollout from its start to its end, and all who are told of it: a real server, twelve SDK clients that count what they serve, Kafka, a receiver of
 * webhooks and one of traces.
 */
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { connect } from "../support/Database.ts"
import { KafkaServer, Reader } from "../support/Kafka.ts"
import { Nodes } from "../support/Nodes.ts"
import { OtlpReceiver } from "../support/Otlp.ts"
import { Receiver } from "../support/Receiver.ts"
import { waitUntil } from "../support/waitUntil.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
const GATE = "errors/requests <= 1.5 * control"
const ROLLOUTS = "/v1/rollouts"

/** An application that counts its requests; of the bad version two of five fail, of the good one one in a hundred. */
class Shop implements AsyncDisposable {
  readonly had: Array<unknown> = []
  readonly #client: HeraldClient
  #errors = 0
  #requests = 0

  private constructor(client: HeraldClient) {
    this.#client = client
    client.watch("shop", { apply: (value) => void this.had.push(value) })
  }

  static async open(address: string, instance: string, token: string): Promise<Shop> {
    const shop = new Shop(await HeraldClient.connect({ address, service: "shop", instance, token }))
    await shop.#client.settled()
    return shop
  }

  get version(): unknown {
    return this.#client.get("shop")
  }

  async serve(requests: number): Promise<void> {
    this.#requests += requests
    this.#errors += requests * (this.version === "bad" ? 0.4 : 0.01)
    await this.#client.reportHealth("healthy", "", { errors: this.#errors, requests: this.#requests })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}

describe("a rollout that is taken back", () => {
  it("VG1 OV1 KI4 WN1 by what its clients count; topic, webhook, audit and traces say why, with the numbers", async () => {
    const secret = `whsec_${randomBytes(32).toString("base64")}`
    await using kafka = await KafkaServer.start()
    await using receiver = await Receiver.start(secret)
    await using traces = await OtlpReceiver.start()
    await using nodes = await Nodes.start({
      count: 1,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: traces.url,
        KAFKA_BROKERS: kafka.address,
        WEBHOOK_URLS: `${receiver.url}/hook`,
        WEBHOOK_SECRET: secret,
        WEBHOOK_KEYS: "shop",
        WEBHOOK_PRIVATE: "allowed"
      }
    })
    const [server] = nodes.servers as [(typeof nodes.servers)[number]]
    await waitUntil("the receiver to be known", async () => {
      await using session = await connect(nodes.database.url)
      return (await session.query("select 1 from webhook_targets")).length === 1
    })
    await server.publish("shop", "good")
    const names = Array.from({ length: 12 }, (_, n) => `web-${n + 1}`)
    await using all = new AsyncDisposableStack()
    const shops = await Promise.all(names.map((name) => Shop.open(server.grpc, name, nodes.token)))
    for (const shop of shops) all.use(shop)
    await waitUntil("all to have the good one", () => shops.every(({ version }) => version === "good"))

    // A count is of those that are known when the stage begins.
    await waitUntil("all to be known", async () => {
      const { body } = await server.call("GET", "/v1/clients?environment=production")
      return body.clients.length === names.length
    })

    const begun = await server.call(
      "POST",
      ROLLOUTS,
      {
        environment: "production",
        plan: { stages: "6,100%", bake: "10m", gates: [GATE] },
        changes: [{ key: "shop", value: "bad" }],
        message: "cheaper carts"
      },
      { traceparent }
    )
    assert.strictEqual(begun.status, 200, JSON.stringify(begun.body))
    const { id } = begun.body
    const look = async () => (await server.call("GET", `${ROLLOUTS}/${id}?environment=production`)).body
    const until = (state: string) =>
      waitUntil(state, async () => ((await look()).state === state ? await look() : false))
    const move = async (to: string) => {
      const { status, body } = await server.call("POST", `${ROLLOUTS}/${id}/${to}?environment=production`, {
        message: "lunch"
      })
      assert.strictEqual(status, 200, JSON.stringify(body))
    }
    await until("baking")
    await move("pause")
    await move("resume")
    await until("baking")
    assert.strictEqual(shops.filter(({ version }) => version === "bad").length, 6)

    let rounds = 0
    const ended = await waitUntil("it to be taken back", async () => {
      rounds++
      await Promise.all(shops.map((shop) => shop.serve(500)))
      const now = await look()
      return now.state === "rolled_back" && now
    })
    console.log(`taken back after ${rounds} reports of each: ${ended.reason}`)
    assert.match(
      ended.reason,
      /errors of .* requests of 6 instances \(40%\) against 1% of 6 instances, .* takes it back/
    )
    await waitUntil("all to have the good one", () => shops.every(({ version }) => version === "good"))
    assert.strictEqual(shops.filter(({ had }) => had.includes("bad")).length, 6)

    // Kafka
    await using reader = await new Reader(kafka).start()
    await waitUntil("the last event", () => reader.of("rollout_rolled_back").length === 1)
    const events = reader.messages.filter(({ key }) => key === id)
    assert.deepStrictEqual(
      events.map(({ value }) => value["event_type"]),
      [
        "rollout_started",
        "rollout_stage",
        "rollout_stage",
        "rollout_paused",
        "rollout_resumed",
        "rollout_stage",
        "rollout_rolled_back"
      ]
    )
    for (const { value } of events) {
      assert.deepStrictEqual(value["about"], ["shop"])
      assert.isNotEmpty((value["detail"] as { reason: string }).reason, String(value["event_type"]))
    }
    const why = events.at(-1)!.value["detail"] as typeof ended
    assert.deepInclude(why, { state: "rolled_back", stage: 1, stages: 2, reason: ended.reason, by: "herald" })
    assert.deepInclude(why.counts, { healthy: 6, unhealthy: 0 })
    assert.deepInclude(why.readings[0], { gate: GATE, verdict: "bad", dryRun: false })
    assert.include((events[3]!.value["detail"] as { reason: string }).reason, "paused it: lunch")

    // Webhook
    const hook = await waitUntil("the webhook", () =>
      receiver.hooks.find(({ body }) => body.type === "rollout.rolled_back")
    )
    assert.deepStrictEqual(hook.signedBy, [0])
    assert.deepStrictEqual(hook.body.data.detail, why)

    // Audit
    const audit = await server.call("GET", "/v1/audit?limit=1000")
    const entries = (audit.body.entries as ReadonlyArray<Record<string, unknown>>).filter((one) =>
      JSON.stringify(one).includes(`@rollout/production/${id}`)
    )
    assert.include(JSON.stringify(entries), ended.reason.slice(0, 100))
    assert.include(JSON.stringify(entries), `rollout ${id} is paused: first-admin paused it: lunch`)
    assert.strictEqual(entries.length, 7, JSON.stringify(audit.body.entries))

    // Traces
    const spans = await waitUntil("the last span", () => {
      const found = traces.spans.filter(({ name }) => name.startsWith("rollout "))
      return found.some(({ name }) => name === "rollout rolled_back") && found
    })
    for (const { name, traceId: mine, links, attributes } of spans) {
      assert.isTrue(mine === traceId || links.includes(traceId), name)
      assert.strictEqual(attributes["herald.rollout"], id)
    }
    const last = spans.find(({ name }) => name === "rollout rolled_back")!
    assert.strictEqual(last.traceId, traceId)
    assert.strictEqual(last.attributes["herald.rollout.reason"], ended.reason)
    assert.include(last.attributes["herald.rollout.counts"], '"healthy":6')
    assert.include(last.attributes["herald.rollout.readings"], `${GATE}: bad`)
    const paused = spans.find(({ name }) => name === "rollout paused")!
    assert.notStrictEqual(paused.traceId, traceId)
    assert.strictEqual((await server.call("GET", "/v1/audit/verify")).status, 200)
  })
})
