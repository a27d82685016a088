/**
 * What an idle client with a connection of its own costs the server: resident memory after a collection, with none, half and all of them.
 *
 *   BM1  The first clients also pay for code that is compiled and heaps that grow, so the slope between half and all is printed too.
 */
import { Load } from "./load/Load.ts"
import { short } from "./support/Numbers.ts"
import { payload } from "./support/Payload.ts"
import { residentBytes, settled } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { collectable, Server } from "./support/Server.ts"

const KIB = 1_024

/** `env`: settings of the server. */
export const measureOnce = async (clients: number, env: Readonly<Record<string, string>> = {}) => {
  await using server = await new Server(env).start(collectable)
  const http = await server.connect()
  await http.publish("bench", payload(0))
  http.close()
  const resident = () => {
    server.collectGarbage()
    return residentBytes(server.pid)
  }
  const none = await settled(resident)
  await using load = new Load()
  const connect = () =>
    load.connect({ grpc: server.grpc, token: server.token, service: "bench", keys: [], clients: clients / 2 })
  await connect()
  const half = await settled(resident)
  await connect()
  const all = await settled(resident)
  const { wrong } = await load.report()
  return {
    each: (all - none) / clients / KIB,
    slope: (all - half) / (clients / 2) / KIB,
    resident: [none, half, all].map((bytes) => short(bytes / KIB / KIB)).join(" → "),
    wrong
  }
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const clients = brief ? 200 : 1_000
  const found = await repeat(runs, () => measureOnce(clients))
  return {
    rows: [
      {
        what: `idle memory a client, 0 → ${clients} clients`,
        reach: "≤ 60 KB",
        unit: "KB",
        values: found.map(({ each }) => each)
      },
      { what: `… ${clients / 2} → ${clients} clients`, reach: "", unit: "KB", values: found.map(({ slope }) => slope) }
    ],
    notes: [`resident MiB with none, half and all of them: ${found.map(({ resident }) => resident).join("; ")}`],
    wrong: found.flatMap(({ wrong }) => wrong)
  }
}

if (import.meta.main) await main("memory", measure)
