/**
 * Logic-less templates: `{{name}}` is a variable of the environment, `{{client.label}}` the client's metadata, `\{{` two braces,
 * `{{\}}` a backslash right before a placeholder. Of a run of braces the last two open. Pure.
 *
 *   T1  A name is looked up among own properties only; what is not there is missing, never an empty string.
 *   T2  A value can't leave its place: in JSON it stays one string or one scalar, in YAML it can't change the structure.
 *   T3  What is rendered is read as its type again before anyone gets it.
 *   T4  Time is linear in the text, and nothing larger than a value may be is built: the size is known before.
 *   T5  in Templates.ts
 *   T6  Clients that answer alike for what a template uses get the same rendering, made once.
 *   T7  Every text can be written: any literal text, before and after any placeholder. In JSON, backslashes are read as JSON reads
 *       them: pairs stay, and only a single one before `{{` is the escape.
 */
import { Result } from "effect"
import { excerpt } from "../text/Excerpt.ts"
import type { ClientView } from "../updates/Client.ts"
import { VALUE_BYTES } from "../values/Limits.ts"
import { bytesOf, isNumber } from "../values/Value.ts"
import type { ValueType } from "../values/ValueType.ts"

/** A template in parts: literals[0] places[0] literals[1] …; there is one more of `literals`. */
export interface Compiled {
  readonly literals: ReadonlyArray<string>
  /** Index into `slots` of what stands there. */
  readonly places: ReadonlyArray<number>
  readonly slots: ReadonlyArray<Slot>
  /** Names that it uses, each once, in order of appearance. */
  readonly names: ReadonlyArray<string>
  /** Those of `names` whose value is the client's. */
  readonly clientNames: ReadonlyArray<string>
  /** Bytes of UTF-8 of all literals. */
  readonly bytes: number
  readonly escapes: boolean
  /** Offset of the first `{{` that opens no placeholder. */
  readonly malformed: number | undefined
  /** It was read as JSON. T7 */
  readonly json: boolean
}

