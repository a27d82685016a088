/** The alarm of a broken glass, with a real server, Kafka, PostgreSQL, and a receiver that knows nothing of Herald's code. */
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { connect } from "../support/Database.ts"
import { KafkaServer } from "../support/Kafka.ts"
import { Nodes } from "../support/Nodes.ts"
import { Receiver } from "../support/Receiver.ts"
import { waitUntil } from "../support/waitUntil.ts"

const secret = `whsec_${randomBytes(32).toString("base64")}`
const IN = "environment=production"

describe("a broken glass", () => {
  it("AQ8 WN1 is told to whoever is told of anything, of whatever key, and counted once; a glass is broken of nothing that nobody protects", async () => {
    await using kafka = await KafkaServer.start()
    await using receiver = await Receiver.start(secret)
    const env = {
      ...{ KAFKA_BROKERS: kafka.address, KAFKA_AUDIT: "off", WEBHOOK_SECRET: secret, WEBHOOK_PRIVATE: "allowed" },
      ...{ WEBHOOK_URLS: `${receiver.url}/hook`, WEBHOOK_KEYS: "critical" }
    }
    await using nodes = await Nodes.start({ count: 1, env })
    const [server] = nodes.servers
    await waitUntil("the receiver to be known", async () => {
      await using session = await connect(nodes.database.url)
      return (await session.query("select 1 from webhook_targets")).length === 1
    })
    const call = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
      const answer = await server!.call(method, path, body, headers)
      assert.isBelow(answer.status, 300, JSON.stringify(answer.body))
      return answer.body
    }
    await call("PUT", `/v1/protections/p?${IN}`, { keys: ["pay.*"], approvals: 1 })
    const glass = `breakGlass=${encodeURIComponent("the site is down")}`
    const once = { "idempotency-key": "once" }
    await call("PUT", `/v1/config/free?${IN}&${glass}`, { value: 1 })
    for (let n = 0; n < 2; n++) await call("PUT", `/v1/config/pay.limit?${IN}&${glass}`, { value: 1 }, once)
    await call("PUT", `/v1/config/critical?${IN}`, { value: 1 })
    await waitUntil("both to be told", () => receiver.taken.length >= 2)

    const [told, ...rest] = receiver.taken.toSorted((a, b) => a.body.data.revision - b.body.data.revision)
    assert.deepStrictEqual(told?.signedBy, [0])
    assert.strictEqual(told?.body.type, "access.break_glass")
    assert.deepInclude(told?.body.data, { environment: "production", about: ["pay.limit"] })
    assert.include(told?.text, "the site is down")
    assert.deepStrictEqual(
      rest.map(({ body }) => body.data.key),
      ["critical"]
    )
    const metrics = await server!.call("GET", "/metrics")
    assert.match(String(metrics.body), /^herald_break_glass_total(\{[^}]*\})? 1$/m)
  })
})
