/** docs/faults.md, from docs/faults.json: what the fault tests measured. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { type Figures, NOTES } from "../../test/support/measured.ts"

interface Note {
  readonly fault: number
  readonly title: string
  readonly at: string
  readonly figures: Figures
}

const KEPT = new URL("../faults.json", import.meta.url)
const kept = (): ReadonlyArray<Note> => JSON.parse(readFileSync(KEPT, "utf8")) as ReadonlyArray<Note>

/** Takes the notes of the tests that ran here in place of the older ones on the same. */
export const takeNotes = (): void => {
  if (!existsSync(NOTES)) return
  const fresh = readdirSync(NOTES).map((file) => JSON.parse(readFileSync(new URL(file, NOTES), "utf8")) as Note)
  const id = ({ fault, title }: Note) => `${String(fault).padStart(2, "0")} ${title}`
  const all = new Map([...kept(), ...fresh].map((note) => [id(note), note]))
  const sorted = [...all.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, note]) => note)
  writeFileSync(KEPT, `${JSON.stringify(sorted, null, 2)}\n`)
}

const files = readdirSync(new URL("../../test/faults/", import.meta.url))
  .filter((file) => /^\d+-.*\.test\.ts$/.test(file))
  .sort()

/** The first line of a test's header says what fails and what must happen. */
const what = (file: string): string => {
  const header = /^\/\*\*\s*(?:\*\s*)?(.*?)(?:\*\/|\n)/s.exec(
    readFileSync(new URL(`../../test/faults/${file}`, import.meta.url), "utf8")
  )
  return (header?.[1] ?? "")
    .replace(/^Faults? [\d, and]+: /, "")
    .trim()
    .replaceAll("|", "\\|")
}

export const faults = (): string => {
  const notes = kept()
  const rows = files.map((file) => {
    const fault = Number.parseInt(file, 10)
    const mine = notes.filter((note) => note.fault === fault)
    const said = mine.flatMap(({ title, at, figures }) => [
      `${title} (${at}): ${Object.entries(figures)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")}`
    ])
    return `| ${fault} | ${what(file)} | ${said.join("<br>") || "passes; it has no figure"} | \`test/faults/${file}\` |`
  })
  return `${[
    "# Faults",
    "",
    "Made by `npm run docs` from the headers of the fault tests and from what they measured (`docs/faults.json`, taken from their last run with",
    "`npm run docs -- --faults`). Real processes and a real PostgreSQL on one machine; figures are what was seen there, not promises.",
    "",
    "| # | fault, and what must happen | measured | test |",
    "|---|---|---|---|",
    ...rows
  ].join("\n")}\n`
}
