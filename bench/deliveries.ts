/**
 * How many deliveries a second it sustains with every answer kept: 1,000 clients, 20 keys, 12,000 deliveries/s offered, for a minute.
 *
 *   BD1  Nothing is lost: each client has the newest version of each key, and the rows of `deliveries` say so for every version.
 */

import { connect } from "../test/support/Database.ts"
import { Load } from "./load/Load.ts"
import { short } from "./support/Numbers.ts"
import { openLoop } from "./support/Pace.ts"
import { payload } from "./support/Payload.ts"
import { cpuSeconds, residentBytes, settled, until } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { collectable, Server } from "./support/Server.ts"

const KEYS = 20
const PER_SECOND = 12
const MIB = 2 ** 20

const measureOnce = async (brief: boolean, run: number) => {
  const clients = brief ? 200 : 1_000
  const seconds = brief ? 3 : 60
  const wrong: Array<string> = []
  await using server = await new Server().start(collectable)
  const http = await server.connect()
  const newest: Record<string, number> = {}
  const publish = async (n: number, at: number) => {
    const key = `bench.${n % KEYS}`
    try {
      newest[key] = Math.max(newest[key] ?? 0, await http.publish(key, payload(at)))
    } catch (error) {
      wrong.push((error as Error).message)
    }
  }
  for (let n = 0; n < KEYS; n++) await publish(n, 0)
  await using load = new Load()
  await load.connect({ grpc: server.grpc, token: server.token, service: "bench", keys: [], clients })
  await openLoop(PER_SECOND, PER_SECOND * (brief ? 1 : 10), publish)
  wrong.push(...(await load.reached(newest)))
  await using database = await connect(server.database)
  const kept = async () =>
    Number((await database.query("select count(*) as n from deliveries where state = 'applied'"))[0]!["n"])

  const inUse = async () => {
    const collected = await settled(
      () => {
        server.collectGarbage()
        return residentBytes(server.pid)
      },
      brief ? 1 : 5
    )
    return collected / MIB
  }
  const first = await inUse()
  await load.measure()
  const [cpu, written] = [cpuSeconds(server.pid), await kept()]
  const half = Math.floor((PER_SECOND * seconds) / 2)
  await openLoop(PER_SECOND, half, publish)
  const middle = residentBytes(server.pid) / MIB
  await openLoop(PER_SECOND, PER_SECOND * seconds - half, publish)
  const seen = await load.report()
  wrong.push(...(await load.reached(newest)))
  const { skipped } = await load.report()
  const after = cpuSeconds(server.pid)

  // BD1. A client got every version, the first of each key with its snapshot, but those that it skipped.
  const versions = Object.values(newest).reduce((sum, version) => sum + version, 0)
  const expected = clients * versions - skipped
  try {
    await until("every answer in the database", async () => ((await kept()) >= expected ? true : undefined), 15_000)
  } catch {
    wrong.push(`${expected} deliveries were answered, ${await kept()} are recorded (run ${run + 1})`)
  }
  wrong.push(...(await lagging(server, clients)))
  const last = await inUse()
  http.close()
  return {
    rate: seen.deliveries / seen.seconds,
    p99: seen.each.p99,
    rows: (await kept()) - written,
    memory: [first, middle, last] as const,
    server: (after - cpu) / seen.seconds,
    load: seen.cpu,
    skipped,
    wrong: [...wrong, ...seen.wrong]
  }
}

interface ClientRow {
  readonly keys: ReadonlyArray<{
    readonly desired: { readonly version: number } | null
    readonly applied: { readonly version: number } | null
  }>
}

/** What the operator would see: who hasn't applied what is desired. */
const lagging = async (server: Server, clients: number): Promise<ReadonlyArray<string>> => {
  const http = await server.connect()
  const rows: Array<ClientRow> = []
  for (let after: string | null = ""; after !== null; ) {
    const query = `environment=production&service=bench&limit=1000${after === "" ? "" : `&after=${encodeURIComponent(after)}`}`
    const { status, body } = await http.request("GET", `/v1/clients?${query}`)
    if (status !== 200) return [`GET /v1/clients was answered ${status}: ${body}`]
    const page = JSON.parse(body) as { readonly clients: ReadonlyArray<ClientRow>; readonly next: string | null }
    rows.push(...page.clients)
    after = page.next
  }
  http.close()
  const behind = rows.filter(({ keys }) => keys.some(({ desired, applied }) => desired?.version !== applied?.version))
  const wrong = behind.length === 0 ? [] : [`GET /v1/clients shows ${behind.length} clients that are behind`]
  return rows.length === clients ? wrong : [...wrong, `GET /v1/clients shows ${rows.length} clients, not ${clients}`]
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const found = await repeat(runs, (run) => measureOnce(brief, run))
  const all = (of: (run: (typeof found)[number]) => string) => found.map(of).join(", ")
  return {
    rows: [
      {
        what: `deliveries with acks and rows kept, ${brief ? "3 s" : "60 s"}`,
        reach: "≥ 10,000/s, none lost",
        unit: "/s",
        values: found.map(({ rate }) => rate)
      },
      {
        what: "… publish → applied meanwhile, p99",
        reach: "",
        unit: "ms",
        values: found.map(({ p99 }) => p99)
      },
      {
        what: "… the server's memory, end minus start",
        reach: "flat",
        unit: "MiB",
        values: found.map(({ memory }) => memory[2] - memory[0])
      }
    ],
    notes: [
      `resident MiB of the server at start (collected), middle, end (collected): ${all(({ memory }) => memory.map(short).join(" → "))}`,
      `rows of deliveries written meanwhile: ${all(({ rows }) => short(rows))}; versions conflated for a slow client: ${all(({ skipped }) => String(skipped))}`,
      `CPU of a core: server ${all(({ server }) => `${short(server * 100)} %`)}; load client ${all(({ load }) => `${short(load * 100)} %`)}`
    ],
    wrong: found.flatMap(({ wrong }) => wrong)
  }
}

if (import.meta.main) await main("deliveries", measure)
