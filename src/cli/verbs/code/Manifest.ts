/**
 * The manifest of an environment's folder: of which patterns it has everything, and what no file of a value can say. Pure.
 *
 *   JM1  A misspelt field, a wrong pattern, a name twice: an error with its line, never ignored.
 */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml"
import { isKey } from "../../../keys/Key.ts"
import { kindIn, wrongNamePattern } from "../../../keys/Name.ts"
import { EVERY_KEY } from "../../../keys/Pattern.ts"
import { KINDS } from "./FileName.ts"

export interface Manifest {
  /** Names outside of these are none of the folder's. */
  readonly patterns: ReadonlyArray<string>
  /** Keys of which stale reads are refused. */
  readonly strict: ReadonlyArray<string>
}

/** All that a release can change. */
export const EVERYTHING: ReadonlyArray<string> = ["*", "@flag/*", "@segment/*"]

/** Of the form of folders. */
const FORM = 1
const HEAD = `# What this folder has. herald apply --prune deletes what fits a pattern here and has no file; nothing else.
# Patterns: a key, a key and .* for all below it, * for all keys; of flags and segments @flag/*, @segment/beta.
`

const quoted = (text: string): string => JSON.stringify(text)
const listed = (name: string, all: ReadonlyArray<string>): string =>
  all.length === 0 ? "" : `${name}:\n${all.map((one) => `  - ${quoted(one)}\n`).join("")}`

export const manifestText = ({ patterns, strict }: Manifest): string =>
  `${HEAD}herald: ${FORM}\n${listed("patterns", patterns)}${listed("strict", strict)}`

/** What is wrong, and in which line. */
export interface WrongLine {
  readonly line: number
  readonly problem: string
}

export const wrongPattern = (pattern: string): string | undefined => {
  if (pattern === EVERY_KEY) return undefined
  const kind = kindIn(pattern)
  return kind !== "" && !KINDS.some((one) => one === kind)
    ? `is of no kind that files have: these are keys, ${KINDS.map((one) => `@${one}/`).join(" and ")}`
    : wrongNamePattern(pattern)
}

const fields = ["herald", "patterns", "strict"]
const named = (one: string): string => `"${one.slice(0, 100)}"`

export const readManifest = (text: string): Manifest | WrongLine => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, stringKeys: true, logLevel: "error", prettyErrors: false })
  const lineOf = (at: number): number => lines.linePos(Math.max(0, at)).line
  const at = (node: unknown): number => lineOf((node as Node | null | undefined)?.range?.[0] ?? 0)
  const wrong = (node: unknown, problem: string): WrongLine => ({ line: at(node), problem })
  const error = document.errors[0] ?? document.warnings[0]
  if (error !== undefined) return { line: lineOf(error.pos[0]), problem: `it is not YAML: ${error.message}` }
  const { contents } = document
  if (!isMap(contents)) return wrong(contents, `it has no fields; it may have ${fields.join(", ")}`)
  const lists: Record<string, Array<string>> = {}
  let form: unknown
  for (const { key, value } of contents.items) {
    const name = isScalar(key) ? String(key.value) : ""
    if (!fields.includes(name)) return wrong(key, `there is no field ${named(name)}; it may have ${fields.join(", ")}`)
    if (name === "herald") {
      form = isScalar(value) ? value.value : undefined
      if (form !== FORM)
        return wrong(value ?? key, `herald: ${FORM} is the one form of folders that this version reads`)
      continue
    }
    if (!isSeq(value)) return wrong(value ?? key, `${name} has to be a list`)
    const all = new Set<string>()
    for (const item of value.items) {
      const one = isScalar(item) && typeof item.value === "string" ? item.value : undefined
      if (one === undefined)
        return wrong(item, `${name} has to be a list of texts; put a text like * or @flag/* in quotes`)
      const problem = name === "patterns" ? wrongPattern(one) : isKey(one) ? undefined : "is not a key"
      if (problem !== undefined) return wrong(item, `${named(one)} ${problem}`)
      if (all.has(one)) return wrong(item, `${named(one)} is in ${name} twice`)
      all.add(one)
    }
    lists[name] = [...all]
  }
  if (form === undefined) return wrong(contents, `the field herald: ${FORM} is missing`)
  const { patterns = [], strict = [] } = lists
  return patterns.length === 0
    ? wrong(contents, "patterns is missing, or empty: it says what the folder has")
    : { patterns, strict }
}
