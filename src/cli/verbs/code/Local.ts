/**
 * Reads what a folder has: for each environment in it what is wanted there, without keeping the values.
 *
 *   JL1  What can't be right is an error that names its file, and its line where it has one; all of them are told, and nothing is left out in silence.
 *   JL2  A link is refused, and what is hidden is none of the folder's.
 */
import * as Effect from "effect/Effect"
import { isEnvironment } from "../../../keys/Environment.ts"
import { kindIn } from "../../../keys/Name.ts"
import { coveredBy } from "../../../keys/Pattern.ts"
import { VALUE_BYTES } from "../../../values/Limits.ts"
import { read as readAs } from "../../../values/Value.ts"
import type { ValueType } from "../../../values/ValueType.ts"
import { readCarrier } from "../../../values/Written.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"
import type { Folder } from "../../Folder.ts"
import { MANIFEST, namedBy, unescaped, valueIn } from "./FileName.ts"
import { type Manifest, readManifest } from "./Manifest.ts"
import { digestOf, schemaDigest } from "./Pages.ts"
import type { Content, Shape } from "./Plan.ts"

/** Bytes of a file of a value, with its line end. */
const MOST = VALUE_BYTES + 2
const MANIFEST_BYTES = 64 * 1_048_576
/** Errors that are told: all of them, unless something else is wrong. */
const TOLD = 1_000
const AT_ONCE = 16

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export interface Problem {
  readonly path: string
  readonly line?: number
  readonly problem: string
}

export interface Local {
  readonly environment: string
  /** Its folder's name. */
  readonly place: string
  readonly manifest: Manifest
  readonly shapes: ReadonlyMap<string, Shape>
  /** The value of a name, read anew. */
  readonly contentOf: (name: string) => Effect.Effect<Content, CliFailure>
  /** The file of a name. */
  readonly fileOf: (name: string) => string
}

/** The first line that is not UTF-8. */
const brokenLine = (bytes: Uint8Array): number => {
  let line = 1
  for (let from = 0; from <= bytes.length; line++) {
    const end = bytes.indexOf(10, from)
    try {
      decoder.decode(bytes.subarray(from, end < 0 ? undefined : end))
    } catch {
      return line
    }
    if (end < 0) break
    from = end + 1
  }
  return line
}

const textIn = (bytes: Uint8Array, most: number): string | Omit<Problem, "path"> => {
  if (bytes.byteLength > most) return { problem: `it has more than ${most} bytes` }
  try {
    return decoder.decode(bytes)
  } catch {
    return { line: brokenLine(bytes), problem: "it is not UTF-8; save it as UTF-8" }
  }
}

/** The line of which a reason says it, by a position or by the line itself. */
const lineIn = (text: string, reason: string): number | undefined => {
  const [, position, line] = / at (?:position (\d+)|line (\d+))/.exec(reason) ?? []
  if (line !== undefined) return Number(line)
  return position === undefined ? undefined : text.slice(0, Number(position)).split("\n").length
}

/** What no server takes of a value, in the words of a server; what an older one took may stay as it is. */
const wrongValue = (text: string, type: ValueType): Omit<Problem, "path"> | undefined => {
  const read = readAs(type, text, { stored: true })
  if (read._tag === "Success") return undefined
  const line = lineIn(text, read.failure)
  return { problem: `it can't be read as ${type}: ${read.failure}`, ...(line === undefined ? {} : { line }) }
}

/** A JSON Schema, or what is wrong with it. */
const schemaIn = (text: string): { readonly schema: unknown } | string => {
  const read = readCarrier(text, "nothing")
  return read._tag === "Success" ? { schema: read.success } : `it is no JSON that can be a schema: ${read.failure}`
}

/** All regular files below a folder, as paths from there. JL2 */
const walk = Effect.fnUntraced(function* (folder: Folder, place: string, problems: Array<Problem>) {
  const files: Array<string> = []
  const open = [""]
  while (open.length > 0) {
    const at = open.pop()!
    for (const { name, kind } of (yield* folder.list(at === "" ? place : `${place}/${at}`)) ?? []) {
      if (name.startsWith(".")) continue
      const path = at === "" ? name : `${at}/${name}`
      if (kind === "folder") open.push(path)
      else if (kind === "file") files.push(path)
      else
        problems.push({
          path: `${place}/${path}`,
          problem:
            kind === "link" ? "it is a link, which is not followed; put the file itself there" : "it is no regular file"
        })
    }
  }
  return files
})

