/** Where the server's time goes under a load: `node bench/profile.ts propagation|publishes|calls|connect|reads [--markdown]`. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Load } from "./load/Load.ts"
import { propagate } from "./propagation.ts"
import { closedLoop, nanos, openLoop } from "./support/Pace.ts"
import { payload } from "./support/Payload.ts"
import { type CpuProfile, type Summary, summarize } from "./support/Profile.ts"
import { publish } from "./support/Publishing.ts"
import { Server } from "./support/Server.ts"
import { table } from "./support/Table.ts"
import { Unary } from "./support/Unary.ts"

const SECONDS = 10
const CLIENTS = 1_000

type Window = readonly [from: number, to: number]

const timed = async (work: () => Promise<unknown>): Promise<Window> => {
  const from = nanos()
  await work()
  return [from, nanos()]
}

const scenarios: Readonly<Record<string, (server: Server) => Promise<Window>>> = {
  propagation: async (server) => {
    await using load = new Load()
    const { grpc, token } = server
    await load.connect({ grpc, token, service: "bench", keys: ["bench"], clients: CLIENTS })
    await propagate(server, load, { seconds: 2, warmUp: 3 })
    return await timed(() => propagate(server, load, { seconds: SECONDS, warmUp: 0 }))
  },
  connect: async (server) => {
    const http = await server.connect()
    for (let n = 0; n < 20; n++) await http.publish(`bench.${n}`, payload(0))
    http.close()
    await using load = new Load()
    const { grpc, token } = server
    return await timed(() => load.connect({ grpc, token, service: "bench", keys: [], clients: CLIENTS }))
  },
  publishes: async (server) => {
    const all = await Promise.all(Array.from({ length: 64 }, () => server.connect()))
    const one = (worker: number, n: number) => all[worker]!.publish(`bench.${worker}.${n % 16}`, payload(0, 181))
    await closedLoop(all.length, 3, one)
    const window = await timed(() => closedLoop(all.length, SECONDS, one))
    for (const connection of all) connection.close()
    return window
  },
  calls: async (server) => {
    const all = Array.from({ length: 64 }, () => new Unary(server.grpc, server.token))
    const one = (worker: number, n: number) => publish(all[worker]!, `bench.${worker}.${n % 16}`, payload(0, 181))
    await closedLoop(all.length, 3, one)
    const window = await timed(() => closedLoop(all.length, SECONDS, one))
    for (const connection of all) connection.close()
    return window
  },
  reads: async (server) => {
    const all = await Promise.all(Array.from({ length: 32 }, () => server.connect()))
    await all[0]!.publish("bench", payload(0))
    const read = async (n: number) =>
      void (await all[n % 32]!.request("GET", "/v1/config/bench?environment=production&consistency=cached"))
    await openLoop(1_000, 3_000, read)
    const window = await timed(() => openLoop(1_000, 1_000 * SECONDS, read))
    for (const connection of all) connection.close()
    return window
  }
}

const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`

const print = (name: string, { busy, idle, packages, functions }: Summary, markdown: boolean): void => {
  const say = (text: string) => process.stdout.write(`${text}\n`)
  say(`\n${name}: the server's thread was busy ${percent(busy, busy + idle)} of the time; shares of that, self time\n`)
  const of = packages.slice(0, 14).map((share) => [share.name, percent(share.self, busy)])
  say(`${table(["package", "share"], of, markdown)}\n`)
  const top = functions.slice(0, 25).map((share) => [share.name, share.where, percent(share.self, busy)])
  say(`${table(["function", "where", "share"], top, markdown)}\n`)
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { markdown: { type: "boolean" } } })
const name = positionals[0] ?? "propagation"
const scenario = scenarios[name]
if (scenario === undefined) {
  process.stderr.write(`There is no load ${name}. Give one of ${Object.keys(scenarios).join(", ")}.\n`)
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), "herald-profile-"))
try {
  await using server = await new Server().start(["--cpu-prof", `--cpu-prof-dir=${folder}`])
  const { pid } = server
  const [from, to] = await scenario(server)
  await server.stop()
  // Worker threads have profiles of their own; the main thread's number is 0.
  const file = readdirSync(folder).find((found) => found.includes(`.${pid}.0.`))
  if (file === undefined) throw new Error(`the server left no profile in ${folder}`)
  const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile
  print(name, summarize(profile, from, to), values.markdown === true)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
