/** The consumer groups with a real Kafka, real servers and a real PostgreSQL. */
import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { connect } from "../support/Database.ts"
import { installed } from "../support/installed.ts"
import { KafkaServer, Reader } from "../support/Kafka.ts"
import { Nodes } from "../support/Nodes.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const clientsIn = async (nodes: Nodes) => {
  const { body } = await nodes.servers[0]!.call("GET", "/v1/audit?limit=1000")
  return (body.entries as ReadonlyArray<{ action: string; configId: string; performedBy: string; details: object }>)
    .filter(({ action }) => action.startsWith("client."))
    .reverse()
}

describe("consumer groups", () => {
  it("AU1 clients that come and go are in the audit log once, and its chain verifies", async () => {
    await using kafka = await KafkaServer.start()
    await using nodes = await Nodes.start({ count: 2, env: { KAFKA_BROKERS: kafka.address } })
    const subscriber = new Subscriber(nodes.servers[1]!.grpc, { token: nodes.token, instance: "one" })
    await nodes.servers[0]!.publish("svc", "1")
    await waitUntil("the value", () => subscriber.content("svc") === "1")
    subscriber.close()

    const entries = await waitUntil("both entries", async () => {
      const found = await clientsIn(nodes)
      return found.length >= 2 && found
    })
    assert.deepStrictEqual(
      entries.map(({ action, configId, performedBy }) => [action, configId, performedBy]),
      [
        ["client.connect", "production/svc", "client:svc/one"],
        ["client.disconnect", "production/svc", "client:svc/one"]
      ]
    )
    assert.deepInclude(entries[0]!.details, { node: "n2", reason: "" })
    const { body } = await nodes.servers[0]!.call("GET", "/v1/audit/verify")
    assert.isTrue(body.ok)
  })

  it("GR2 GR4 a message that nobody can read is a dead letter with its reason, and what is behind it goes on", async () => {
    await using kafka = await KafkaServer.start()
    await using nodes = await Nodes.start({ count: 1, env: { KAFKA_BROKERS: kafka.address } })
    await nodes.servers[0]!.publish("svc", "1")
    await using reader = new Reader(kafka)
    await waitUntil("the topic", () =>
      reader.start().then(
        () => true,
        () => false
      )
    )
    const producer = kafka.client.producer()
    await producer.connect()
    const headers = { ce_id: "mine/1", ce_type: "client_connect" }
    const event = {
      event_type: "client_connect",
      service_name: "svc",
      instance_id: "by hand",
      version: null,
      timestamp: "2026-01-01T00:00:00.000Z",
      environment: "production",
      node: "n9",
      reason: ""
    }
    await producer.send({
      topic: "config.updates",
      messages: [
        { key: "svc", value: "{ no JSON", headers },
        { key: "svc", value: JSON.stringify(event), headers }
      ]
    })
    await producer.disconnect()
    await waitUntil("the event behind it", async () =>
      (await clientsIn(nodes)).some(({ performedBy }) => performedBy === "client:svc/by hand")
    )

    installed("kcat", ["kcat"])
    const format = "%h|%k|%s\\n"
    const said = execFileSync("kcat", [
      "-b",
      kafka.address,
      "-C",
      "-t",
      "config.updates.dead",
      "-e",
      "-q",
      "-f",
      format
    ])
    assert.match(
      String(said),
      /ce_id=mine\/1,.*dead_group=audit,dead_reason=unreadable,.*dead_partition=\d,dead_offset=\d+\|svc\|\{ no JSON\n$/
    )
    await using session = await connect(nodes.database.url)
    assert.deepStrictEqual(await session.query("select 1 from audit_log where details->>'event' = 'mine/1'"), [
      { "?column?": 1 }
    ])
  })
})
