/**
 * A server under steady load for long: `node bench/soak.ts --minutes 10`. 200 clients, of which one leaves and a new one comes each second,
 * and 5 publishes/s. Prints what the server holds over time, and how fast that grows.
 *
 *   BY3  It fails for what Steady.ts calls wrong, and for what clients that went have left behind: a Session object of nobody, a
 *        descriptor more than pools explain, more than `LEAVES` of heap a client. Never for a figure that time decides.
 */
import { connect } from "../test/support/Database.ts"
import { countable } from "./support/Left.ts"
import { short } from "./support/Numbers.ts"
import { main, type Options, type Report, readOptions } from "./support/Report.ts"
import { Server } from "./support/Server.ts"
import { type Sample, Steady, slopeOf } from "./support/Steady.ts"
import { table } from "./support/Table.ts"

const WEIGHT = { clients: 200, publishesPerSecond: 5, readsPerSecond: 5, keys: 10, bytes: 120 }
/** BY3. A session that is kept, with its stream, is more than twice as much; in bytes. */
const LEAVES = 8_192
/** Connections to PostgreSQL that were not needed before, and clients on their way at the moment of a sample. */
const POOL = 30
const ON_THEIR_WAY = 5
const TABLES = ["revisions", "configuration_history", "audit_log", "instances", "instance_keys", "deliveries"]

const options = readOptions({ minutes: "10" })
type SoakOptions = Options & { readonly own: { readonly minutes: string } }

/** BY3 */
const leftBehind = (samples: ReadonlyArray<Sample>, churned: number): ReadonlyArray<string> => {
  const [first, last] = [samples[Math.floor(samples.length / 5)]!, samples.at(-1)!]
  const grown = (last.heap - first.heap) * 2 ** 20
  const left: Array<string> = []
  if (last.sessions > last.connected + ON_THEIR_WAY)
    left.push(`${last.sessions} Session objects for ${last.connected} clients`)
  if (last.descriptors > first.descriptors + POOL)
    left.push(`descriptors went from ${first.descriptors} to ${last.descriptors}`)
  if (grown > Math.max(churned, 100) * LEAVES) left.push(`the heap grew by ${Math.round(grown)} bytes`)
  return left
}

const measure = async ({ short: brief, own }: SoakOptions): Promise<Report> => {
  const minutes = brief ? 0.25 : Number(own.minutes)
  if (!(minutes > 0)) throw new Error("--minutes: a number above 0")
  await using server = await new Server().start(countable)
  await using database = await connect(server.database)
  await using steady = await Steady.open(server, WEIGHT)
  const count = TABLES.map((name) => `(select count(*) from ${name})::int as ${name}`).join(", ")
  const rows: Array<ReadonlyArray<number>> = []
  const samples = await steady.run(Math.ceil(minutes * 60), async () => {
    const [counted] = await database.query(`select ${count}`)
    rows.push(TABLES.map((name) => Number(counted![name])))
  })
  const [first, last] = [samples[0]!, samples.at(-1)!]
  const wrong = [...(await steady.wrong()), ...leftBehind(samples, steady.churned)]

  const head = ["minute", "resident MB", "heap MB", "connected", "Session objects", "descriptors", ...TABLES]
  const line = ({ minutes, resident, heap, connected, sessions, descriptors }: Sample, i: number) =>
    [
      ...[minutes, resident, heap].map((n) => n.toFixed(1)),
      ...[connected, sessions, descriptors, ...rows[i]!].map(String)
    ] as ReadonlyArray<string>
  process.stdout.write(`\n${table(head, samples.map(line), options.markdown)}\n`)
  const row = (what: string, unit: string, value: number) => ({ what, reach: "", unit, values: [value] })
  return {
    rows: [
      row("resident memory", "MB/h", slopeOf(samples, "resident") * 60),
      row("heap after a collection", "MB/h", slopeOf(samples, "heap") * 60),
      row("resident memory at the end", "MB", last.resident),
      row("heap after a collection at the end", "MB", last.heap),
      row("Session objects at the end", "", last.sessions),
      row("descriptors at the end, less those at the start", "", last.descriptors - first.descriptors),
      row("publish → applied, p99 of each sample, the median", "ms", steady.p99)
    ],
    notes: [
      `${short(minutes)} minutes, ${WEIGHT.clients} clients, ${steady.churned} came and went, ${WEIGHT.publishesPerSecond} publishes/s over ${WEIGHT.keys} keys`,
      `rows at the end: ${TABLES.map((name, i) => `${name} ${rows.at(-1)![i]}`).join(", ")}`
    ],
    wrong
  }
}

if (import.meta.main) await main("soak", measure, options)
