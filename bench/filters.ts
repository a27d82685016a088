/**
 * What filters of topics cost, in CPU time of one thread: reading a filter, reading fields of an event, one filter, a hundred and a hundred thousand of
 * them. No server.
 *
 *   node --expose-gc bench/filters.ts        half a minute; --short: a few seconds
 */
import { Result } from "effect"
import { filterOf } from "../src/filters/Filter.ts"
import { type FilteredEvent, Filters } from "../src/filters/Filters.ts"
import { JsonFields } from "../src/filters/JsonFields.ts"
import { projectionOf } from "../src/filters/Projection.ts"
import { UNDECLARED, type Variables, variablesOf } from "../src/filters/Variables.ts"
import { wantedOf } from "../src/filters/Wanted.ts"
import { main, type Options, type Report, type Row, repeat } from "./support/Report.ts"

const declared = variablesOf({
  properties: {
    symbol: { type: "string" },
    exchange: { type: "string" },
    price: { type: "number" },
    size: { type: "integer" }
  }
})

const SYMBOLS = 10_000
const EXCHANGES = ["NASDAQ", "NYSE", "BATS", "ARCA", "IEX"]

/** Of about 120 bytes; `more`: bytes of text beside. */
const tick = (n: number, more = 0): FilteredEvent => ({
  topic: "trades",
  partition: n % 8,
  offset: BigInt(n),
  key: `S${n % SYMBOLS}`,
  headers: new Map(),
  publishedAt: 1_764_235_800_000 + n,
  payload: Buffer.from(
    JSON.stringify({
      id: `${(n * 7_919) % 1_000_003}`,
      symbol: `S${n % SYMBOLS}`,
      exchange: EXCHANGES[n % EXCHANGES.length],
      price: 100 + ((n * 37) % 1_000) / 100,
      size: 1 + (n % 500),
      ts_event: 1_764_235_800_000_000 + n,
      ...(more > 0 ? { text: 'it said "no" \\o/ '.repeat(more / 17) } : {})
    })
  )
})
const ticksOf = (more?: number) => Array.from({ length: 4_096 }, (_, n) => tick(n * 31, more))

/** Nanoseconds of CPU that a call takes, of one thread and what it has collected. */
const nanosOf = (calls: number, call: (n: number) => void): number => {
  for (let n = 0; n < Math.min(calls, 20_000); n++) call(n)
  const before = process.cpuUsage()
  for (let n = 0; n < calls; n++) call(n)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1_000) / calls
}

