/**
 * What it costs to be seen: 10,000 deliveries/s with StatsD, OTLP, Kafka (events and consumer groups) each on alone, and with all of them,
 * against a server with none. All variants in turn, so that what else the machine does falls on all alike.
 *
 *   BN1  Each client has the newest version of each key at the end, whatever is on.
 */
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { KafkaServer } from "../test/support/Kafka.ts"
import { OtlpReceiver } from "../test/support/Otlp.ts"
import { Load } from "./load/Load.ts"
import { median, short } from "./support/Numbers.ts"
import { openLoop } from "./support/Pace.ts"
import { payload } from "./support/Payload.ts"
import { cpuSeconds } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const KEYS = 20
const PER_SECOND = 10

const measureOnce = async (env: Readonly<Record<string, string>>, brief: boolean) => {
  const [clients, seconds] = brief ? [200, 2] : [1_000, 12]
  const wrong: Array<string> = []
  const newest: Record<string, number> = {}
  await using server = await new Server(env).start()
  const http = await server.connect()
  const publish = async (n: number, at: number) => {
    const key = `bench.${n % KEYS}`
    newest[key] = Math.max(newest[key] ?? 0, await http.publish(key, payload(at)))
  }
  for (let n = 0; n < KEYS; n++) await publish(n, 0)
  await using load = new Load()
  await load.connect({ grpc: server.grpc, token: server.token, service: "bench", keys: [], clients })
  await openLoop(PER_SECOND, PER_SECOND * (brief ? 1 : 5), publish)
  wrong.push(...(await load.reached(newest)))
  await load.measure()
  const cpu = cpuSeconds(server.pid)
  await openLoop(PER_SECOND, PER_SECOND * seconds, publish)
  const seen = await load.report()
  const spent = cpuSeconds(server.pid) - cpu
  wrong.push(...(await load.reached(newest)), ...seen.wrong) // BN1
  http.close()
  return { rate: seen.deliveries / seen.seconds, p99: seen.each.p99, each: (spent / seen.deliveries) * 1e6, wrong }
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const statsd = createSocket("udp4")
  let packets = 0
  statsd.on("message", () => packets++)
  statsd.bind(0, "127.0.0.1")
  await once(statsd, "listening")
  await using otlp = await OtlpReceiver.start()
  await using kafka = await KafkaServer.start()
  const settings = {
    StatsD: { STATSD_HOST: "127.0.0.1", STATSD_PORT: String(statsd.address().port) },
    OTLP: { OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url },
    Kafka: { KAFKA_BROKERS: kafka.address }
  }
  const variants = { none: {}, ...settings, all: { ...settings.StatsD, ...settings.OTLP, ...settings.Kafka } }
  const names = Object.keys(variants) as ReadonlyArray<keyof typeof variants>
  const rounds = await repeat(runs, async () => {
    const round: Partial<Record<string, Awaited<ReturnType<typeof measureOnce>>>> = {}
    for (const name of names) round[name] = await measureOnce(variants[name], brief)
    return round
  })
  statsd.close()
  const of = (name: string) => rounds.map((round) => round[name]!)
  const rows: Array<Report["rows"][number]> = []
  for (const name of names) {
    const what = `10,000 deliveries/s with ${name === "none" ? "nothing of it" : name === "all" ? "all of it" : name}`
    rows.push({ what, reach: "", unit: "/s", values: of(name).map(({ rate }) => rate) })
    rows.push({ what: "… server CPU a delivery", reach: "", unit: "µs", values: of(name).map(({ each }) => each) })
    if (name === "none") continue
    const more = of(name).map(({ each }, run) => 100 * (each / of("none")[run]!.each - 1))
    rows.push({ what: "… more than with nothing", reach: name === "all" ? "≤ 25 %" : "", unit: "%", values: more })
  }
  const received = `${packets} StatsD packets, ${otlp.requests} OTLP requests`
  return {
    rows,
    notes: [
      `p99 publish → applied, ms: ${names.map((name) => `${name} ${short(median(of(name).map(({ p99 }) => p99)))}`).join(", ")}`,
      `received: ${received}; the audit log is always on: it is part of a commit`
    ],
    wrong: names.flatMap((name) => of(name).flatMap(({ wrong }) => wrong))
  }
}

if (import.meta.main) await main("costs", measure)
