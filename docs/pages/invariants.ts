/** docs/invariants/README.md: every numbered invariant of the sources with the tests that hold it. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const under = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`)
    .sort()

interface Invariant {
  readonly id: string
  readonly text: string
  readonly file: string
}

/** ` *   S1  text` and its continuation lines, in the header comment of a file. */
const invariantsOf = (file: string): ReadonlyArray<Invariant> => {
  const header = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(join(root, file), "utf8"))?.[0] ?? ""
  const found: Array<Invariant> = []
  for (const line of header.split("\n")) {
    const start = /^ \* {2,3}([A-Z]{1,2}\d+) {1,2}(\S.*)$/.exec(line)
    const more = /^ \* {6,}(\S.*)$/.exec(line)
    const last = found.at(-1)
    if (start !== null) found.push({ id: start[1]!, text: start[2]!, file })
    else if (more !== null && last !== undefined) found[found.length - 1] = { ...last, text: `${last.text} ${more[1]}` }
  }
  return found
}

const titlesOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, file), "utf8").matchAll(/(?:it|effect|live|prop|test|on)\(\s*["'`]([^"'`]+)["'`]/g)].map(
    ([, title]) => title!
  )

const tests = under("test").flatMap((file) => titlesOf(file).map((title) => ({ file, title })))
/** A test's name begins with the invariants it holds: `S1 S2 a slow client …`, or names them after a semicolon. */
const holds = (title: string, id: string) => new RegExp(`(?:^|[;,] |^(?:[A-Z]{1,2}\\d+[ ,]+)*)${id}\\b`).test(title)

const invariants = [...under("src"), ...under("layers"), "packages/build.ts"].flatMap(invariantsOf)
const folderOf = (file: string) => file.split("/").slice(0, -1).join("/")
const testsOf = ({ id, file }: Invariant) => {
  const mine = tests.filter(({ title }) => holds(title, id))
  const near = folderOf(file)
    .replace(/^src\//, "test/")
    .replace(/^layers/, "test/layers")
  const close = mine.filter((test) => test.file.startsWith(near))
  return close.length > 0 ? close : mine.filter((test) => /^test\/(faults|contracts|end-to-end)\//.test(test.file))
}

const lines = [
  "# Invariants",
  "",
  "Made by `npm run docs` from the headers of the sources and the names of the tests.",
  ""
]
/** Invariants that no test begins with. */
export const missing: Array<string> = []
for (const file of [...new Set(invariants.map((invariant) => invariant.file))]) {
  lines.push(`## ${file}`, "", "| | invariant | held by |", "|---|---|---|")
  for (const invariant of invariants.filter((one) => one.file === file)) {
    const held = testsOf(invariant)
    if (held.length === 0) missing.push(`${file} ${invariant.id}`)
    const cells = held.map((test) => `${test.title.replaceAll("|", "\\|")} (\`${test.file}\`)`).join("<br>")
    lines.push(`| ${invariant.id} | ${invariant.text.replaceAll("|", "\\|")} | ${cells} |`)
  }
  lines.push("")
}
export const invariantsPage = lines.join("\n")
