/** What other systems read in Kafka, with a real broker, real servers, and a reader that knows nothing of Herald's code. */
import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { installed } from "../support/installed.ts"
import { KafkaServer, Reader } from "../support/Kafka.ts"
import { Nodes } from "../support/Nodes.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

describe("events in Kafka", () => {
  it("KF1 commits and clients are told as CloudEvents, in order for each key, whichever node they are on", async () => {
    await using kafka = await KafkaServer.start()
    await using nodes = await Nodes.start({ count: 2, env: { KAFKA_BROKERS: kafka.address } })
    const [a, b] = [nodes.servers[0]!, nodes.servers[1]!]
    const subscriber = new Subscriber(b.grpc, { token: nodes.token, instance: "one" })
    for (let i = 1; i <= 30; i++)
      assert.strictEqual((await (i % 2 ? a : b).publish(`svc.${i % 3}`, i, {}, { traceparent })).status, 200)
    const flag = await a.call("PUT", "/v1/flags/checkout?environment=production", { value: { enabled: true } })
    assert.strictEqual(flag.status, 200)
    const topics = () => kafka.client.admin()
    await waitUntil("the topic", async () => {
      const admin = topics()
      await admin.connect()
      const found = (await admin.listTopics()).includes("config.updates")
      await admin.disconnect()
      return found
    })
    await using reader = await new Reader(kafka).start()
    await waitUntil("every commit", () => reader.of("config_update").length >= 30)
    await waitUntil("the flag", () => reader.of("flag_update").length >= 1)
    subscriber.close()
    await waitUntil("the client's end", () => reader.of("client_disconnect").length >= 1)

    const commits = reader.of("config_update")
    for (const [n, { key, value, headers }] of commits.entries()) {
      assert.deepInclude(value, { event_type: "config_update", service_name: "svc", instance_id: "", key })
      assert.deepInclude(headers, {
        ce_specversion: "1.0",
        ce_type: "config_update",
        "content-type": "application/json"
      })
      assert.strictEqual(headers["ce_id"], `${value["epoch"]}/${value["revision"]}/production/${key}`, String(n))
      assert.match(headers["traceparent"]!, /^00-0af7651916cd43dd8448eb211c80319c-/)
    }
    assert.strictEqual(new Set(commits.map(({ headers }) => headers["ce_id"])).size, 30)
    for (const key of ["svc.0", "svc.1", "svc.2"]) {
      const mine = commits.filter((commit) => commit.key === key)
      const versions = [...new Set(mine.map(({ value }) => Number(value["version"])))]
      assert.deepStrictEqual(
        versions,
        Array.from({ length: 10 }, (_, i) => i + 1)
      )
      assert.strictEqual(new Set(mine.map(({ partition }) => partition)).size, 1)
    }
    const { key, value, headers } = reader.of("flag_update")[0]!
    assert.deepInclude(value, { key: "checkout", version: 1, deleted: false, digest: flag.body.digest })
    assert.deepInclude(headers, { ce_type: "flag_update", ce_subject: "@flag/production/checkout" })
    assert.deepStrictEqual(
      [key, headers["ce_id"]],
      ["checkout", `${value["epoch"]}/${value["revision"]}/@flag/production/checkout`]
    )
    assert.deepInclude(reader.of("client_connect")[0]!.value, { service_name: "svc", instance_id: "one", node: "n2" })
    assert.deepInclude(reader.of("client_disconnect")[0]!.value, { service_name: "svc", instance_id: "one" })
    assert.strictEqual(reader.of("client_connect")[0]!.key, "svc")

    // A client that nobody here wrote.
    installed("kcat", ["kcat"])
    const format = "%h|%k|%s\\n"
    const said = execFileSync("kcat", ["-b", kafka.address, "-C", "-t", "config.updates", "-e", "-q", "-f", format])
    assert.include(String(said), "ce_specversion=1.0")
    assert.include(String(said), '"event_type":"config_update"')

    const admin = kafka.client.admin()
    await admin.connect()
    const { topics: found } = await admin.fetchTopicMetadata({ topics: ["config.updates"] })
    const config = await admin.describeConfigs({
      resources: [{ type: 2, name: "config.updates", configNames: ["retention.ms"] }],
      includeSynonyms: false
    })
    await admin.disconnect()
    assert.strictEqual(found[0]!.partitions.length, 10)
    assert.strictEqual(config.resources[0]!.configEntries[0]!.configValue, String(7 * 86_400_000))
  })

  it("KF3 the topic alone carries hints: NOTIFY off, no poll near, and after a restart of Kafka again", async () => {
    await using kafka = await KafkaServer.start()
    const env = { KAFKA_BROKERS: kafka.address, HINTS_NOTIFY: "off", POLL_INTERVAL: "10m" }
    await using nodes = await Nodes.start({ count: 2, env })
    const subscriber = new Subscriber(nodes.servers[1]!.grpc, { token: nodes.token })
    await nodes.servers[0]!.publish("svc", "1")
    await waitUntil("the change to come over Kafka", () => subscriber.held.get("svc")?.content === "1")
    await kafka.kill()
    assert.strictEqual((await nodes.servers[0]!.publish("svc", "2")).status, 200)
    await kafka.start()
    await waitUntil("what was committed meanwhile", () => subscriber.held.get("svc")?.content === "2")
    assert.deepStrictEqual(subscriber.backwards, [])
    subscriber.close()
  })
})