/** What stands in all places that take the same text. */
interface Slot {
  readonly name: string
  /** It stands inside a JSON string. */
  readonly quoted: boolean
  count: number
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

/** How many backslashes stand right before `at`; those before `from` do not count. */
const backslashesBefore = (text: string, from: number, at: number): number => {
  let start = at
  while (start > from && text.charCodeAt(start - 1) === 92 /* \ */) start--
  return at - start
}

/** The backslashes of `{{\}}`; undefined if something else opens here. */
const backslashesIn = (text: string, open: number): string | undefined => {
  let end = open + 2
  while (text.charCodeAt(end) === 92 /* \ */) end++
  return end > open + 2 && text.startsWith("}}", end) ? text.slice(open + 2, end) : undefined
}

const read = (text: string, json: boolean): Compiled => {
  const literals: Array<string> = []
  const places: Array<number> = []
  const slots: Array<Slot> = []
  const found = new Map<string, number>()
  let literal = ""
  let from = 0
  let inString = false
  let escapes = false
  let malformed: number | undefined
  const place = (name: string): void => {
    const id = inString ? `"${name}` : name
    const slot = found.get(id) ?? slots.push({ name, quoted: inString, count: 0 }) - 1
    found.set(id, slot)
    ;(slots[slot] as Slot).count++
    places.push(slot)
  }
  for (let open = text.indexOf("{{"); open !== -1; open = text.indexOf("{{", Math.max(from, open + 2))) {
    const backslashes = backslashesBefore(text, from, open)
    if (json ? backslashes % 2 === 1 : backslashes > 0) {
      literal += `${text.slice(from, open - 1)}{{`
      from = open + 2
      escapes = true
      continue
    }
    const first = open
    while (text.charCodeAt(open + 2) === 123 /* { */) open++
    const written = backslashesIn(text, open)
    if (written !== undefined) {
      literal += text.slice(from, open) + written
      from = open + 2 + written.length + 2
      escapes = true
      continue
    }
    const placeholder = placeholderAt(text, open)
    if (placeholder === undefined) {
      malformed ??= first
      continue
    }
    literal += text.slice(from, open)
    inString = endsInString(literal, inString)
    literals.push(literal)
    place(placeholder.name)
    literal = ""
    from = placeholder.end
  }
  literals.push(literal + text.slice(from))
  const names = [...new Set(slots.map(({ name }) => name))]
  const [clientNames, bytes] = [names.filter(isClientName), bytesOf(literals.join(""))]
  return { literals, places, slots, names, clientNames, bytes, escapes, malformed, json }
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

export type ReadTemplate = (text: string, type: ValueType) => Compiled

/** Reads a template. Templates.ts keeps what a node read lately. */
export const compile = (text: string, type: ValueType = "string"): Compiled => read(text, type === "json")

/** Whether there is anything to render. */
export const isTemplate = (text: string, type: ValueType = "string", readIt: ReadTemplate = compile): boolean => {
  if (!text.includes("{{")) return false
  const { names, escapes } = readIt(text, type)
  return names.length > 0 || escapes
}

/** Why a `{{` in the text opens no placeholder. */
export const malformedIn = (
  text: string,
  type: ValueType = "string",
  readIt: ReadTemplate = compile
): string | undefined => {
  const at = text.includes("{{") ? readIt(text, type).malformed : undefined
  return at === undefined
    ? undefined
    : `${excerpt(text.slice(at, at + 24))} at character ${at + 1} is no placeholder: write {{name}}, or \\{{ for two braces`
}

export type Variables = Readonly<Record<string, string>>

/** T1. */
export const lookup = (name: string, variables: Variables, client: ClientView): string | undefined => {
  if (!isClientName(name)) return Object.hasOwn(variables, name) ? variables[name] : undefined
  const label = name.slice(CLIENT.length)
  if (label === "service" || label === "instance" || label === "environment") return client[label] || undefined
  return Object.hasOwn(client.labels, label) ? client.labels[label] : undefined
}

/** What a client answers to a template: those with equal keys get the same rendering, for the same variables. T6 */
export const renderingKey = ({ clientNames }: Compiled, client: ClientView): string =>
  clientNames.length === 0 ? "" : JSON.stringify(clientNames.map((name) => lookup(name, {}, client) ?? null))

/** Why a template has no rendering: names that have no value, or one that can't stand there; or the size that it would have. */
export type Obstacle =
  | { readonly kind: "names"; readonly names: ReadonlyArray<string> }
  | { readonly kind: "size"; readonly bytes: number }

/** For people: the missing names, or else one reason. */
export const reasonsOf = (obstacle: Obstacle): ReadonlyArray<string> =>
  obstacle.kind === "names" ? obstacle.names : [`the rendered value is ${tooLarge(obstacle.bytes)}`]

export const notValid = (type: ValueType, reason: string): string =>
  `the rendered value is not a valid ${type}: ${reason}`

/** For people: how large a rendering would be. */
export const tooLarge = (bytes: number): string => `larger than ${VALUE_BYTES} bytes: it would have ${bytes}`

/** Puts values in their places, without T3. */
export const fill = (
  { literals, places, slots, bytes }: Compiled,
  type: ValueType,
  valueOf: (name: string) => string | undefined
): Result.Result<string, Obstacle> => {
  const problems = new Set<string>()
  const texts: Array<string> = []
  let size = bytes
  for (const { name, quoted, count } of slots) {
    const value = valueOf(name)
    if (value === undefined) problems.add(name)
    else if (type === "yaml" && !isPlainYaml(value))
      problems.add(`${name} (${excerpt(value)} has characters that could change the YAML around it; use type json)`)
    else {
      const text = type === "json" ? inJson(value, quoted) : value
      texts.push(text)
      size += count * bytesOf(text)
    }
  }
  if (problems.size > 0) return Result.fail({ kind: "names", names: [...problems] })
  if (size > VALUE_BYTES) return Result.fail({ kind: "size", bytes: size }) // T4
  let rendered = literals[0] as string
  for (let at = 0; at < places.length; at++) rendered += (texts[places[at] as number] as string) + literals[at + 1]
  return Result.succeed(rendered)
}

/** How a value is written into JSON: escaped inside a string, elsewhere as one scalar. T2 */
const inJson = (value: string, quoted: boolean): string => {
  if (quoted) return JSON.stringify(value).slice(1, -1)
  return value === "true" || value === "false" || value === "null" || isNumber(value) ? value : JSON.stringify(value)
}

/** Whether all its characters mean nothing to YAML, be the scalar plain, quoted or a block. T2 */
const isPlainYaml = (value: string): boolean =>
  /^[\p{L}\p{N}_./+-][\p{L}\p{N}_./+\-:@=~?()$;^ ]*$/u.test(value) && !/^-(?: |$)|^---|^\.\.\.|: |[: ]$/.test(value)
