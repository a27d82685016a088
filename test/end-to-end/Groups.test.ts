/** The consumer groups with a real Kafka, real servers and a real PostgreSQL. */
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { clientEvent } from "../../src/outbox/Event.ts"
import { sealed } from "../../src/outbox/Sealed.ts"
import { connect, startNativeDatabase } from "../support/Database.ts"
import { installed } from "../support/installed.ts"
import { KafkaServer, Reader } from "../support/Kafka.ts"
import { Nodes } from "../support/Nodes.ts"
import { sealOf } from "../support/Seal.ts"
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

  it("GR2 a message that nobody can read is a dead letter with its reason, and what is behind it goes on", async () => {
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
    const seal = await sealOf(nodes.database.url)
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
        { key: "svc", value: JSON.stringify({ ...event, instance_id: "FORGED" }), headers }, // GR6
        {
          key: "svc",
          value: JSON.stringify(event),
          headers: { ...headers, ce_seal: seal.seal("event", `mine/1\n${JSON.stringify(event)}`) }
        }
      ]
    })
    await producer.disconnect()
    await waitUntil("the event behind it", async () =>
      (await clientsIn(nodes)).some(({ performedBy }) => performedBy === "client:svc/by hand")
    )
    assert.isFalse((await clientsIn(nodes)).some(({ performedBy }) => performedBy === "client:svc/FORGED"))

    installed("kcat", ["kcat"])
    const format = "%h|%k|%s\\n"
    const letters = ["-b", kafka.address, "-C", "-t", "config.updates.dead", "-e", "-q", "-f", format]
    const said = await waitUntil(
      "the letter",
      () => spawnSync("kcat", letters, { encoding: "utf8" }).stdout || undefined
    )
    assert.match(
      said,
      /ce_id=mine\/1,.*dead_group=audit,dead_reason=unreadable,.*dead_partition=\d,dead_offset=\d+\|svc\|\{ no JSON\n/
    )
    assert.match(said, /ce_id=mine\/1,.*dead_reason=forged,.*FORGED/)
    await using session = await connect(nodes.database.url)
    assert.deepStrictEqual(await session.query("select 1 from audit_log where details->>'event' = 'mine/1'"), [
      { "?column?": 1 }
    ])
  })

  it("KG3 AU1 PostgreSQL killed under the group: 10,000 client events are in the audit log once, publishers go on", async () => {
    const EVENTS = 10_000
    await using kafka = await KafkaServer.start()
    const database = await startNativeDatabase()
    const env = { KAFKA_BROKERS: kafka.address }
    await using nodes = await Nodes.start({ count: 2, env, database: async () => database })
    await nodes.servers[0]!.publish("svc", "0")
    await using reader = new Reader(kafka)
    await waitUntil("the topic", () =>
      reader.start().then(
        () => true,
        () => false
      )
    )
    const pidOf = () => Number(readFileSync(join(database.cluster, "postmaster.pid"), "utf8").split("\n")[0])
    const written = async () => {
      await using session = await connect(nodes.database.url)
      return Number(
        (await session.query("select count(*)::int as n from audit_log where action = 'client.timeout'"))[0]!["n"]
      )
    }
    const producer = kafka.client.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const seal = sealed(await sealOf(nodes.database.url))
    for (let from = 0; from < EVENTS; from += 500)
      await producer.send({
        topic: "config.updates",
        messages: Array.from({ length: 500 }, (_, i) => {
          const service = `svc${(from + i) % 20}`
          const event = seal(
            clientEvent(`storm/${from + i}`, "n9", {
              type: "client_timeout",
              environment: "production",
              service,
              instance: `i${from + i}`,
              reason: "SessionTimedOut",
              at: 0
            })
          )
          return { key: event.key, value: event.body, headers: { ...event.headers } }
        })
      })
    await producer.disconnect()
    let killed = 0
    for (let n = 0; n < EVENTS; ) {
      n = await written().catch(() => n)
      if (killed < 2 && n > killed * 3_000) {
        const pid = pidOf()
        process.kill(pid, "SIGKILL")
        killed++
        await waitUntil("another postmaster", () => {
          try {
            return pidOf() !== pid
          } catch {
            return false
          }
        })
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }

    assert.strictEqual(killed, 2)
    await using session = await connect(nodes.database.url)
    const [row] = await session.query(
      "select count(*)::int as n, count(distinct details->>'event')::int as ids from audit_log where action = 'client.timeout'"
    )
    assert.deepStrictEqual(row, { n: EVENTS, ids: EVENTS })
    assert.strictEqual((await nodes.servers[0]!.publish("svc", "1")).status, 200)
    const { body } = await nodes.servers[0]!.call("GET", "/v1/audit/verify")
    assert.isTrue(body.ok)
    const dead = execFileSync("kcat", ["-b", kafka.address, "-L", "-J"], { encoding: "utf8" })
    assert.notInclude(dead, "config.updates.dead") // an outage buries nothing
  })
})
