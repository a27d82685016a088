/**
 * What a key costs a node that holds no value of it: heap after a collection, and processor time to read and index it. No database.
 *
 *   node --expose-gc bench/heads.ts        --short: 10,000 keys instead of 250,000
 */
import type { Head } from "../src/configuration/Configuration.ts"
import { Heads } from "../src/configuration/Heads.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"

/** As rows come from a driver: each with texts of its own. */
const rows = (from: number, to: number): ReadonlyArray<Head> =>
  Array.from({ length: to - from }, (_, i) => {
    const n = from + i
    const row = `{"key":"service${n % 200}.setting${n}","environment":"production","digest":"${n.toString(16).padStart(64, "0")}"}`
    const { key, environment, digest } = JSON.parse(row) as Pick<Head, "key" | "environment" | "digest">
    const flags = { deleted: false, strict: n % 50 === 0, template: n % 100 === 0 }
    return { key, environment, digest, version: 1, revision: BigInt(n), ...flags }
  })

const PAGE = 2_500

/** Microseconds of a processor. */
const used = (work: () => void) => {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return user + system
}

const measureOnce = (keys: number) => {
  const { gc } = globalThis
  if (gc === undefined) throw new Error("run it with --expose-gc")
  gc()
  const before = process.memoryUsage().heapUsed
  const heads = new Heads()
  let busy = 0
  for (let from = 0; from < keys; from += PAGE) {
    const page = rows(from, from + PAGE)
    busy += used(() => {
      for (const head of page) heads.set(head)
    })
  }
  gc()
  const bytes = (process.memoryUsage().heapUsed - before) / heads.size
  const look = used(() => {
    for (let n = 0; n < 1_000; n++) heads.matching("production", `service${n % 200}.*`)
  })
  return { bytes, index: busy / keys, look: look / 1_000 }
}

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const keys = short ? 10_000 : 250_000
  const found = await repeat(runs, async () => measureOnce(keys))
  const row = (what: string, unit: string, values: ReadonlyArray<number>) => ({ what, reach: "", unit, values })
  return {
    rows: [
      row(
        `heap a key, ${keys} keys`,
        "bytes",
        found.map(({ bytes }) => bytes)
      ),
      row(
        "processor time to index a key",
        "µs",
        found.map(({ index }) => index)
      ),
      row(
        `a pattern that covers ${keys / 200} of them`,
        "µs",
        found.map(({ look }) => look)
      )
    ],
    notes: [],
    wrong: []
  }
}

if (import.meta.main) await main("heads", measure)
