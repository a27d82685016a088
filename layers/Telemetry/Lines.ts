/**
 * Makes lines of the log, as JSON for machines and as text for people.
 *
 *   LL1  A JSON line is one object: `time` (RFC 3339), `level`, `message`, `node`, then the fields of this case. `message` is always text,
 *        and the same text each time: what differs from case to case is a field.
 *   LL2  A value that can't be written down, however it throws, costs its own field and never the line.
 */
import { Cause, Context, References, Tracer } from "effect"
import type { Logger } from "effect/Logger"

type Told = Parameters<Logger<unknown, string>["log"]>[0]
type Fields = Record<string, unknown>

/** Names that every line may have. A field of one of these names gets an underscore. */
const OWN = new Set(["time", "level", "message", "node", "trace_id", "span_id"])
const UNREADABLE = "(can't be written down)"
/** UTF-16 units of one text, so that what a user wrote, or a stack, does not fill a disk. */
const LONGEST = 16_384

const attempt = <A>(read: () => A): A | typeof UNREADABLE => {
  try {
    return read()
  } catch {
    return UNREADABLE // LL2
  }
}

const isFields = (item: unknown): item is Fields => {
  if (typeof item !== "object" || item === null) return false
  const prototype = Object.getPrototypeOf(item)
  return prototype === Object.prototype || prototype === null
}

const cut = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text)

const written = (value: unknown): unknown => {
  if (typeof value === "string") return cut(value)
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value)
  if (typeof value === "boolean" || value === null || value === undefined) return value
  if (typeof value === "bigint") return String(value)
  const text = JSON.stringify(value, (_, one) => (typeof one === "bigint" ? String(one) : one))
  return text === undefined || text.length > LONGEST ? cut(text ?? String(value)) : JSON.parse(text)
}

const errorOf = (cause: Cause.Cause<unknown>): Fields => {
  const [first] = Cause.prettyErrors(cause)
  if (first === undefined) return {}
  const code = attempt(() => (Object(Cause.squash(cause)) as { readonly code?: unknown }).code)
  return {
    ...(typeof code === "string" && code !== UNREADABLE ? { code } : {}),
    error: cut(first.message),
    stack: cut(Cause.pretty(cause))
  }
}

/** The parts of a line, in their order. LL1 */
export const lineOf = ({ message, logLevel, date, cause, fiber }: Told, node: string): Fields => {
  const texts: Array<string> = []
  const fields: Fields = {}
  const add = (found: Fields) => {
    for (const name of Object.keys(found))
      fields[OWN.has(name) ? `${name}_` : name] = attempt(() => written(found[name]))
  }
  const addError = (it: Cause.Cause<unknown>) => {
    const found = attempt(() => errorOf(it))
    add(found === UNREADABLE ? { error: UNREADABLE } : found)
  }
  add(fiber.getRef(References.CurrentLogAnnotations))
  for (const item of Array.isArray(message) ? message : [message]) {
    if (typeof item === "string") texts.push(item)
    else if (attempt(() => isFields(item)) === true) add(item as Fields)
    else addError(Cause.die(item))
  }
  if (cause.reasons.length > 0) addError(cause)
  if (texts.length === 0) texts.push(typeof fields["error"] === "string" ? fields["error"] : "an error")
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  return {
    time: date.toISOString(),
    level: logLevel.toLowerCase(),
    message: cut(texts.join(" ")),
    node,
    ...(span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId }),
    ...fields
  }
}

/** One line, without its end. */
export const jsonOf = (line: Fields): string => JSON.stringify(line)

const plainValue = (value: unknown): string => {
  if (typeof value !== "string") return JSON.stringify(value) ?? ""
  return value === "" || /[\s"=]/.test(value) ? JSON.stringify(value) : value
}

/** The same for people: the time of this day, what happened, and its fields; a stack on lines of its own. */
export const plainOf = ({ time, level, message, node: _, stack, trace_id, span_id: __, ...fields }: Fields): string => {
  const pairs = Object.entries({ ...fields, trace_id }).flatMap(([name, value]) =>
    value === undefined ? [] : [` ${name}=${plainValue(value)}`]
  )
  const below = typeof stack === "string" ? `\n${stack.replaceAll(/^/gm, "    ")}` : ""
  return `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${message}${pairs.join("")}${below}`
}