const readEnvironment = Effect.fnUntraced(function* (
  folder: Folder,
  place: string,
  environment: string,
  problems: Array<Problem>
) {
  const manifestPath = `${place}/${MANIFEST}`
  const read = textIn(yield* folder.read(manifestPath, MANIFEST_BYTES), MANIFEST_BYTES)
  const manifest = typeof read === "string" ? readManifest(read) : { line: 1, ...read }
  if ("problem" in manifest) {
    problems.push({ path: manifestPath, ...manifest })
    return undefined
  }
  const strict = new Set(manifest.strict)
  const shapes = new Map<string, Shape>()
  const files = new Map<string, string>()
  const schemas = new Map<string, { readonly path: string; readonly schema: unknown }>()

  const taken = Effect.fnUntraced(function* (path: string) {
    const whole = `${place}/${path}`
    const wrong = (problem: string, line?: number) =>
      void problems.push({ path: whole, problem, ...(line === undefined ? {} : { line }) })
    const named = namedBy(path)
    if (typeof named === "string") return wrong(named)
    if (named.what === "manifest") return
    const text = textIn(yield* folder.read(whole, MOST), MOST)
    if (typeof text !== "string") return wrong(text.problem, text.line)
    const { name } = named
    if (named.what === "schema") {
      const found = schemaIn(text)
      if (schemas.has(name)) return wrong(`it is the schema of ${name}, as ${schemas.get(name)!.path} is`)
      if (typeof found === "string") return wrong(found)
      schemas.set(name, { path: whole, schema: found.schema })
      return
    }
    const other = files.get(name)
    if (other !== undefined) return wrong(`it is ${name}, as ${other} is; keep one of them`)
    if (!coveredBy(manifest.patterns, name))
      return wrong(`no pattern of ${manifestPath} covers ${name}; add one there, or take the file away`)
    files.set(name, whole)
    const value = valueIn(text)
    const broken = wrongValue(value, named.type)
    if (broken !== undefined) return wrong(broken.problem, broken.line)
    const kept = kindIn(name) === "" && strict.has(name)
    shapes.set(name, { name, digest: digestOf(value), type: named.type, strict: kept, schema: "" })
  })
  yield* Effect.forEach(yield* walk(folder, place, problems), taken, { concurrency: AT_ONCE, discard: true })
  for (const [name, { path, schema }] of schemas) {
    const shape = shapes.get(name)
    if (shape === undefined) problems.push({ path, problem: `there is no file of the key ${name}, whose schema it is` })
    else shapes.set(name, { ...shape, schema: schemaDigest(schema) })
  }
  for (const name of manifest.strict)
    if (!shapes.has(name)) problems.push({ path: manifestPath, problem: `strict: there is no file of the key ${name}` })

  const contentOf = Effect.fnUntraced(function* (name: string) {
    const file = files.get(name)!
    const { type, strict, digest } = shapes.get(name)!
    const text = textIn(yield* folder.read(file, MOST), MOST)
    if (typeof text !== "string" || digestOf(valueIn(text)) !== digest)
      return yield* usage(`${folder.path}/${file} was changed while it was read`, "Run it again.")
    const content: Content = { text: valueIn(text), type, strict, schema: schemas.get(name)?.schema ?? null }
    return content
  })
  const local: Local = { environment, place, manifest, shapes, contentOf, fileOf: (name) => files.get(name) ?? "" }
  return local
})

/** Where a file is wrong, as compilers say it. */
const toldOf = (folder: Folder, problems: ReadonlyArray<Problem>): CliFailure => {
  const lines = problems
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .slice(0, TOLD)
    .map(({ path, line, problem }) => `${folder.path}/${path}${line === undefined ? "" : `:${line}`}: ${problem}`)
  const more = problems.length > TOLD ? [`… ${problems.length - TOLD} more`] : []
  return usage([...lines, ...more].join("\n"), "Correct what each line names. Nothing was changed.")
}

/** The environments of a folder: those of its folders that have a manifest. `only`: this one alone. JL1 */
export const readFolder = Effect.fn("Local.readFolder")(function* (folder: Folder, only: string | undefined) {
  const MAKE = "Make one: herald export --env production --out <folder>"
  const entries = yield* folder.list("")
  if (entries === undefined) return yield* usage(`${folder.path}: there is no such folder`, MAKE)
  const problems: Array<Problem> = []
  const found: Array<Local> = []
  const others: Array<string> = []
  for (const { name, kind } of entries) {
    if (name.startsWith(".") || kind === "file" || kind === "other") continue
    const environment = unescaped(name) ?? ""
    if (only !== undefined && environment !== only) continue
    if (kind === "link") {
      problems.push({ path: name, problem: "it is a link, which is not followed; put the folder itself there" })
      continue
    }
    const has = ((yield* folder.list(name)) ?? []).some((one) => one.name === MANIFEST && one.kind === "file")
    if (!has) {
      others.push(name)
      continue
    }
    if (!isEnvironment(environment)) {
      problems.push({ path: name, problem: "its name is not an environment's" })
      continue
    }
    const other = found.find((one) => one.environment === environment)
    if (other !== undefined) {
      problems.push({ path: name, problem: `it is the environment ${environment}, as ${other.place} is; keep one` })
      continue
    }
    const local = yield* readEnvironment(folder, name, environment, problems)
    if (local !== undefined) found.push(local)
  }
  if (problems.length > 0) return yield* toldOf(folder, problems)
  if (found.length === 0)
    return yield* usage(
      only === undefined
        ? `${folder.path} has no folder of an environment, which has a ${MANIFEST}`
        : `${folder.path} has no folder ${only} with a ${MANIFEST}`,
      MAKE
    )
  return { locals: found, others }
})
