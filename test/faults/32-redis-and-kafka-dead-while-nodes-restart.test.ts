/** Fault 32: two at once. Redis and Kafka are both dead while three nodes restart one by one, under publishes. Nothing acked is lost, all is used again. */
import { assert, describe, it } from "@effect/vitest"
import type { HeraldClient } from "../../src/client/HeraldClient.ts"
import { KafkaServer, Reader } from "../support/Kafka.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { startRedis } from "../support/Redis.ts"
import type { Server } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CLIENTS = 60
const KEYS = Array.from({ length: 10 }, (_, i) => `svc.${i}`)
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

const readiness = async (server: Server): Promise<{ readonly status: number; readonly degraded: string }> => {
  const { status, body } = await server.call("GET", "/readyz")
  return { status, degraded: String(body.degraded) }
}

const sharedHits = async (server: Server): Promise<number> => {
  const text = await (await fetch(`${server.http}/metrics`)).text()
  return Number(/^herald_cache_hits_total\{[^}]*cache="shared"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0)
}

/** Publishes 1, 2, 3 … of every key in turn, at the next node when one does not answer; with its idempotency key it may. */
class Publisher {
  readonly acked = new Map<string, number>()
  readonly refused: Array<string> = []
  elsewhere = 0
  slowest = 0
  #stopped = false
  readonly #ended: Promise<void>

  constructor(nodes: Nodes) {
    this.#ended = this.#run(nodes)
  }

  get count(): number {
    return [...this.acked.values()].reduce((sum, n) => sum + n, 0)
  }

  async #run(nodes: Nodes): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const [key, value] = [KEYS[n % KEYS.length]!, Math.floor(n / KEYS.length) + 1]
      const began = performance.now()
      for (let at = n; ; at++) {
        const answer = await nodes.servers[at % 3]!.publish(
          key,
          value,
          {},
          { "idempotency-key": `${key} ${value}` }
        ).catch(() => undefined)
        if (answer?.status === 200) break
        if (answer !== undefined && answer.status < 500) this.refused.push(`${key} ${value}: ${answer.status}`)
        this.elsewhere++
        await pause(20)
      }
      this.slowest = Math.max(this.slowest, performance.now() - began)
      this.acked.set(key, value)
      await pause(20)
    }
  }

  stop(): Promise<void> {
    this.#stopped = true
    return this.#ended
  }
}

describe("fault 32: Redis and Kafka dead while nodes restart", () => {
  it("DG1 RC2 KF2 nodes start, serve and say what they lack; nothing acked is lost, and both are used again", async () => {
    await using redis = await startRedis()
    await using kafka = await KafkaServer.start()
    await using nodes = await Nodes.start({ count: 3, env: { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.address } })
    const [cache] = redis.nodes as [(typeof redis.nodes)[number]]
    const clients: Array<HeraldClient> = []
    const wrong: Array<string> = []
    for (const key of KEYS) assert.strictEqual((await nodes.servers[0]!.publish(key, 0)).status, 200)
    const publisher = new Publisher(nodes)
    try {
      for (let i = 0; i < CLIENTS; i++) {
        const client = await nodes.client(`i${i}`)
        const newest = new Map<string, number>()
        for (const key of KEYS)
          client.watch(key, {
            apply: (value) => {
              if (Number(value) < (newest.get(key) ?? 0)) wrong.push(`i${i}: ${key} went back to ${value}`)
              newest.set(key, Number(value))
            }
          })
        clients.push(client)
      }
      const haveAll = () =>
        clients.every(
          (client) => client.state === "live" && KEYS.every((key) => client.get(key) === publisher.acked.get(key))
        )
      await waitUntil("load", () => publisher.count >= 50)

      const died = performance.now()
      await Promise.all([cache.kill(), kafka.kill()])
      await waitUntil("every node to say what it lacks", async () =>
        (await Promise.all(nodes.servers.map(readiness))).every(({ degraded }) => degraded === "events,redis")
      )
      const named = performance.now() - died
      const starts: Array<number> = []
      for (const server of nodes.servers) {
        assert.strictEqual(await server.end("SIGTERM"), 0)
        const began = performance.now()
        await server.start()
        starts.push(performance.now() - began)
        await waitUntil("its readiness", async () => {
          const { status, degraded } = await readiness(server)
          return status === 200 && degraded === "events,redis"
        })
        const before = publisher.count
        await waitUntil("publishes to go on", () => publisher.count >= before + 20)
      }
      await publisher.stop()
      const stopped = performance.now()
      await waitUntil("all clients to have the newest, without Redis and Kafka", haveAll)
      const converged = performance.now() - stopped

      const back = performance.now()
      await Promise.all([cache.start(), kafka.start()])
      const serving = performance.now()
      await waitUntil("every node to lack nothing", async () =>
        (await Promise.all(nodes.servers.map(readiness))).every(({ degraded }) => degraded === "")
      )
      const healed = performance.now() - serving
      await using reader = await new Reader(kafka).start()
      const told = new Map<string, Array<number>>()
      const ids = new Set<string>()
      let seen = 0
      await waitUntil("every acked revision in Kafka", () => {
        for (; seen < reader.messages.length; seen++) {
          const { key, value, headers } = reader.messages[seen]!
          const id = headers["ce_id"]!
          if (value["event_type"] !== "config_update" || ids.has(id)) continue // published again: the same event
          ids.add(id)
          told.set(key, [...(told.get(key) ?? []), Number(value["version"])])
        }
        return ids.size >= publisher.count + KEYS.length
      })
      for (const key of KEYS) {
        const versions = Array.from({ length: publisher.acked.get(key)! + 1 }, (_, i) => i + 1)
        assert.deepStrictEqual(told.get(key), versions, `${key}: one version for each, in order`)
      }
      // A node with nothing in its own cache finds in Redis what was published since.
      for (const key of KEYS) {
        const { body } = await nodes.servers[1]!.publish(key, publisher.acked.get(key)! + 1)
        await waitUntil(`${key} in Redis`, async () => {
          const held = await cache.ask((one) => one.get(`config:version:${key}:production`))
          return held === String(body.version)
        })
      }
      await nodes.servers[0]!.end("SIGTERM")
      await nodes.servers[0]!.start()
      for (const key of KEYS) {
        const { body } = await nodes.servers[0]!.read(key)
        assert.strictEqual(Number(body.value), publisher.acked.get(key)! + 1)
      }
      await waitUntil("hits in Redis", async () => (await sharedHits(nodes.servers[0]!)) > 0)

      assert.deepStrictEqual([...wrong, ...publisher.refused], [])
      measured(32, `Redis and Kafka killed, three nodes restarted in turn, ${CLIENTS} SDK clients`, {
        "every node says what it lacks after": seconds(named),
        "start with both dead, slowest": seconds(Math.max(...starts)),
        "acked publishes": publisher.count,
        lost: 0,
        "asked another node": publisher.elsewhere,
        "slowest publish": seconds(publisher.slowest),
        "clients converged without both after": seconds(converged),
        "both serve again after": seconds(serving - back),
        "nothing lacks, outbox drained after": seconds(healed)
      })
    } finally {
      await publisher.stop()
      await Promise.all(clients.map((client) => client.close()))
    }
  }, 480_000)
})
