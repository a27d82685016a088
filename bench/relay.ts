/** How fast the relay publishes: 100,000 revisions wait in PostgreSQL, then a node with Kafka starts. */
import { commitMany } from "../test/support/commitMany.ts"
import { KafkaServer } from "../test/support/Kafka.ts"
import { short } from "./support/Numbers.ts"
import { cpuSeconds, until } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const TOPIC = "config.updates"

const measureOnce = async (rows: number) => {
  await using kafka = await KafkaServer.start()
  await using server = await new Server({ KAFKA_BROKERS: kafka.address }).start()
  const admin = kafka.client.admin()
  await admin.connect()
  try {
    const published = async () => {
      try {
        return (await admin.fetchTopicOffsets(TOPIC)).reduce((sum, { high }) => sum + Number(high), 0)
      } catch {
        return 0 // not made yet
      }
    }
    const http = await server.connect()
    await http.publish("bench", "1")
    http.close()
    await until("the first event", async () => ((await published()) > 0 ? true : undefined))
    const before = await published()
    await kafka.kill()
    await commitMany(server.database, rows)
    await kafka.start()
    const [from, cpu] = [performance.now(), cpuSeconds(server.pid)]
    const first = await until("the relay to go on", async () => {
      const count = await published()
      return count > before ? { at: performance.now(), count } : undefined
    })
    await until("every event", async () => ((await published()) >= before + rows ? true : undefined), 120_000)
    const to = performance.now()
    return {
      drained: (to - from) / 1_000,
      rate: (before + rows - first.count) / ((to - first.at) / 1_000),
      cpu: ((cpuSeconds(server.pid) - cpu) / rows) * 1e6,
      surplus: (await published()) - before - rows
    }
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const rows = brief ? 5_000 : 100_000
  const found = await repeat(runs, () => measureOnce(rows))
  const all = (of: (run: (typeof found)[number]) => number) => found.map((run) => short(of(run))).join(", ")
  return {
    rows: [
      {
        what: `outbox relay, ${rows} waiting revisions`,
        reach: "≥ 10,000/s",
        unit: "/s",
        values: found.map(({ rate }) => rate)
      },
      {
        what: "… from Kafka's return until all are in the topic",
        reach: "≤ 30 s",
        unit: "s",
        values: found.map(({ drained }) => drained)
      }
    ],
    notes: [
      `server CPU an event: ${all(({ cpu }) => cpu)} µs; events published twice (the same ce_id): ${all(({ surplus }) => surplus)}`
    ],
    wrong: []
  }
}

if (import.meta.main) await main("relay", measure)
