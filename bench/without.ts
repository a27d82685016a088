/**
 * Memory of a server under load while something that it needs is dead or hangs: `node bench/without.ts --dead redis --how hang --minutes 10`.
 * `--dead` redis, kafka, postgres, collector, statsd or nothing; `--how` kill or hang. Afterwards it comes back, and every client must have the newest.
 */
import { startDatabase } from "../test/support/Database.ts"
import { KafkaServer } from "../test/support/Kafka.ts"
import { OtlpReceiver } from "../test/support/Otlp.ts"
import { startRedis } from "../test/support/Redis.ts"
import { TcpProxy } from "../test/support/TcpProxy.ts"
import { countable } from "./support/Left.ts"
import { short } from "./support/Numbers.ts"
import { main, type Options, type Report, readOptions } from "./support/Report.ts"
import { Server } from "./support/Server.ts"
import { type Sample, Steady, slopeOf } from "./support/Steady.ts"
import { table } from "./support/Table.ts"

/** All values together are more than the node's own cache may hold, so that it needs the others; without PostgreSQL it has them all. */
const WEIGHT = { clients: 50, publishesPerSecond: 5, readsPerSecond: 10, keys: 100, bytes: 20_000 }
const SMALL_CACHE = { CACHE_MAX_BYTES: "1048576" }
/** Seconds of load while all is well. */
const BEFORE = 60

type How = "kill" | "hang"

interface Dependency extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>
  readonly die: (how: How) => Promise<void>
  readonly back: () => Promise<void>
}

const redis = async (): Promise<Dependency> => {
  const started = await startRedis()
  const node = started.nodes[0]!
  let killed = false
  return {
    env: { REDIS_URL: started.url },
    die: async (how) => {
      killed = how === "kill"
      await (killed ? node.kill() : node.signal("SIGSTOP"))
    },
    back: async () => void (await (killed ? node.start() : node.signal("SIGCONT"))),
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]()
  }
}

const kafka = async (): Promise<Dependency> => {
  const server = await KafkaServer.start()
  let killed = false
  return {
    env: { KAFKA_BROKERS: server.address },
    die: async (how) => {
      killed = how === "kill"
      await (killed ? server.kill() : server.signal("SIGSTOP"))
    },
    back: async () => void (await (killed ? server.start() : server.signal("SIGCONT"))),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]()
  }
}

/** A proxy before it refuses, or takes and says nothing. */
const postgres = async (): Promise<Dependency> => {
  const database = await startDatabase()
  const proxy = new TcpProxy(database.port)
  const url = new URL(database.url)
  url.port = String(await proxy.listen())
  return {
    env: { DATABASE_URL: url.href, HERALD_PEPPER: "a pepper of the benchmark" },
    die: async (how) => {
      proxy.fault = how === "kill" ? "refuse" : "hold"
      if (how === "kill") proxy.cut()
    },
    back: async () => {
      proxy.fault = "none"
      proxy.cut()
    },
    [Symbol.asyncDispose]: async () => {
      proxy.fault = "none"
      await proxy[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    }
  }
}

const collector = async (): Promise<Dependency> => {
  const receiver = await OtlpReceiver.start()
  return {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
    die: async (how) => {
      receiver.mode = "hang"
      if (how === "kill") await receiver[Symbol.asyncDispose]()
    },
    back: async () => {},
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose]()
  }
}

const nobody = async (env: Readonly<Record<string, string>>): Promise<Dependency> => ({
  env,
  die: async () => {},
  back: async () => {},
  [Symbol.asyncDispose]: async () => {}
})

/** Nobody listens at StatsD's port from the beginning: over UDP there is no other way to be dead. */
const dependencies: Readonly<Record<string, () => Promise<Dependency>>> = {
  redis,
  kafka,
  postgres,
  collector,
  statsd: () => nobody({ STATSD_HOST: "127.0.0.1", STATSD_PORT: "9" }),
  nothing: () => nobody({})
}

const options = readOptions({ dead: "nothing", how: "kill", minutes: "10" })
const { dead, how, minutes } = options.own
const start = dependencies[dead]
if (start === undefined) throw new Error(`--dead: one of ${Object.keys(dependencies).join(", ")}`)
if (how !== "kill" && how !== "hang") throw new Error("--how: kill or hang")
if (!(Number(minutes) > 0)) throw new Error("--minutes: a number above 0")

const measure = async ({ short: brief }: Options): Promise<Report> => {
  await using dependency = await start()
  await using server = await new Server({ ...(dead === "postgres" ? {} : SMALL_CACHE), ...dependency.env }).start(
    countable
  )
  await using steady = await Steady.open(server, WEIGHT)
  await steady.run(brief ? 5 : BEFORE)
  const before = steady.failed
  steady.mayFail = dead === "postgres"
  await dependency.die(how)
  const samples = await steady.run(brief ? 15 : Math.ceil(Number(minutes) * 60))
  const failed = steady.failed - before
  await dependency.back()
  const wrong = await steady.wrong()

  const head = ["minute", "resident MB", "heap MB", "connected", "Session objects", "descriptors"]
  const line = ({ minutes: at, resident, heap, connected, sessions, descriptors }: Sample): ReadonlyArray<string> => [
    ...[at, resident, heap].map((n) => n.toFixed(1)),
    ...[connected, sessions, descriptors].map(String)
  ]
  process.stdout.write(`\n${table(head, samples.map(line), options.markdown)}\n`)
  const what = dead === "nothing" ? "with all it needs" : `${dead} ${how === "kill" ? "dead" : "hung"}`
  const row = (of: string, reach: string, unit: string, value: number) => ({ what: of, reach, unit, values: [value] })
  return {
    rows: [
      row(`${what}: resident memory`, "≤ 1 MB/min", "MB/min", slopeOf(samples, "resident")),
      row("… heap after a collection", "≤ 1 MB/min", "MB/min", slopeOf(samples, "heap")),
      row("… resident at the end", "", "MB", samples.at(-1)!.resident)
    ],
    notes: [
      `${brief ? 0.25 : minutes} minutes, ${WEIGHT.clients} clients, ${steady.churned} came and went, ${WEIGHT.publishesPerSecond} publishes/s and ${WEIGHT.readsPerSecond} reads/s over ${WEIGHT.keys} keys of ${WEIGHT.bytes / 1_000} kB`,
      `publishes acked ${short(steady.published)}, requests that failed meanwhile ${failed}, not sent because ${how === "hang" ? "it hung" : "answers were late"} ${steady.notSent}`
    ],
    wrong
  }
}

if (import.meta.main) await main(`without-${dead}-${how}`, measure, options)
