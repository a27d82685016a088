/** Fault 17: nodes freeze, thaw, die, leave and join while the groups work. Every event has its effect once: audit entries exactly, webhooks by their id. */
import { assert, describe, it } from "@effect/vitest"
import { connect } from "../support/Database.ts"
import { KafkaServer, Reader } from "../support/Kafka.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { Receiver } from "../support/Receiver.ts"
import type { Server } from "../support/Server.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const ROUNDS = 12
const PUBLISHERS = 4
const SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
/** Posts of one node to one receiver that may be under way when it dies or freezes: WS2. */
const AT_ONCE = 8

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** What is done to a node, in turn. A freeze is longer than a session of the group every other time. */
const trouble: ReadonlyArray<(server: Server) => Promise<void>> = [
  async (server) => {
    server.process!.kill("SIGSTOP")
    await pause(4_000)
    server.process!.kill("SIGCONT")
  },
  async (server) => {
    await server.end("SIGKILL")
    await server.start()
  },
  async (server) => {
    server.process!.kill("SIGSTOP")
    await pause(14_000)
    server.process!.kill("SIGCONT")
  },
  async (server) => {
    await server.end("SIGTERM")
    await pause(1_000)
    await server.start()
  }
]

/** Until it is acked, by whichever node answers. */
const publish = async (nodes: Nodes, n: number): Promise<number> => {
  const path = `/v1/config/payment.k${n % 30}?environment=production`
  for (let at = n; ; at++) {
    const server = nodes.servers[at % nodes.servers.length]!
    const answer = await fetch(`${server.http}${path}`, {
      method: "PUT",
      headers: {
        authorization: `Bearer ${nodes.token}`,
        "content-type": "application/json",
        "idempotency-key": `storm ${n}`
      },
      body: JSON.stringify({ value: n, message: "storm" }),
      signal: AbortSignal.timeout(2_000)
    }).catch(() => undefined)
    if (answer?.ok === true) return Number(((await answer.json()) as { revision: string }).revision)
    if (answer !== undefined && answer.status < 500) throw new Error(await answer.text())
    await pause(50)
  }
}

const lagOf = async (kafka: KafkaServer, groups: ReadonlyArray<string>): Promise<bigint> => {
  const admin = kafka.client.admin()
  await admin.connect()
  try {
    let lag = 0n
    const ends = await admin.fetchTopicOffsets("config.updates")
    for (const groupId of groups) {
      const [commits] = await admin.fetchOffsets({ groupId, topics: ["config.updates"] })
      for (const { partition, high } of ends) {
        const offset = commits!.partitions.find((one) => one.partition === partition)?.offset ?? "-1"
        lag += BigInt(high) - (BigInt(offset) < 0n ? 0n : BigInt(offset))
      }
    }
    return lag
  } finally {
    await admin.disconnect()
  }
}

