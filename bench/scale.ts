/**
 * The ladder: keys × clients × rows. At each rung a server is put through what a fleet goes through in a bad week, and what is told is how
 * long its event loop stood still, how long it took to be well again, and what it holds.
 *
 *   node bench/scale.ts --rung 100k        1k | 10k | 100k | fleet (10,000 clients of 10 keys each)
 *   node bench/scale.ts --short            a small rung, to see that it works
 */
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { main, type Options, type Report, readOptions, repeat } from "./support/Report.ts"
import { type Rung, rungs } from "./support/Rungs.ts"
import { walk } from "./support/Walk.ts"

const measure = async ({
  short,
  runs,
  own
}: Options & { readonly own: { readonly rung: string } }): Promise<Report> => {
  const rung: Rung | undefined = short ? rungs["short"] : rungs[own.rung]
  if (rung === undefined) throw new Error(`--rung: one of ${Object.keys(rungs).join(", ")}`)
  const found = await repeat(runs, () => walk(rung, join(mkdtempSync(join(tmpdir(), "herald-scale-")), "stall.sock")))
  const rows = found[0]!.rows.map(({ what, reach, unit }, at) => ({
    what,
    reach,
    unit,
    values: found.map((one) => one.rows[at]!.value)
  }))
  return { rows, notes: found.flatMap(({ notes }) => notes), wrong: found.flatMap(({ wrong }) => wrong) }
}

if (import.meta.main) {
  const options = readOptions({ rung: "1k" })
  await main(`scale-${options.short ? "short" : options.own.rung}`, measure, { ...options, runs: options.runs })
}
