/** Fault 16: Kafka is away while 100,000 revisions are committed. Publishes and deliveries go on; afterwards every event is there, in order. */
import { assert, describe, it } from "@effect/vitest"
import { commitMany } from "../support/commitMany.ts"
import { KafkaServer, Reader } from "../support/Kafka.ts"
import { measured, percentile, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { Subscriber } from "../support/Subscriber.ts"
import { waitUntil } from "../support/waitUntil.ts"

const ROWS = 100_000

const publishing = async (nodes: Nodes, from: number): Promise<ReadonlyArray<number>> => {
  const took: Array<number> = []
  for (let i = from; i < from + 100; i++) {
    const before = performance.now()
    assert.strictEqual((await nodes.servers[0]!.publish("svc", String(i))).status, 200)
    took.push(performance.now() - before)
  }
  return took
}

describe("fault 16: Kafka down", () => {
  it("KF2 loses nothing: the outbox holds, publishers and clients notice nothing", async () => {
    await using kafka = await KafkaServer.start()
    await using nodes = await Nodes.start({ count: 2, env: { KAFKA_BROKERS: kafka.address } })
    const subscriber = new Subscriber(nodes.servers[1]!.grpc, { token: nodes.token })
    const well = await publishing(nodes, 0)
    await kafka.kill()
    const away = await publishing(nodes, 100)
    await waitUntil("deliveries to go on", () => subscriber.held.get("svc")?.content === "199")
    await commitMany(nodes.database.url, ROWS)
    assert.strictEqual((await nodes.servers[0]!.publish("svc", "200")).status, 200)
    await waitUntil("deliveries to go on behind the bulk", () => subscriber.held.get("svc")?.content === "200")

    await kafka.start()
    const before = performance.now()
    await using reader = await new Reader(kafka).start()
    const wanted = ROWS + 201
    const ids = new Set<string>()
    let seen = 0
    await waitUntil(
      "every event",
      () => {
        for (; seen < reader.messages.length; seen++) {
          const { value, headers } = reader.messages[seen]!
          if (value["event_type"] === "config_update") ids.add(headers["ce_id"]!)
        }
        return ids.size >= wanted
      },
      110_000
    )
    const drained = performance.now() - before

    assert.strictEqual(ids.size, wanted)
    const newest = new Map<string, bigint>()
    const first = new Set<string>()
    for (const { key, value, headers } of reader.of("config_update")) {
      if (first.has(headers["ce_id"]!)) continue // published again: the same event
      first.add(headers["ce_id"]!)
      const revision = BigInt(String(value["revision"]))
      assert.isTrue(revision > (newest.get(key) ?? 0n), `${key} went back to ${revision}`)
      newest.set(key, revision)
    }
    measured(16, "Kafka down, 100,000 revisions", {
      "events lost": 0,
      "published twice": reader.of("config_update").length - wanted,
      "all in the topic after Kafka is back": seconds(drained),
      "publish p95 with Kafka / without": `${percentile(well, 0.95).toFixed(1)} / ${percentile(away, 0.95).toFixed(1)} ms`
    })
    subscriber.close()
  }, 240_000)
})
