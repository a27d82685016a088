/**
 * Makes YAML 1.2 (core schema) into the JSON text that says the same. Pure.
 *
 *   Y1  What is slow to read is refused before it is read: in a worker thread, too, others wait.
 *   Y2  Aliases may not multiply; a key may not appear twice in a map.
 *   Y3  Numbers keep their digits, maps their order. `<<` merges as YAML 1.1 says: a key of the map itself wins, then the first that is
 *       merged. What JSON can't say is refused.
 */
import { Result } from "effect"
import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, parseDocument, type Scalar, visit } from "yaml"
import { NUMBER } from "./Json.ts"
import { NODES, RELEASE_CHANGES, VALUE_BYTES } from "./Limits.ts"
import { DEPTH } from "./Structure.ts"

/** Characters. Y1: reading 128 KiB takes about 50 ms. */
const YAML_LIMIT = 262_144
/** Y1: the reader takes more than quadratic time for chains of explicit keys (yaml 2.9.1). */
const EXPLICIT_KEY = /^[ \t]*(?:[-:][ \t]+)*\?(?:\s|$)/m
const INDICATORS = /(?:[?\-:][ \t]+){16}/

interface Rules {
  /** Uses of one anchor, counting those inside of what other aliases repeat. */
  readonly aliases: number
  /** Numbers must be written as JSON writes them, as their text becomes the value. */
  readonly asJson: boolean
}

/** The JSON that checks see of a value of type yaml; its own text is stored. */
export const jsonOfYaml = (text: string): Result.Result<string, string> => {
  if (text.length > YAML_LIMIT) return Result.fail(`YAML may have at most ${YAML_LIMIT} characters; publish it as json`)
  if (EXPLICIT_KEY.test(text)) return Result.fail("explicit keys (`? key`) are not supported")
  if (INDICATORS.test(text)) return Result.fail("a line of it opens more than 15 collections")
  return jsonOf(text, { aliases: 32, asJson: false })
}

/** The JSON of a release file, on the machine of the one who wrote it. */
export const jsonOfYamlFile = (text: string): Result.Result<string, string> =>
  jsonOf(text, { aliases: RELEASE_CHANGES, asJson: true })

