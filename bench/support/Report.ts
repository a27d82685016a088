/**
 * What a benchmark says: rows, the machine, what went wrong.
 *
 *   BF1  A figure never fails a run; only an error or a loss does.
 *   BF2  A figure is the median of its runs, printed with the lowest and the highest of them.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { asSentence, describeMachine, type Machine } from "./Machine.ts"
import { median, short } from "./Numbers.ts"
import { table } from "./Table.ts"

export interface Options {
  /** A few seconds and one run, to see that it works. */
  readonly short: boolean
  readonly runs: number
}

export interface Row {
  readonly what: string
  readonly reach: string
  readonly unit: string
  /** One figure a run. */
  readonly values: ReadonlyArray<number>
}

export interface Report {
  readonly rows: ReadonlyArray<Row>
  /** What a reader has to know to judge the rows, such as the load client's share of a core. */
  readonly notes: ReadonlyArray<string>
  /** Lost, duplicated or out of order; requests that failed. */
  readonly wrong: ReadonlyArray<string>
}

export interface Result extends Report {
  readonly name: string
  readonly at: string
  readonly short: boolean
  readonly machine: Machine
}

/** Lines of what went wrong that are printed; the file of the result has all. */
const WRONG = 10

const RESULTS = new URL("../results/", import.meta.url)

export const readResult = (name: string): Result =>
  JSON.parse(readFileSync(new URL(`${name}.json`, RESULTS), "utf8")) as Result

const cells = ({ what, reach, unit, values }: Row): ReadonlyArray<string> => [
  what,
  reach,
  `${short(median(values))} ${unit}`,
  values.length < 2 ? "one run" : `${short(Math.min(...values))} – ${short(Math.max(...values))}`
]

export const print = (results: ReadonlyArray<Result>, markdown: boolean): void => {
  const rows = results.flatMap((result) => result.rows.map(cells))
  const say = (text: string) => process.stdout.write(`${text}\n`)
  say(`\n${table(["what", "reach", "measured", "range"], rows, markdown)}\n`)
  for (const { name, notes, wrong } of results) {
    for (const note of notes) say(`${markdown ? "- " : "  "}${name}: ${note}`)
    for (const error of wrong.slice(0, WRONG)) say(`${markdown ? "- " : "  "}${name}: WRONG: ${error}`)
    if (wrong.length > WRONG) say(`${markdown ? "- " : "  "}${name}: WRONG: ${wrong.length - WRONG} more`)
  }
  if (results[0] !== undefined) say(`\n${asSentence(results[0].machine)}\n`)
}

/** `own`: options of one benchmark, each with its default. */
export const readOptions = <Own extends Readonly<Record<string, string>>>(own: Own = {} as Own) => {
  const ownOptions = Object.fromEntries(
    Object.entries(own).map(([name, value]) => [name, { type: "string" as const, default: value }])
  )
  const { values } = parseArgs({
    options: { ...ownOptions, short: { type: "boolean" }, markdown: { type: "boolean" }, runs: { type: "string" } }
  })
  const given = values as Readonly<Record<string, string>>
  const runs = values.runs === undefined ? (values.short === true ? 1 : 3) : Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1) throw new Error("--runs: a whole number from 1")
  const chosen = Object.fromEntries(Object.keys(own).map((name) => [name, given[name]])) as { [K in keyof Own]: string }
  return { short: values.short === true, markdown: values.markdown === true, runs, own: chosen }
}

/** Runs one benchmark as a command: prints its table, writes `bench/results/<name>.json`, exits 1 when something was wrong. BF1 */
export const main = async <O extends Options & { readonly markdown: boolean }>(
  name: string,
  measure: (options: O) => Promise<Report>,
  options: O = readOptions() as unknown as O
): Promise<void> => {
  const report = await measure(options)
  const result: Result = {
    name,
    at: new Date().toISOString(),
    short: options.short,
    machine: describeMachine(),
    ...report
  }
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(new URL(`${name}.json`, RESULTS), `${JSON.stringify(result, null, 2)}\n`)
  print([result], options.markdown)
  process.exitCode = report.wrong.length === 0 ? 0 : 1
}

/** `measure` once a run, one after the other. */
export const repeat = async <A>(runs: number, measure: (run: number) => Promise<A>): Promise<ReadonlyArray<A>> => {
  const found: Array<A> = []
  for (let run = 0; run < runs; run++) found.push(await measure(run))
  return found
}
