/** Webhooks with real servers, a real Kafka and PostgreSQL, and a receiver that knows nothing of Herald's code. */
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { connect } from "../support/Database.ts"
import { installed } from "../support/installed.ts"
import { KafkaServer, Reader } from "../support/Kafka.ts"
import { Nodes } from "../support/Nodes.ts"
import { Receiver } from "../support/Receiver.ts"
import { waitUntil } from "../support/waitUntil.ts"

const secret = `whsec_${randomBytes(32).toString("base64")}`
const previous = randomBytes(20).toString("hex")

const environment = (kafka: KafkaServer, ...urls: ReadonlyArray<string>) => ({
  KAFKA_BROKERS: kafka.address,
  KAFKA_AUDIT: "off",
  WEBHOOK_URLS: urls.join(","),
  WEBHOOK_SECRET: secret,
  WEBHOOK_KEYS: "payment.*,svc",
  WEBHOOK_PRIVATE: "allowed",
  WEBHOOK_TIMEOUT: "2s"
})

/** Until all nodes know their receivers: what was committed before is not told. */
const introduced = (nodes: Nodes, count: number) =>
  waitUntil("the receivers to be known", async () => {
    await using session = await connect(nodes.database.url)
    return (await session.query("select 1 from webhook_targets")).length === count
  })

describe("webhooks", () => {
  it("WN1 WH2 changes of critical keys are posted once by whichever node, signed by both secrets", async () => {
    await using kafka = await KafkaServer.start()
    await using receiver = await Receiver.start(secret, previous)
    const env = { ...environment(kafka, `${receiver.url}/hook`), WEBHOOK_PREVIOUS_SECRET: previous }
    await using nodes = await Nodes.start({ count: 2, env })
    await introduced(nodes, 1)
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for (let i = 1; i <= 20; i++) {
      const key = ["payment.limits", "svc", "other", "payments"][i % 4]!
      assert.strictEqual((await nodes.servers[i % 2]!.publish(key, i, {}, { traceparent })).status, 200)
    }
    assert.strictEqual((await nodes.servers[0]!.call("DELETE", "/v1/config/svc?environment=production")).status, 200)
    await waitUntil("every webhook", () => receiver.hooks.length >= 11)
    await waitUntil("all to be settled", async () => {
      await using session = await connect(nodes.database.url)
      return (await session.query("select 1 from webhooks where state <> 'delivered'")).length === 0
    })

    assert.strictEqual(receiver.hooks.length, 11)
    for (const { id, headers, body, signedBy } of receiver.hooks) {
      assert.deepStrictEqual(signedBy, [0, 1])
      assert.notInclude(id, ".")
      assert.strictEqual(decodeURIComponent(id), body.id)
      assert.isBelow(Math.abs(Number(headers["webhook-timestamp"]) - Date.now() / 1_000), 300)
      assert.strictEqual(headers["content-type"], "application/json")
      const { epoch, revision, environment: where, key } = body.data
      assert.strictEqual(body.id, `${epoch}/${revision}/${where}/${key}`)
      assert.include(["payment.limits", "svc"], key)
      assert.deepInclude(body, { type: "config.updated", timestamp: body.data.timestamp })
      assert.isUndefined(body.data.value)
    }
    assert.strictEqual(new Set(receiver.hooks.map(({ id }) => id)).size, 11)
    assert.isTrue(receiver.hooks.some(({ body }) => body.data.deleted))
  })

  it("WH3 WS1 a receiver that is down gets everything when it is back; another one waits for nothing", async () => {
    await using kafka = await KafkaServer.start()
    await using well = await Receiver.start(secret)
    await using ill = await Receiver.start(secret)
    await using nodes = await Nodes.start({ count: 1, env: environment(kafka, well.url, ill.url) })
    await introduced(nodes, 2)
    await ill.down()
    for (let i = 1; i <= 10; i++) await nodes.servers[0]!.publish("svc", i)
    await waitUntil("the other's webhooks", () => well.hooks.length >= 10)
    await waitUntil("a try that failed", async () => {
      await using session = await connect(nodes.database.url)
      return (await session.query("select 1 from webhooks where problem <> ''")).length > 0
    })
    assert.strictEqual(ill.hooks.length, 0)
    await ill.up()
    await waitUntil("all of them", () => new Set(ill.hooks.map(({ id }) => id)).size >= 10)
    assert.isTrue(ill.hooks.every(({ signedBy }) => signedBy.length === 1))
    const said = nodes.servers[0]!.output.split("a receiver does not take webhooks").length - 1
    assert.strictEqual(said, 1) // WS4
    assert.notInclude(nodes.servers[0]!.output, secret)
  })

  it("WS3 GR4 what a receiver refuses is a dead letter, read by another client; put back, it is sent there again", async () => {
    await using kafka = await KafkaServer.start()
    await using receiver = await Receiver.start(secret)
    await using other = await Receiver.start(secret)
    receiver.answer = () => 410
    const nodesEnv = environment(kafka, `${receiver.url}/t0ken`, other.url)
    await using nodes = await Nodes.start({ count: 2, env: nodesEnv })
    await introduced(nodes, 2)
    await nodes.servers[0]!.publish("svc", "refused")
    await waitUntil("the dead letter", async () => {
      await using session = await connect(nodes.database.url)
      return (await session.query("select 1 from webhooks where state = 'dead'")).length === 1
    })
    assert.strictEqual(receiver.hooks.length, 1)

    installed("kcat", ["kcat"])
    const said = String(
      execFileSync("kcat", ["-b", kafka.address, "-C", "-t", "config.updates.dead", "-e", "-q", "-f", "%h|%k|%s\\n"])
    )
    assert.match(
      said,
      /ce_specversion=1.0,ce_id=[^,]+,.*dead_group=notification,dead_reason=receiver_refused,dead_why=it answered 410/
    )
    assert.match(
      said,
      /dead_partition=\d,dead_offset=\d+,dead_target=[0-9a-f]{64}\|svc\|\{"event_type":"config_update"/
    )
    assert.notInclude(said, "t0ken")

    // As docs/events.md says: the letter goes back as it is.
    receiver.answer = () => 200
    await using reader = await new Reader(kafka).start("config.updates.dead")
    const letter = await waitUntil("the letter", () => reader.messages[0])
    const producer = kafka.client.producer()
    await producer.connect()
    const { key, value, headers } = letter
    await producer.send({ topic: "config.updates", messages: [{ key, value: JSON.stringify(value), headers }] })
    await producer.disconnect()
    await waitUntil("the webhook", () => receiver.taken.length === 1)
    assert.strictEqual(receiver.hooks[0]!.id, receiver.hooks[1]!.id)
    assert.strictEqual(other.hooks.length, 1)
  })
})
