/** From the command to the first 200 of /readyz, embedded PostgreSQL included, when the data folder is there already. */
import { setTimeout as sleep } from "node:timers/promises"
import { payload } from "./support/Payload.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const PATIENCE = 60_000

const untilReady = async (server: Server): Promise<number> => {
  const start = performance.now()
  server.launch()
  while (performance.now() - start < PATIENCE) {
    const ready = await fetch(`${server.http}/readyz`).then(
      ({ status }) => status === 200,
      () => false
    )
    if (ready) return performance.now() - start
    await sleep(5)
  }
  throw new Error(`the server wasn't ready after ${PATIENCE / 1_000} s`)
}

const measure = async ({ runs }: Options): Promise<Report> => {
  await using server = new Server()
  const before = performance.now()
  await server.start()
  const first = performance.now() - before
  const http = await server.connect()
  for (let n = 0; n < 20; n++) await http.publish(`bench.${n}`, payload(0))
  http.close()
  const values = await repeat(runs, async () => {
    await server.stop()
    return (await untilReady(server)) / 1_000
  })
  return {
    rows: [
      { what: "start to serving, after the first start", reach: "≤ 3 s", unit: "s", values },
      { what: "the first start, a new database made", reach: "", unit: "s", values: [first / 1_000] }
    ],
    notes: [],
    wrong: []
  }
}

if (import.meta.main) await main("start", measure)
