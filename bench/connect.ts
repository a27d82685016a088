/** 1,000 clients connect at once to a server that has just started, so that nothing is in its memory: until the last has its snapshot. */
import { setTimeout as sleep } from "node:timers/promises"
import { Load } from "./load/Load.ts"
import { short } from "./support/Numbers.ts"
import { payload } from "./support/Payload.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const KEYS = 20
/** Milliseconds; the server adds up its counters once a second. */
const COUNTED = 1_500

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const clients = brief ? 200 : 1_000
  const newest: Record<string, number> = {}
  await using server = await new Server().start()
  const http = await server.connect()
  for (let n = 0; n < KEYS; n++) newest[`bench.${n}`] = await http.publish(`bench.${n}`, payload(0))
  http.close()
  const found = await repeat(runs, async () => {
    await server.stop()
    await server.start()
    await using load = new Load()
    await load.measure()
    const took = await load.connect({ grpc: server.grpc, token: server.token, service: "bench", keys: [], clients })
    const { wrong, cpu } = await load.report()
    const lost = await load.reached(newest)
    await sleep(COUNTED)
    return { took, reads: await server.metric("herald_cache_misses_total"), cpu, wrong: [...wrong, ...lost] }
  })
  return {
    rows: [
      {
        what: `${clients} clients connect at once, snapshot of ${KEYS} keys at the last`,
        reach: "≤ 3 s",
        unit: "s",
        values: found.map(({ took }) => took / 1_000)
      },
      {
        what: "… database reads a key",
        reach: "≤ 1",
        unit: "",
        values: found.map(({ reads }) => reads / KEYS)
      }
    ],
    notes: [`CPU of a core, load client: ${found.map(({ cpu }) => `${short(cpu * 100)} %`).join(", ")}`],
    wrong: found.flatMap(({ wrong }) => wrong)
  }
}

if (import.meta.main) await main("connect", measure)