describe("fault 17: rebalance storm", () => {
  it("AU1 WN1 WS2 KG2 every event has its effect, none has two", async () => {
    await using kafka = await KafkaServer.start()
    await using receiver = await Receiver.start(SECRET)
    const env = {
      KAFKA_BROKERS: kafka.address,
      WEBHOOK_URLS: receiver.url,
      WEBHOOK_SECRET: SECRET,
      WEBHOOK_KEYS: "payment.*",
      WEBHOOK_PRIVATE: "allowed",
      WEBHOOK_TIMEOUT: "2s"
    }
    await using nodes = await Nodes.start({ count: 3, env })
    await using session = await connect(nodes.database.url)
    const count = async (what: string) =>
      Number((await session.query(`select count(*)::int as n from ${what}`))[0]!["n"])
    await waitUntil("the receiver to be known", async () => (await count("webhook_targets")) === 1)

    let stop = false
    let next = 0
    const acked: Array<number> = []
    const publishers = Array.from({ length: PUBLISHERS }, async () => {
      while (!stop) {
        acked.push(await publish(nodes, next++))
        await pause(100)
      }
    })
    const comers = Array.from({ length: 2 }, async (_, comer) => {
      for (let n = 0; !stop; n++) {
        const server = nodes.servers[(n + comer) % 3]!
        const subscriber = new Subscriber(server.grpc, { token: nodes.token, instance: `c${comer}-${n}` })
        await pause(150)
        subscriber.close()
      }
    })

    const busy = new Set<number>()
    const under: Array<Promise<void>> = []
    for (let round = 0; round < ROUNDS; round++) {
      const at = await waitUntil("a node to trouble", () =>
        busy.size >= 2
          ? undefined
          : [0, 1, 2]
              .map((i) => (round + i) % 3)
              .find((i) => !busy.has(i))
              ?.toString()
      )
      busy.add(Number(at))
      under.push(
        trouble[round % trouble.length]!(nodes.servers[Number(at)]!).finally(() => void busy.delete(Number(at)))
      )
      await pause(2_500)
    }
    await Promise.all(under)
    stop = true
    await Promise.all([...publishers, ...comers])
    const over = performance.now()
    await pause(2_000) // the nodes' last client events are on their way for a second
    await waitUntil(
      "both groups to have everything behind them",
      async () => {
        const { body } = await nodes.servers[0]!.call("GET", "/metrics")
        const depth = /^herald_outbox_depth(?:\{[^}]*\})? (\d+)/m.exec(String(body))?.[1]
        return depth === "0" && (await lagOf(kafka, ["audit", "notification"])) === 0n
      },
      60_000
    )
    const caughtUp = performance.now() - over
    await waitUntil("every webhook to be settled", async () => (await count("webhooks where settled_at is null")) === 0)
    const settled = performance.now() - over

    const history = await session.query(
      `select e.epoch || '/' || h.revision || '/' || h.environment || '/' || h.key as id, h.revision::int as revision
        from configuration_history h, herald_epoch e where h.key like 'payment.%'`
    )
    assert.strictEqual(history.length, acked.length) // nothing acked is lost, nothing is written twice
    assert.deepStrictEqual(new Set(history.map(({ revision }) => revision)), new Set(acked))

    const ids = receiver.taken.map(({ id }) => decodeURIComponent(id))
    assert.deepStrictEqual([...new Set(ids)].sort(), history.map(({ id }) => String(id)).sort())
    const bodies = new Map<string, string>()
    for (const { id, text, signedBy } of receiver.hooks) {
      assert.deepStrictEqual(signedBy, [0])
      assert.strictEqual(bodies.get(id) ?? text, text)
      bodies.set(id, text)
    }
    const twice = ids.length - new Set(ids).size
    assert.isAtMost(twice, AT_ONCE * ROUNDS)

    await using reader = await new Reader(kafka).start()
    const total = await (async () => {
      const admin = kafka.client.admin()
      await admin.connect()
      const ends = await admin.fetchTopicOffsets("config.updates")
      await admin.disconnect()
      return ends.reduce((sum, { high }) => sum + Number(high), 0)
    })()
    await waitUntil("the whole topic", () => reader.messages.length >= total)
    const told = reader.messages.filter(({ value }) => String(value["event_type"]).startsWith("client_"))
    const written = await session.query("select details->>'event' as id from audit_log where action like 'client.%'")
    assert.deepStrictEqual(
      written.map(({ id }) => String(id)).sort(),
      [...new Set(told.map(({ headers }) => headers["ce_id"]!))].sort()
    )
    assert.isAtLeast(written.length, 100)
    const { body } = await nodes.servers[0]!.call("GET", "/v1/audit/verify")
    assert.isTrue(body.ok)
    assert.strictEqual(
      await count("audit_log where action = 'publish' and config_id like 'production/payment.%'"),
      acked.length
    )

    measured(17, `rebalance storm, 3 nodes, ${ROUNDS} freezes, kills and restarts`, {
      "publishes acked, all kept once": acked.length,
      "client events, each in the audit log once": written.length,
      "client events published twice": told.length - written.length,
      "webhooks received": ids.length,
      [`webhooks received twice, with the same id (at most ${AT_ONCE} a death or freeze)`]: twice,
      "lag 0 after the storm": seconds(caughtUp),
      "every webhook settled after the storm": seconds(settled)
    })
  }, 300_000)
})
