/**
 * Logic-less templates: `{{name}}` is a variable of the environment, `{{client.label}}` the client's metadata, `\{{` two braces. Pure.
 *
 *   T1  A name is looked up among own properties only; what is not there is missing, never an empty string.
 *   T2  A value can't leave its place: in JSON it stays one string or one scalar, in YAML it can't change the structure.
 *   T3  What is rendered is read as its type again before anyone gets it.
 *   T4  Time is linear in the text.
 */
import { Result } from "effect"
import type { ValueType } from "./Configuration.ts"
import type { ClientView } from "./Rendering.ts"
import { excerpt, isNumber, parse } from "./Value.ts"

interface Template {
  /** One more than names: literals[0] names[0] literals[1] … */
  readonly literals: ReadonlyArray<string>
  readonly names: ReadonlyArray<string>
  /** Per name: does it stand inside a JSON string? */
  readonly quoted: ReadonlyArray<boolean>
  readonly escapes: boolean
  /** Offset of the first `{{` that opens no placeholder. */
  readonly malformed: number | undefined
}

const NAME_LENGTH = 128
const CLIENT = "client."

const isStart = (code: number): boolean =>
  (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95 /* _ */
const isPart = (code: number): boolean =>
  isStart(code) || (code >= 48 && code <= 57) || code === 46 /* . */ || code === 45 /* - */

export const isName = (name: string): boolean => {
  if (name.length === 0 || name.length > NAME_LENGTH || !isStart(name.charCodeAt(0))) return false
  for (let at = 1; at < name.length; at++) if (!isPart(name.charCodeAt(at))) return false
  return true
}

export const isClientName = (name: string): boolean => name.startsWith(CLIENT)

/** The placeholder that opens at `open`, spaces around its name allowed. */
const placeholderAt = (text: string, open: number): { readonly name: string; readonly end: number } | undefined => {
  const limit = Math.min(text.length, open + NAME_LENGTH + 16)
  let start = open + 2
  while (start < limit && text.charCodeAt(start) === 32) start++
  let end = start
  while (end < limit && isPart(text.charCodeAt(end))) end++
  const name = text.slice(start, end)
  while (end < limit && text.charCodeAt(end) === 32) end++
  return isName(name) && text.startsWith("}}", end) ? { name, end: end + 2 } : undefined
}

const compile = (text: string): Template => {
  const literals: Array<string> = []
  const names: Array<string> = []
  const quoted: Array<boolean> = []
  let literal = ""
  let from = 0
  let inString = false
  let escapes = false
  let malformed: number | undefined
  for (let open = text.indexOf("{{"); open !== -1; open = text.indexOf("{{", Math.max(from, open + 2))) {
    if (open > from && text.charCodeAt(open - 1) === 92 /* \ */) {
      literal += `${text.slice(from, open - 1)}{{`
      from = open + 2
      escapes = true
      continue
    }
    const found = placeholderAt(text, open)
    if (found === undefined) {
      malformed ??= open
      continue
    }
    literal += text.slice(from, open)
    inString = endsInString(literal, inString)
    literals.push(literal)
    names.push(found.name)
    quoted.push(inString)
    literal = ""
    from = found.end
  }
  literals.push(literal + text.slice(from))
  return { literals, names, quoted, escapes, malformed }
}

const endsInString = (json: string, before: boolean): boolean => {
  let inside = before
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === 34 /* " */) inside = !inside
    else if (code === 92 /* \ */ && inside) at++
  }
  return inside
}

/** The templates used last: a publish and the deliveries that follow it read one template once. */
const RECENT = 64
const recent = new Map<string, Template>()
const compiled = (text: string): Template => {
  const known = recent.get(text)
  if (known !== undefined) return known
  const template = compile(text)
  if (recent.size >= RECENT) recent.delete(recent.keys().next().value as string)
  if (text.length <= 65_536) recent.set(text, template)
  return template
}

/** Has it anything to render? */
export const isTemplate = (text: string): boolean => {
  if (!text.includes("{{")) return false
  const { names, escapes } = compiled(text)
  return names.length > 0 || escapes
}

/** Why a `{{` in the text opens no placeholder. */
export const malformedIn = (text: string): string | undefined => {
  const at = text.includes("{{") ? compiled(text).malformed : undefined
  return at === undefined
    ? undefined
    : `${excerpt(text.slice(at, at + 24))} at character ${at + 1} is no placeholder: write {{name}}, or \\{{ for two braces`
}

/** Names in order of appearance, each once. */
export const namesIn = (text: string): ReadonlyArray<string> =>
  text.includes("{{") ? [...new Set(compiled(text).names)] : []

export type Variables = Readonly<Record<string, string>>

/** T1. */
export const lookup = (name: string, variables: Variables, client: ClientView): string | undefined => {
  if (!isClientName(name)) return Object.hasOwn(variables, name) ? variables[name] : undefined
  const label = name.slice(CLIENT.length)
  if (label === "service" || label === "instance" || label === "environment") return client[label] || undefined
  return Object.hasOwn(client.labels, label) ? client.labels[label] : undefined
}

export const missingIn = (text: string, variables: Variables, client: ClientView): ReadonlyArray<string> =>
  namesIn(text).filter((name) => lookup(name, variables, client) === undefined)

/** The rendered text, or what stands in the way: the missing names, or else one reason. */
export const render = (
  text: string,
  variables: Variables,
  client: ClientView,
  type: ValueType
): Result.Result<string, ReadonlyArray<string>> => {
  const result = substitute(text, type, (name) => lookup(name, variables, client))
  if (Result.isFailure(result)) return result
  const read = parse(type, result.success) // T3
  return Result.isSuccess(read) ? result : Result.fail([`the rendered value is not a valid ${type}: ${read.failure}`])
}

/** Puts values in their places, without T3. */
export const substitute = (
  text: string,
  type: ValueType,
  valueOf: (name: string) => string | undefined
): Result.Result<string, ReadonlyArray<string>> => {
  const { literals, names, quoted } = compiled(text)
  const problems = new Set<string>()
  let rendered = literals[0] ?? ""
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    const value = valueOf(name)
    if (value === undefined) {
      problems.add(name)
      continue
    }
    if (type === "yaml" && !isPlainYaml(value)) {
      problems.add(`${name} (${excerpt(value)} has characters that could change the YAML around it; use type json)`)
      continue
    }
    rendered += (type === "json" ? inJson(value, quoted[index] === true) : value) + literals[index + 1]
  }
  return problems.size > 0 ? Result.fail([...problems]) : Result.succeed(rendered)
}

/** T2: inside a string its escaped characters; elsewhere one scalar. */
const inJson = (value: string, quoted: boolean): string => {
  if (quoted) return JSON.stringify(value).slice(1, -1)
  return value === "true" || value === "false" || value === "null" || isNumber(value) ? value : JSON.stringify(value)
}

/** T2: characters that mean nothing in any YAML scalar, plain, quoted or block. */
const isPlainYaml = (value: string): boolean =>
  /^[\p{L}\p{N}_./+-][\p{L}\p{N}_./+\-:@=~?()$;^ ]*$/u.test(value) && !/^-(?: |$)|^---|^\.\.\.|: |[: ]$/.test(value)
