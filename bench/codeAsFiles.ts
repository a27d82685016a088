/**
 * Configuration as code against a server as it ships, its rate limits too: the command line as people run it, from its start to its end. What is there is
 * what the folder has, but for the first apply.
 *
 *   node bench/codeAsFiles.ts        5,000 keys; --keys 100000 for a large store; --short: 300
 */
import { spawn } from "node:child_process"
import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { newFolder } from "../test/support/folder.ts"
import { cpuSeconds, residentBytes } from "./support/Process.ts"
import { main, type Report, readOptions, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const CLI = new URL("../src/cli/main.ts", import.meta.url).pathname
const MANIFEST = `herald: 1\npatterns: ["*"]\n`
const SCHEMA = `${JSON.stringify({ type: "object", properties: { retries: { type: "integer", minimum: 0 } } }, null, 2)}\n`
/** Milliseconds between two looks at a process. */
const LOOK = 50

/** About 200 bytes each; of all types, and each tenth with a schema. */
export const fill = (folder: string, keys: number): void => {
  mkdirSync(join(folder, "@schema"), { recursive: true })
  writeFileSync(join(folder, "@manifest.yaml"), MANIFEST)
  for (let n = 0; n < keys; n++) {
    const key = `team${n % 50}.service${n}`
    const json = `${JSON.stringify({ retries: n % 7, url: `https://service${n}.example.org/`, note: "x".repeat(120) }, null, 2)}\n`
    if (n % 10 === 0) writeFileSync(join(folder, `@schema/${key}.json`), SCHEMA)
    const [ending, text] =
      n % 10 < 7
        ? [".json", json]
        : n % 10 === 7
          ? [".number", `${n}.50\n`]
          : n % 10 === 8
            ? [".txt", `${n}\n`]
            : [".yaml", `a: ${n} # why\n`]
    writeFileSync(join(folder, key + ending), text)
  }
}

interface Ran {
  readonly seconds: number
  /** Bytes, at most. */
  readonly resident: number
  readonly cpu: number
  readonly code: number
  readonly said: string
}

const run = (server: Server, args: ReadonlyArray<string>): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const start = performance.now()
    const child = spawn(process.execPath, [CLI, ...args, "--server", server.http], {
      env: { PATH: process.env["PATH"], HOME: server.data, HERALD_TOKEN: server.token },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let [resident, cpu, said] = [0, 0, ""]
    const look = setInterval(() => {
      const now = residentBytes(child.pid!)
      if (!Number.isFinite(now)) return
      resident = Math.max(resident, now)
      cpu = Math.max(cpu, cpuSeconds(child.pid!))
    }, LOOK)
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (said = (said + chunk).slice(-2_000)))
    child.on("error", reject)
    child.on("close", (code) => {
      clearInterval(look)
      resolve({ seconds: (performance.now() - start) / 1_000, resident, cpu, code: code ?? 1, said })
    })
  })

const measureOnce = async (keys: number) => {
  const made = newFolder()
  try {
    const folder = join(made.path, "herald")
    fill(join(folder, "production"), keys)
    cpSync(join(folder, "production"), join(folder, "staging"), { recursive: true })
    await using server = await new Server({ LIMIT_REQUESTS_PER_SECOND: "5000", LIMIT_BURST: "10000" }).start()
    const wrong: Array<string> = []
    const ran = async (...args: ReadonlyArray<string>) => {
      const found = await run(server, args)
      if (found.code !== 0) wrong.push(`${args.join(" ")}: exit code ${found.code}: ${found.said}`)
      return found
    }
    const apply = await ran("apply", "-f", folder, "--env", "production", "--yes", "--parts")
    await ran("apply", "-f", folder, "--env", "staging", "--yes", "--parts")
    const again = await ran("apply", "-f", folder, "--env", "production", "--yes")
    const diff = await ran("diff", "-f", folder, "--env", "production")
    const compare = await ran("compare", "--env", "production", "--with", "staging")
    const exported = await ran("export", "--env", "production", "--out", join(made.path, "again"))
    return { apply, again, diff, compare, exported, wrong, server: residentBytes(server.pid) }
  } finally {
    made.remove()
  }
}

const options = readOptions({ keys: "5000" })

const measure = async ({ short, runs }: typeof options): Promise<Report> => {
  const keys = short ? 300 : Number(options.own.keys)
  const found = await repeat(short ? 1 : runs, () => measureOnce(keys))
  const usual = keys === 5_000
  const row = (what: string, reach: string, of: (one: (typeof found)[number]) => Ran) => [
    {
      what: `${keys} keys: ${what}`,
      reach: usual ? reach : "",
      unit: "s",
      values: found.map((one) => of(one).seconds)
    },
    {
      what: "… memory of the command line, at most",
      reach: "",
      unit: "MiB",
      values: found.map((one) => of(one).resident / 1_048_576)
    }
  ]
  return {
    rows: [
      ...row("herald apply --parts, all of them new", "", ({ apply }) => apply),
      ...row("herald apply, nothing changed", "≤ 2 s", ({ again }) => again),
      ...row("herald diff, nothing changed", "≤ 2 s", ({ diff }) => diff),
      ...row("herald compare, two environments", "", ({ compare }) => compare),
      ...row("herald export", "≤ 5 s", ({ exported }) => exported)
    ],
    notes: [
      `CPU of the command line: ${found.map(({ diff, exported }) => `diff ${diff.cpu.toFixed(1)} s, export ${exported.cpu.toFixed(1)} s`).join("; ")}`
    ],
    wrong: found.flatMap(({ wrong }) => wrong)
  }
}

if (import.meta.main) await main("codeAsFiles", measure, options)
