/**
 * From a publish at one node to the value at clients of another, against clients of the same node:
 * `node bench/nodes.ts --lane notify|redis|kafka|none`. One lane alone carries it; with none it is the poll.
 */
import { KafkaServer } from "../test/support/Kafka.ts"
import { Nodes } from "../test/support/Nodes.ts"
import { startRedis } from "../test/support/Redis.ts"
import { Load } from "./load/Load.ts"
import { propagate } from "./propagation.ts"
import { Http } from "./support/Http.ts"
import { short } from "./support/Numbers.ts"
import { main, type Options, type Report, readOptions, repeat } from "./support/Report.ts"

const KEY = "bench"
const LANES = {
  notify: { called: "NOTIFY", reach: { 100: "< 25 ms", 1000: "< 150 ms" } },
  redis: { called: "Redis", reach: { 100: "< 25 ms", 1000: "< 150 ms" } },
  kafka: { called: "Kafka", reach: { 100: "< 25 ms", 1000: "< 150 ms" } },
  none: { called: "the poll", reach: { 100: "", 1000: "" } }
} as const
type Lane = keyof typeof LANES

const options = readOptions({ lane: "notify" })
const isLane = (name: string): name is Lane => name in LANES
const lane = options.own.lane
if (!isLane(lane)) throw new Error(`--lane: one of ${Object.keys(LANES).join(", ")}`)

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  await using redis = lane === "redis" ? await startRedis() : undefined
  await using kafka = lane === "kafka" ? await KafkaServer.start() : undefined
  const env = {
    LOG_LEVEL: "warn",
    ...(lane === "notify" ? {} : { HINTS_NOTIFY: "off" }),
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    ...(kafka === undefined ? {} : { KAFKA_BROKERS: kafka.address })
  }
  await using nodes = await Nodes.start({ count: 2, env })
  const [one, other] = [nodes.servers[0]!, nodes.servers[1]!]
  const publisher = { connect: () => Http.connect(one.http, nodes.token), pid: one.pid }
  const lasting = brief ? { seconds: 2, warmUp: 1 } : { seconds: 10, warmUp: 3 }
  const at = async ({ grpc }: typeof one, clients: number) => {
    await using load = new Load()
    await load.connect({ service: KEY, keys: [KEY], clients, grpc, token: nodes.token })
    return await propagate(publisher, load, lasting)
  }
  const { called, reach } = LANES[lane]
  const rows: Array<Report["rows"][number]> = []
  const wrong: Array<string> = []
  const notes = ["both nodes, the database and the load share this machine"]
  for (const clients of [100, 1_000] as const) {
    // In turns, so that what else the machine does falls on both alike.
    const pairs = await repeat(runs, async () => ({ same: await at(one, clients), another: await at(other, clients) }))
    for (const which of ["same", "another"] as const) {
      const where = which === "same" ? "the same node" : `another node, ${called}`
      const what = `publish → applied at ${clients} clients of ${where}`
      const seen = pairs.map((pair) => pair[which])
      const aim = which === "same" ? "" : reach[clients]
      rows.push({ what: `${what}, p50`, reach: "", unit: "ms", values: seen.map(({ each }) => each.p50) })
      rows.push({ what: `${what}, p99`, reach: aim, unit: "ms", values: seen.map(({ each }) => each.p99) })
      notes.push(
        `${what}: the publisher had its answer after, p50: ${seen.map((run) => short(run.answered.p50)).join(", ")} ms`
      )
      wrong.push(...seen.flatMap((run) => run.wrong))
    }
  }
  return { rows, notes, wrong }
}

if (import.meta.main) await main(`nodes-${lane}`, measure, options)
