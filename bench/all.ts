/** Every benchmark, one after the other, each in a process of its own; then one table. Exits 1 when something was wrong, never for a figure. */
import { spawn } from "node:child_process"
import { print, type Result, readOptions, readResult } from "./support/Report.ts"

/** What each writes its result as: a benchmark, or one with a lane. */
const NAMES = [
  "propagation",
  "deliveries",
  "connect",
  "transport",
  "publishes",
  "reads",
  "shared",
  "relay",
  "costs",
  "flags",
  "provider",
  "evaluations",
  "flagDocument",
  "manyFlags",
  "memory",
  "rollouts",
  "statistics",
  "experiments",
  "filters",
  "topicLog",
  "topicPublish",
  "consume",
  "catchUp",
  "fanout",
  "start",
  "access",
  "codeAsFiles",
  "browsers"
]
const LANES = ["notify", "redis", "kafka", "none"]
const RUNGS = ["1k", "10k", "100k", "fleet"]

const run = (name: string, args: ReadonlyArray<string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const file = new URL(`./${name}.ts`, import.meta.url).pathname
    const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "ignore", "inherit"] })
    child.on("error", reject)
    child.on("exit", (code) => resolve(code ?? 1))
  })

const { short, runs, markdown } = readOptions()
const BENCHES = [
  ...NAMES.map((name) => ({ name, file: name, args: [] as ReadonlyArray<string> })),
  ...LANES.map((lane) => ({ name: `nodes-${lane}`, file: "nodes", args: ["--lane", lane] })),
  ...(short ? ["short"] : RUNGS).map((rung) => ({ name: `scale-${rung}`, file: "scale", args: ["--rung", rung] }))
]
const results: Array<Result> = []
for (const { name, file, args } of BENCHES) {
  const start = performance.now()
  const began = new Date().toISOString()
  // A rung fills a database for minutes first: once is enough.
  const times = file === "scale" ? 1 : runs
  const code = await run(file, [...args, ...(short ? ["--short"] : []), "--runs", String(times)])
  const took = `${((performance.now() - start) / 1_000).toFixed(1)} s`
  process.stderr.write(`${name}: ${code === 0 ? "measured" : "FAILED"} in ${took}\n`)
  if (code !== 0) process.exitCode = 1
  try {
    const result = readResult(name)
    if (result.at >= began) results.push(result)
  } catch {
    process.stderr.write(`${name}: left no result\n`)
  }
}
print(results, markdown)
