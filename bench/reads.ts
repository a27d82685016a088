/** Reads of one key over HTTP at 1,000/s, open loop: from this node's memory, and from PostgreSQL. */
import { short, spreadOf } from "./support/Numbers.ts"
import { nanos, openLoop } from "./support/Pace.ts"
import { payload } from "./support/Payload.ts"
import { cpuSeconds } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const PER_SECOND = 1_000
const CONNECTIONS = 32

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const seconds = brief ? 1 : 15
  const wrong: Array<string> = []
  await using server = await new Server().start()
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => server.connect()))
  const version = await connections[0]!.publish("bench", payload(0))
  const load = async (consistency: "cached" | "strong", lasting: number) => {
    const took: Array<number> = []
    const [own, its, start] = [process.cpuUsage(), cpuSeconds(server.pid), nanos()]
    await openLoop(PER_SECOND, PER_SECOND * lasting, async (n, at) => {
      const path = `/v1/config/bench?environment=production&consistency=${consistency}`
      const { status, body } = await connections[n % CONNECTIONS]!.request("GET", path)
      took.push((nanos() - at) / 1e6)
      if (status !== 200) wrong.push(`a ${consistency} read was answered ${status}: ${body}`)
      else if (!body.includes(`"version":${version},`)) wrong.push(`a ${consistency} read got another version: ${body}`)
    })
    const { user, system } = process.cpuUsage(own)
    const lasted = (nanos() - start) / 1e9
    return {
      ...spreadOf(took),
      rate: took.length / lasted,
      client: (user + system) / 1e6 / lasted,
      server: (cpuSeconds(server.pid) - its) / lasted
    }
  }
  const rows: Array<Report["rows"][number]> = []
  const notes: Array<string> = []
  for (const [consistency, from, reach] of [
    ["cached", "from memory", "< 5 ms"],
    ["strong", "from PostgreSQL", "< 50 ms"]
  ] as const) {
    await load(consistency, brief ? 1 : 3)
    const found = await repeat(runs, () => load(consistency, seconds))
    const what = `read of one key over HTTP, 1,000/s, ${from}`
    rows.push({ what: `${what}, p50`, reach: "", unit: "ms", values: found.map(({ p50 }) => p50) })
    rows.push({ what: `${what}, p95`, reach, unit: "ms", values: found.map(({ p95 }) => p95) })
    const all = (of: (run: (typeof found)[number]) => number) => found.map((run) => short(of(run))).join(", ")
    notes.push(
      `${from}: p99 ${all(({ p99 }) => p99)} ms; ${all(({ rate }) => rate)} reads/s; % of a core: server ${all(({ server }) => server * 100)}, client ${all(({ client }) => client * 100)}`
    )
  }
  for (const connection of connections) connection.close()
  return { rows, notes, wrong }
}

if (import.meta.main) await main("reads", measure)