const holding = (variables: Variables, texts: Iterable<string>, bytes = 1_000_000_000): Filters => {
  const filters = new Filters(variables, { entries: 1_000_000, bytes })
  for (const text of texts)
    Result.getOrThrowWith(filters.hold(text), (why) => new Error(`${text}: ${JSON.stringify(why)}`))
  return filters
}
const numbered = (count: number, text: (n: number) => string) => Array.from({ length: count }, (_, n) => text(n))

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const wrong: Array<string> = []
  const rows: Array<Row> = []
  const calls = short ? 20_000 : 400_000
  const add = async (what: string, reach: string, unit: string, figure: () => number) => {
    rows.push({ what, reach, unit, values: await repeat(runs, async () => figure()) })
  }
  const ticks = ticksOf()
  const at = (n: number) => ticks[n % ticks.length]!

  const texts = numbered(55, (n) => `price > ${n} && exchange == "X${n}" && size < ${n * 2}`)
  for (const [name, variables] of [
    ["schema", declared],
    ["no schema", UNDECLARED]
  ] as const)
    await add(
      `reading a filter of 11 parts, ${name}`,
      "",
      "µs",
      () => nanosOf(calls / 20, (n) => void filterOf(texts[n % texts.length]!, variables)) / 1_000
    )

  const wanted = new Map(["price", "exchange"].map((name) => [name, { ...wantedOf("dyn"), whole: true }]))
  for (const [size, more] of [
    ["120 B", 0],
    ["1 KB", 900],
    ["10 KB", 9_900]
  ] as const) {
    const events = more === 0 ? ticks : ticksOf(more).slice(0, 256)
    const parsed = events.map(({ payload }) => payload as Buffer)
    const fields = new JsonFields(wanted)
    const many = more === 0 ? calls : calls / 10
    await add(`two fields from the bytes of ${size}`, "", "ns", () =>
      nanosOf(many, (n) => {
        if (!fields.read(parsed[n % parsed.length]!)) wrong.push("an event was not read")
      })
    )
    await add(`for comparison: JSON.parse of ${size}`, "", "ns", () =>
      nanosOf(many, (n) => {
        if (JSON.parse(parsed[n % parsed.length]!.toString()).price === 0) wrong.push("an event was not read")
      })
    )
    const projection = Result.getOrThrow(projectionOf(["price", "exchange"]))
    await add(`projection to two fields of ${size}`, "", "ns", () =>
      nanosOf(many, (n) => void projection.of(parsed[n % parsed.length]!))
    )
  }

  const sets: ReadonlyArray<readonly [string, string, Variables, ReadonlyArray<string>]> = [
    ["1 filter, schema", "< 1,000", declared, ['price > 105 && exchange == "NASDAQ"']],
    ["1 filter, no schema", "", UNDECLARED, ['price > 105 && exchange == "NASDAQ"']],
    ["1 filter that nothing finds, schema", "", declared, ['price > 105 || exchange == "NASDAQ"']],
    ["1 filter of a field that is missing", "", UNDECLARED, ["nope > 105"]],
    ["1 filter that ends with an error", "", UNDECLARED, ["nope > 105 || price > 1000"]],
    ["1 filter by a pattern", "", declared, ['symbol.matches("^S[0-9]*7$")']],
    ["100 filters of prices, schema", "", declared, numbered(100, (n) => `price > ${100 + n / 10} && size < 400`)],
    ["100 filters of prices, no schema", "", UNDECLARED, numbered(100, (n) => `price > ${100 + n / 10} && size < 400`)],
    ["100 filters of 100 symbols, schema", "", declared, numbered(100, (n) => `symbol == "S${n}" && price > ${n}`)]
  ]
  for (const [what, reach, variables, of] of sets) {
    const filters = holding(variables, of)
    await add(`an event to ${what}`, reach, "ns", () =>
      nanosOf(of.length > 1 && !what.includes("symbols") ? calls / 20 : calls, (n) => void filters.match(at(n)))
    )
  }

  const count = short ? 10_000 : 100_000
  const many = numbered(count, (n) => `symbol == "S${n % SYMBOLS}" && price > ${100 + n / SYMBOLS}`)
  globalThis.gc?.()
  const heap = process.memoryUsage().heapUsed
  const before = process.cpuUsage()
  const filters = holding(declared, many)
  const { user, system } = process.cpuUsage(before)
  globalThis.gc?.()
  const each = (process.memoryUsage().heapUsed - heap) / count
  const named = count.toLocaleString("en-US")
  rows.push(
    {
      what: `one of ${named} filters of ${SYMBOLS.toLocaleString("en-US")} symbols, held`,
      reach: "",
      unit: "µs",
      values: [(user + system) / count]
    },
    { what: "memory of one of them", reach: "", unit: "B", values: [each] },
    { what: "the same as it is counted", reach: "", unit: "B", values: [filters.bytes / count] }
  )
  await add(`an event to ${named} filters, ${count / SYMBOLS} of its symbol`, "", "ns", () =>
    nanosOf(calls / 4, (n) => void filters.match(at(n)))
  )
  const alone = holding(
    declared,
    numbered(SYMBOLS, (n) => `symbol == "S${n}"`)
  )
  await add("an event to 10,000 filters of a symbol each", "", "ns", () =>
    nanosOf(calls, (n) => void alone.match(at(n)))
  )
  let found = 0
  for (let n = 0; n < 1_000; n++) found += alone.match(at(n)).length
  if (found !== 1_000) wrong.push(`1,000 events matched ${found} filters of a symbol`)
  return {
    rows,
    notes: [
      `CPU time of the process with what it collects; events of 120 bytes with six fields, read from their bytes each time`,
      globalThis.gc === undefined
        ? "memory without --expose-gc: with what is not collected yet"
        : "memory after a collection"
    ],
    wrong
  }
}

await main("filters", measure)
