/** docs/invariants/README.md: every numbered invariant of the tree with the tests that hold it, and what is wrong with their numbers. Pure. */
import { commentsOf, testsOf } from "../../test/support/Syntax.ts"
import type { Tree } from "../../test/support/Tree.ts"

export interface Invariant {
  /** One to three letters and a number. */
  readonly id: string
  readonly text: string
  readonly file: string
  /** How it is held, where that is no test: its text ends with `(held by …)`. */
  readonly heldBy: string | undefined
}

/** A header's word that an invariant stands in another file. */
export interface Reference {
  readonly id: string
  readonly file: string
  /** The end of the other file's path. */
  readonly where: string
}

export interface Held {
  readonly title: string
  readonly file: string
  readonly ids: ReadonlyArray<string>
}

export interface Invariants {
  /** docs/invariants/README.md */
  readonly page: string
  readonly problems: ReadonlyArray<string>
}

const ID = "[A-Z]{1,3}\\d+"
/** What comments and pages say that looks like an id. */
const SIGNATURES = ["HS", "RS", "PS", "ES"].flatMap((family) => [`${family}256`, `${family}384`, `${family}512`])
const WORDS = new Set(["C0", "V8", "UTF8", "UTF16", "SHA1", "SHA256", "SHA512", "NAT64", ...SIGNATURES])
/** What tests, benchmarks and documents say of themselves has an id, too, but no test of its own: it is not listed. */
const NOT_LISTED = /^(test|bench|docs)\//

/** ` *   S1  text` and its continuation lines, in the comment that a file begins with; ` *   S1, S3–S5 in Other.ts` says where others are. */
export const definedIn = (
  file: string,
  source: string
): { readonly invariants: ReadonlyArray<Invariant>; readonly references: ReadonlyArray<Reference> } => {
  const header = /^(?:#!.*\n)?\/\*\*[\s\S]*?\*\//.exec(source)?.[0] ?? ""
  const found: Array<{ readonly id: string; text: string }> = []
  const references: Array<Reference> = []
  let open = false
  for (const line of header.split("\n")) {
    for (const [, ids, where] of line.matchAll(
      new RegExp(`(${ID}(?:(?:–|, | and )${ID})*) {1,2}in ([\\w./]+\\.ts)`, "g")
    ))
      for (const id of idsIn(ids!)) references.push({ id, file, where: where!.replace(/^(\.\.?\/)+/, "") })
    const [, id, text] = new RegExp(`^ \\* {2,4}(${ID}) {1,4}(\\S.*)$`).exec(line) ?? []
    const more = /^ \* {6,}(\S.*)$/.exec(line)?.[1]
    if (id !== undefined && !/^(in [\w./]+\.ts\b|and )/.test(text!)) {
      found.push({ id, text: text! })
      open = true
    } else if (id === undefined && more !== undefined && open) found.at(-1)!.text += ` ${more}`
    else open = false
  }
  const invariants = found.map(({ id, text }) => {
    const [, before, how] = /^(.*\S) \(held by ([^()]+)\)$/.exec(text) ?? []
    return { id, text: before ?? text, file, heldBy: how }
  })
  return { invariants, references }
}

/** The ids that a text names; `S1–S3` names three. */
export const idsIn = (text: string): ReadonlyArray<string> => {
  const ids: Array<string> = []
  for (const [, from, to] of text.matchAll(new RegExp(`(?<![\\w./-])(${ID})(?:–(${ID}))?(?![\\w/-])`, "g"))) {
    const [first, last] = [parts(from!), parts(to ?? from!)]
    if (first.letters !== last.letters || last.number - first.number > 99) ids.push(from!, to!)
    else for (let n = first.number; n <= last.number; n++) ids.push(`${first.letters}${n}`)
  }
  return ids.filter((id) => !WORDS.has(id))
}

const parts = (id: string) => ({ letters: id.replace(/\d+/, ""), number: Number(id.replace(/\D+/, "")) })

/** A title begins with what its test holds: `S1 S2 a slow client …`, `S1: …`; what comes after a semicolon may begin so as well. */
export const heldIn = (title: string): ReadonlyArray<string> =>
  title.split("; ").flatMap((part) => idsIn(new RegExp(`^(?:${ID}(?:, |: | and |[ :]|$))+`).exec(part)?.[0] ?? ""))

/** The comments of a source, and all of a document. */
const citations = (file: string, text: string): ReadonlyArray<string> => {
  if (file.endsWith(".ts")) return commentsOf(file, text)
  if (file.endsWith(".md")) return [text]
  return text.split("\n").flatMap((line) => /(?:--|\/\/)(.*)$/.exec(line)?.[1] ?? [])
}

export const invariantsOf = (tree: Tree): Invariants => {
  const files = [...tree].filter(([file]) => file !== "docs/invariants/README.md")
  const sources = files.filter(([file]) => file.endsWith(".ts"))
  const defined = sources.map(([file, text]) => definedIn(file, text))
  const invariants = defined.flatMap((one) => one.invariants)
  const tests = sources
    .filter(([file]) => file.startsWith("test/"))
    .flatMap(([file, text]) =>
      testsOf(file, text).map(({ title, within }): Held => ({ title, file, ids: [...within, title].flatMap(heldIn) }))
    )

  const problems: Array<string> = []
  const byId = new Map<string, Invariant>()
  for (const one of invariants) {
    const first = byId.get(one.id)
    if (first === undefined) byId.set(one.id, one)
    else
      problems.push(
        first.file === one.file
          ? `${one.file} defines ${one.id} twice`
          : `${one.id} is in ${first.file} and in ${one.file}: one of them takes letters that no other file has`
      )
  }
  for (const { id, file, where } of defined.flatMap((one) => one.references)) {
    const there = byId.get(id)?.file
    if (there !== undefined && !`/${there}`.endsWith(`/${where}`))
      problems.push(`${file} says that ${id} is in ${where}: it is in ${there}`)
  }
  for (const [file, text] of files)
    for (const id of new Set(citations(file, text).flatMap(idsIn)))
      if (!byId.has(id)) problems.push(`${file} cites ${id}, which no header defines`)
  for (const { title, file } of tests)
    for (const id of new Set(idsIn(title)))
      if (!byId.has(id)) problems.push(`${file}: the test "${title}" names ${id}, which no header defines`)

  const listed = [...byId.values()].filter(({ file }) => !NOT_LISTED.test(file))
  const holding = (id: string) => tests.filter(({ ids }) => ids.includes(id))
  for (const { id, file, heldBy } of listed)
    if (heldBy === undefined && holding(id).length === 0)
      problems.push(`${file}: no test begins with ${id}. Where no test can hold it, its text ends with (held by …)`)

  const cell = (text: string) => text.replaceAll("|", "\\|")
  const rows = (file: string) =>
    listed
      .filter((one) => one.file === file)
      .map(({ id, text, heldBy }) => {
        const held = holding(id).map((test) => `${cell(test.title)} (\`${test.file}\`)`)
        return `| ${id} | ${cell(text)} | ${[...held, ...(heldBy === undefined ? [] : [cell(heldBy)])].join("<br>")} |`
      })
  const page = [
    "# Invariants",
    "",
    "Made by `npm run docs` from the headers of the sources and the names of the tests.",
    "",
    ...[...new Set(listed.map(({ file }) => file))].flatMap((file) => [
      `## ${file}`,
      "",
      "| | invariant | held by |",
      "|---|---|---|",
      ...rows(file),
      ""
    ])
  ].join("\n")
  return { page, problems }
}