const jsonOf = (text: string, rules: Rules): Result.Result<string, string> => {
  try {
    const document = parseDocument(text, {
      version: "1.2",
      schema: "core",
      uniqueKeys: false,
      stringKeys: true,
      intAsBigInt: true,
      logLevel: "error",
      prettyErrors: false // Y1
    })
    const error = document.errors[0] ?? document.warnings[0]
    if (error !== undefined)
      return Result.fail(`it is not YAML that JSON can express: ${error.message}${placeOf(text, error.pos[0])}`)
    return Result.succeed(written(document, rules, (node) => placeOf(text, node?.range?.[0] ?? -1)))
  } catch (error) {
    if (error instanceof Refused) return Result.fail(error.message)
    if (error instanceof RangeError) return Result.fail("it is nested too deep")
    return Result.fail(`it is not YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** " at line 1, column 2". Done here for one error, as the library would copy a line for each. */
const placeOf = (text: string, at: number): string => {
  if (at < 0) return ""
  const before = text.slice(0, at).split("\n")
  return ` at line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`
}

class Refused extends Error {}
type Place = { readonly range?: readonly [number, number, number] | null | undefined }

/** Characters: twice those of the largest release. */
const LENGTH = 8 * VALUE_BYTES
/** A value may nest `DEPTH` deep inside of a release. */
const WHOLE_DEPTH = DEPTH + 8

const written = (document: Document, rules: Rules, at: (node: Place | undefined) => string): string => {
  const targets = targetsOf(document)
  const uses = new Map<unknown, number>()
  const parts: Array<string> = []
  let nodes = 0
  let length = 0

  const put = (part: string): void => {
    length += part.length
    if (length > LENGTH) throw new Refused(`its aliases expand too far: to more than ${LENGTH} characters`)
    parts.push(part)
  }
  const count = (): void => {
    if (++nodes > NODES) throw new Refused(`it expands to more than ${NODES} values`)
  }
  /** Y2. What the alias repeats. */
  const resolved = (node: unknown): unknown => {
    if (!isAlias(node)) return node
    const target = targets.get(node)
    if (target === undefined) throw new Refused(`the alias *${node.source} has no anchor before it`)
    const used = (uses.get(target) ?? 0) + 1
    uses.set(target, used)
    if (used > rules.aliases) {
      throw new Refused(`its aliases expand too far: *${node.source} comes to more than ${rules.aliases} copies`)
    }
    return target
  }

  /** The members of a map in order, merged ones where `<<` stands. Y2, Y3. */
  const membersOf = (map: unknown, depth: number): Map<string, unknown> => {
    if (!isMap(map)) throw new Refused(`<< merges a map, or a list of maps${at(map as Place)}`)
    if (depth > WHOLE_DEPTH) throw new Refused(`it is nested more than ${DEPTH} levels deep`)
    const own = new Set<string>()
    for (const { key } of map.items) {
      count()
      const name = isScalar(key) ? String(key.value) : ""
      if (own.has(name))
        throw new Refused(`the key ${JSON.stringify(name)} appears twice in one map${at(key as Place)}`)
      own.add(name)
    }
    const members = new Map<string, unknown>()
    for (const { key, value } of map.items) {
      if (!isMergeKey(key)) {
        members.set(isScalar(key) ? String(key.value) : "", value)
        continue
      }
      const source = resolved(value)
      for (const one of isSeq(source) ? source.items.map(resolved) : [source]) {
        for (const [name, merged] of membersOf(one, depth + 1)) {
          if (!own.has(name) && !members.has(name)) members.set(name, merged)
        }
      }
    }
    return members
  }

  const write = (given: unknown, depth: number): void => {
    const node = resolved(given)
    count()
    const { tag } = (node ?? {}) as { readonly tag?: string }
    if (tag !== undefined && !TAGS.test(tag)) {
      throw new Refused(`JSON can't express a value of the tag ${tag.slice(0, 80)}${at(node as Place)}`)
    }
    if (depth > WHOLE_DEPTH) throw new Refused(`it is nested more than ${DEPTH} levels deep`)
    if (isMap(node)) {
      let separator = "{"
      for (const [name, value] of membersOf(node, depth)) {
        put(`${separator}${JSON.stringify(name)}:`)
        write(value, depth + 1)
        separator = ","
      }
      put(separator === "{" ? "{}" : "}")
    } else if (isSeq(node)) {
      let separator = "["
      for (const item of node.items) {
        put(separator)
        write(item, depth + 1)
        separator = ","
      }
      put(separator === "[" ? "[]" : "]")
    } else put(isScalar(node) ? scalar(node, rules, at) : "null")
  }
  write(document.contents, 0)
  return parts.join("")
}

/** What each alias repeats: the last anchor of its name before it. */
const targetsOf = (document: Document): ReadonlyMap<Alias, unknown> => {
  const anchors = new Map<string, unknown>()
  const targets = new Map<Alias, unknown>()
  visit(document, {
    Alias: (_, alias) => void (anchors.has(alias.source) && targets.set(alias, anchors.get(alias.source))),
    Value: (_, node) => void (node.anchor !== undefined && anchors.set(node.anchor, node))
  })
  return targets
}

/** Tags of the core schema for what JSON has, too. */
const TAGS = /^(?:!|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq))$/

const isMergeKey = (key: unknown): boolean =>
  isScalar(key) && key.value === "<<" && key.type === "PLAIN" && key.tag === undefined

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+)?$/

const scalar = (node: Scalar, { asJson }: Rules, at: (node: Place) => string): string => {
  const { value, source = "" } = node
  switch (typeof value) {
    case "string":
      return JSON.stringify(value)
    case "boolean":
      return String(value)
    case "number":
    case "bigint":
      break
    default:
      return "null"
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new Refused(`a number in it is not finite: ${source.slice(0, 40)}${at(node)}`)
  }
  if (NUMBER.test(source)) return source
  if (asJson) {
    const shown = source.slice(0, 40)
    throw new Refused(`JSON writes the number ${shown} differently: write it as JSON does, or in quotes${at(node)}`)
  }
  if (typeof value === "bigint") return String(value)
  const [, sign = "", whole = "", fraction = "", exponent = ""] = DECIMAL.exec(source) ?? []
  if (whole + fraction === "") throw new Refused(`it is not a number: ${source.slice(0, 40)}${at(node)}`)
  const digits = whole.replace(/^0+(?=\d)/, "")
  return `${sign === "-" ? "-" : ""}${digits || "0"}${fraction === "" ? "" : `.${fraction}`}${exponent}`
}
