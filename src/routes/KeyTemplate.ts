/**
 * The key that an event gets by a rule: text with fields of the event in it, as in `{exchange}:{order.symbol}`. Pure.
 *
 *   ZC1  A template is text and names of fields, and nothing that is carried out. It is bounded in characters and in fields.
 *   ZC2  A key is made of texts, whole numbers and booleans as they are; of what is not there, or is anything else, none is made, and nothing is
 *        guessed.
 */
import { Result } from "effect"
import type { FilterProblem } from "../filters/Problem.ts"
import { problemAt } from "../filters/Problem.ts"
import type { Variables } from "../filters/Variables.ts"
import { type Wanted, want } from "../filters/Wanted.ts"
import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import { EVENT_KEY_LENGTH } from "../topics/Message.ts"

/** Characters. */
export const TEMPLATE_LENGTH = 512
export const PLACES = 16
/** Fields within fields. */
const DEPTH = 8

/** What an event has, besides its payload. */
export interface Keyed {
  readonly key: string | null
  readonly topic: string
  readonly partition: number
  readonly headers: ReadonlyMap<string, string>
}

type Part =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "key" | "topic" | "partition" }
  | { readonly is: "header"; readonly name: string }
  | { readonly is: "field"; readonly path: ReadonlyArray<string>; readonly shown: string }

export interface KeyTemplate {
  readonly text: string
  readonly parts: ReadonlyArray<Part>
  /** Of the payload. */
  readonly wanted: ReadonlyMap<string, Wanted>
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/

/** A text says what is wrong. */
const placeOf = (name: string, { fields }: Variables): Part | string => {
  if (name === "key" || name === "topic" || name === "partition") return { is: name }
  const steps = name.split(".")
  if (steps[0] === "headers") {
    const header = name.slice("headers.".length)
    return header === "" || steps.length === 1
      ? "headers is used with a name, as in {headers.region}"
      : { is: "header", name: header }
  }
  const path = steps[0] === "payload" && steps.length > 1 ? steps.slice(1) : steps
  if (path.length > DEPTH || !path.every((step) => NAME.test(step)))
    return `${excerpt(name)} is no field; one is written as {symbol} or {order.symbol}`
  if (steps[0] !== "payload" && fields !== undefined && !fields.has(path[0]!)) {
    const meant = nearby(path[0]!, [...fields.keys()])
    return `the topic's schema has no field ${excerpt(path[0]!)}${meant.length === 0 ? "; one that it doesn't name is payload.<name>" : `; is ${meant.join(" or ")} meant?`}`
  }
  return { is: "field", path, shown: name }
}

/** ZC1 */
export const keyTemplateOf = (text: string, variables: Variables): Result.Result<KeyTemplate, FilterProblem> => {
  const wrong = (at: number, message: string) => Result.fail(problemAt(text, at, message))
  if (text.length > TEMPLATE_LENGTH) return wrong(0, `it is longer than ${TEMPLATE_LENGTH} characters`)
  if (!text.isWellFormed() || /\p{Cc}/u.test(text)) return wrong(0, "it has characters that no key can have")
  const parts: Array<Part> = []
  const wanted = new Map<string, Wanted>()
  let plain = ""
  const end = () => {
    if (plain !== "") parts.push({ is: "text", text: plain })
    plain = ""
  }
  let places = 0
  for (let at = 0; at < text.length; at++) {
    const one = text[at]!
    if ((one === "{" || one === "}") && text[at + 1] === one) {
      plain += one
      at++
    } else if (one === "}") return wrong(at, "} ends no field; as text it is written }}")
    else if (one !== "{") plain += one
    else {
      const close = text.indexOf("}", at)
      if (close < 0) return wrong(at, "a field begins here and does not end; as text { is written {{")
      const part = placeOf(text.slice(at + 1, close), variables)
      if (typeof part === "string") return wrong(at + 1, part)
      if (++places > PLACES) return wrong(at, `it has more than ${PLACES} fields`)
      end()
      parts.push(part)
      if (part.is === "field") want(wanted, part.path, variables.fields?.get(part.path[0]!) ?? "dyn")
      at = close
    }
  }
  end()
  return Result.succeed({ text, parts, wanted })
}

/** What is there at a path below one of the payload's fields. */
const below = (value: unknown, path: ReadonlyArray<string>): unknown => {
  let found = value
  for (const step of path) found = found instanceof Map ? found.get(step) : undefined
  return found
}

/** ZC2 */
const textOf = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value
    : typeof value === "bigint" || typeof value === "boolean" || Number.isSafeInteger(value)
      ? String(value)
      : undefined

/** `field`: the value of one of the payload's own fields. Fails with why there is no key. ZC2 */
export const keyOf = (
  { parts }: KeyTemplate,
  event: Keyed,
  field: (name: string) => unknown
): Result.Result<string | null, string> => {
  let key = ""
  for (const part of parts) {
    switch (part.is) {
      case "text":
        key += part.text
        break
      case "key":
        key += event.key ?? ""
        break
      case "topic":
        key += event.topic
        break
      case "partition":
        key += event.partition
        break
      case "header": {
        const value = event.headers.get(part.name)
        if (value === undefined) return Result.fail(`the event has no header ${part.name}`)
        key += value
        break
      }
      case "field": {
        const value = below(field(part.path[0]!), part.path.slice(1))
        if (value === undefined) return Result.fail(`the event has no field ${part.shown}`)
        const text = textOf(value)
        if (text === undefined) return Result.fail(`${part.shown} is neither a text nor a whole number`)
        key += text
      }
    }
    if (key.length > EVENT_KEY_LENGTH) return Result.fail(`the key is longer than ${EVENT_KEY_LENGTH} characters`)
  }
  return /[\p{Cc}]/u.test(key) || !key.isWellFormed()
    ? Result.fail("the key would have characters that no key can have")
    : Result.succeed(key === "" ? null : key)
}
