/**
 * A server under steady load for long: `node bench/soak.ts --minutes 10`. 200 clients, of which one leaves and a new one comes each second,
 * and 5 publishes/s. Prints what the server holds over time, and how fast that grows.
 *
 *   K1  Fails for an update that was lost, doubled or went backwards and for a stream that ended, never for a figure.
 *   K2  A slope is the least-squares line through all samples after the first fifth of the time, in which code is compiled and heaps grow.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { connect } from "../test/support/Database.ts"
import { Load } from "./load/Load.ts"
import { countable, descriptorsOf, leftOf } from "./support/Left.ts"
import { short, slope } from "./support/Numbers.ts"
import { openLoop } from "./support/Pace.ts"
import { payload } from "./support/Payload.ts"
import { residentBytes } from "./support/Process.ts"
import { main, type Options, type Report, readOptions } from "./support/Report.ts"
import { Server } from "./support/Server.ts"
import { table } from "./support/Table.ts"

const CLIENTS = 200
const PER_SECOND = 5
const KEYS = 10
const SAMPLES = 20
const MEBIBYTE = 2 ** 20
const TABLES = ["revisions", "configuration_history", "audit_log", "instances", "instance_keys", "deliveries"]

const options = readOptions({ minutes: "10" })
type SoakOptions = Options & { readonly own: { readonly minutes: string } }

const measure = async ({ short: brief, own }: SoakOptions): Promise<Report> => {
  const minutes = brief ? 0.25 : Number(own.minutes)
  if (!(minutes > 0)) throw new Error("--minutes: a number above 0")
  const seconds = Math.ceil(minutes * 60)
  await using server = await new Server().start(countable)
  await using database = await connect(server.database)
  await using load = new Load()
  const http = await server.connect()
  const newest: Record<string, number> = {}
  const wrong: Array<string> = []
  const publish = async (n: number, at: number) => {
    const key = `bench.${n % KEYS}`
    try {
      newest[key] = Math.max(newest[key] ?? 0, await http.publish(key, payload(at)))
    } catch (error) {
      wrong.push((error as Error).message)
    }
  }
  for (let n = 0; n < KEYS; n++) await publish(n, 0)
  const opening = { grpc: server.grpc, token: server.token, service: "bench", keys: [] }
  await load.connect({ ...opening, clients: CLIENTS })
  await load.measure()

  const count = TABLES.map((name) => `(select count(*) from ${name})::int as ${name}`).join(", ")
  const began = performance.now()
  const sample = async () => {
    const resident = residentBytes(server.pid) / MEBIBYTE
    const { heap, sessions } = await leftOf(server)
    const [rows] = await database.query(`select ${count}`)
    return {
      hours: (performance.now() - began) / 3_600_000,
      resident,
      heap: heap / MEBIBYTE,
      connected: await server.metric("herald_sessions"),
      sessions,
      descriptors: descriptorsOf(server.pid),
      rows: TABLES.map((name) => Number(rows![name]))
    }
  }
  const samples = [await sample()]
  const publishing = openLoop(PER_SECOND, PER_SECOND * seconds, publish)
  const every = Math.max(1, Math.round(seconds / SAMPLES))
  const p99: Array<number> = []
  let churned = 0
  for (let second = 1; second <= seconds; second++) {
    await sleep(Math.max(0, began + second * 1_000 - performance.now()))
    await load.leave()
    await load.connect({ ...opening, clients: 1 })
    churned++
    if (second % every !== 0) continue
    samples.push(await sample())
    // What was timed is let go, so that a long soak does not fill the load process.
    p99.push((await load.report()).each.p99)
    await load.measure()
  }
  await publishing
  wrong.push(...(await load.reached(newest)), ...(await load.report()).wrong)
  samples.push(await sample())
  http.close()

  const head = ["minute", "resident MB", "heap MB", "connected", "Session objects", "descriptors", ...TABLES]
  const lines = samples.map(({ hours, resident, heap, connected, sessions, descriptors, rows }) =>
    [(hours * 60).toFixed(1), resident.toFixed(1), heap.toFixed(1), connected, sessions, descriptors, ...rows].map(
      String
    )
  )
  process.stdout.write(`\n${table(head, lines, options.markdown)}\n`)
  const settled = samples.filter(({ hours }) => hours >= seconds / 5 / 3_600) // K2
  const last = samples.at(-1)!
  const row = (what: string, unit: string, value: number) => ({ what, reach: "", unit, values: [value] })
  return {
    rows: [
      row("resident memory", "MB/h", slope(settled.map(({ hours, resident }) => [hours, resident]))),
      row("heap after a collection", "MB/h", slope(settled.map(({ hours, heap }) => [hours, heap]))),
      row("resident memory at the end", "MB", last.resident),
      row("heap after a collection at the end", "MB", last.heap),
      row("Session objects at the end", "", last.sessions),
      row("descriptors at the end, less those at the start", "", last.descriptors - samples[0]!.descriptors),
      row(
        "publish → applied, p99 of each sample, the median",
        "ms",
        p99.sort((a, b) => a - b)[p99.length >> 1] ?? Number.NaN
      )
    ],
    notes: [
      `${short(minutes)} minutes, ${CLIENTS} clients, ${churned} came and went, ${PER_SECOND} publishes/s over ${KEYS} keys`,
      `rows at the end: ${TABLES.map((name, i) => `${name} ${last.rows[i]}`).join(", ")}`
    ],
    wrong
  }
}

if (import.meta.main) await main("soak", measure, options)
