/**
 * JSON as it was written: what `JSON.parse` forgets. Pure, without imports. Each function takes a text that `JSON.parse` takes.
 *
 *   JS1  A name that appears twice in one object is found, however deep and however it is escaped.
 *   JS2  A number that JavaScript makes another number of is found: "held exactly" compares decimals, digit by digit.
 *   JS3  What is cut out, or laid out anew, keeps every token as it stands: numbers, escapes, order of names.
 */

const QUOTE = 34
const BACKSLASH = 92
const COLON = 58
const COMMA = 44

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9
const isNumberPart = (code: number): boolean =>
  (code >= 48 && code <= 57) || code === 46 || code === 45 || code === 43 || code === 69 || code === 101
const startsNumber = (code: number): boolean => (code >= 48 && code <= 57) || code === 45

/** The offset behind the string that opens at `at`. */
const afterString = (text: string, at: number): number => {
  for (let quote = text.indexOf('"', at + 1); ; quote = text.indexOf('"', quote + 1)) {
    let before = quote - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    if ((quote - before) % 2 === 1) return quote + 1
  }
}

const afterNumber = (text: string, at: number): number => {
  let next = at + 1
  while (isNumberPart(text.charCodeAt(next))) next++
  return next
}

const afterSpace = (text: string, at: number): number => {
  let next = at
  while (isSpace(text.charCodeAt(next))) next++
  return next
}

/** A number as JSON writes it. */
export const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Digits without zeros around them, and the exponent of the last: equal numbers have equal texts. */
export const decimal = (number: string): string => {
  const e = number.search(/e/i)
  const mantissa = e === -1 ? number : number.slice(0, e)
  const sign = mantissa.startsWith("-") ? "-" : ""
  const point = mantissa.indexOf(".")
  const digits = (point === -1 ? mantissa : mantissa.slice(0, point) + mantissa.slice(point + 1)).slice(sign.length)
  let [from, to] = [0, digits.length]
  while (from < to && digits.charCodeAt(from) === 48) from++
  while (to > from && digits.charCodeAt(to - 1) === 48) to--
  if (from === to) return "0"
  const fraction = point === -1 ? 0 : mantissa.length - point - 1
  const exponent = (e === -1 ? 0 : Number(number.slice(e + 1))) - fraction + digits.length - to
  return `${sign}${digits.slice(from, to)}e${exponent}`
}

/** JS2. */
export const isExact = (number: string): boolean => {
  const held = String(Number(number))
  return held === number || decimal(held) === decimal(number)
}

export interface Survey {
  /** Members of all objects. More than the parsed objects have: a name appears twice (JS1). */
  readonly members: number
  /** Offset of the first number that JavaScript does not hold exactly, or -1. JS2. */
  readonly inexact: number
}

/** Looks at `text` once, from `from` to `to`, neither of them inside a token. Written for speed, as every publish waits for it. */
export const survey = (text: string, from = 0, to = text.length): Survey => {
  let members = 0
  let inexact = -1
  for (let at = from; at < to; ) {
    let code = text.charCodeAt(at++)
    if (code === QUOTE) {
      while ((code = text.charCodeAt(at++)) !== QUOTE) if (code === BACKSLASH) at++
    } else if (code === COLON) members++
    else if (code < COLON && code >= 48 /* 0 */) {
      const start = at - 1
      let exponent = false
      while (isNumberPart((code = text.charCodeAt(at)))) {
        if (code > COLON) exponent = true
        at++
      }
      // Every number of up to 15 digits is held exactly.
      if (inexact === -1 && (exponent || at - start > 15) && !isExact(text.slice(start, at))) inexact = start
    }
  }
  return { members, inexact }
}

/** Every number, as it is written. */
export function* numbersIn(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = afterString(text, at)
    else if (startsNumber(code)) {
      const end = afterNumber(text, at)
      yield text.slice(at, end)
      at = end
    } else at++
  }
}

export const numberAt = (text: string, at: number): string => text.slice(at, afterNumber(text, at))

/** How many members the objects of a parsed value have together. */
export const membersOf = (json: unknown): number => {
  let members = 0
  const open: Array<unknown> = [json]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next !== "object" || next === null) continue
    if (Array.isArray(next)) {
      for (const item of next) if (typeof item === "object" && item !== null) open.push(item)
      continue
    }
    for (const name of Object.keys(next)) {
      members++
      const value = (next as Record<string, unknown>)[name]
      if (typeof value === "object" && value !== null) open.push(value)
    }
  }
  return members
}

/** The first name that appears twice in one object. JS1. */
export const twiceIn = (text: string): string | undefined => {
  const open: Array<Set<string> | undefined> = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 123 /* { */) open.push(new Set())
    else if (code === 91 /* [ */) open.push(undefined)
    else if (code === 125 || code === 93) open.pop()
    else if (code === QUOTE) {
      const end = afterString(text, at)
      const names = open.at(-1)
      if (names !== undefined && text.charCodeAt(afterSpace(text, end)) === COLON) {
        const name = JSON.parse(text.slice(at, end)) as string
        if (names.has(name)) return name
        names.add(name)
      }
      at = end - 1
    }
  }
  return undefined
}

interface Place {
  readonly to: number
  /** Members of all its objects. */
  readonly members: number
}

/** Where the value that begins at `at` ends. Written for speed, as `survey` is. */
const placeOf = (text: string, at: number): Place => {
  let code = text.charCodeAt(at)
  if (code === QUOTE) return { to: afterString(text, at), members: 0 }
  if (code !== 123 && code !== 91) return { to: afterScalar(text, at), members: 0 }
  let members = 0
  let depth = 1
  let next = at + 1
  while (depth > 0) {
    code = text.charCodeAt(next++)
    if (code === QUOTE) {
      while ((code = text.charCodeAt(next++)) !== QUOTE) if (code === BACKSLASH) next++
    } else if ((code | 32) === 123 /* { [ */) depth++
    else if ((code | 32) === 125 /* } ] */) depth--
    else if (code === COLON) members++
  }
  return { to: next, members }
}

const afterValue = (text: string, at: number): number => placeOf(text, at).to

const afterScalar = (text: string, at: number): number => {
  let next = at
  for (; next < text.length; next++) {
    const code = text.charCodeAt(next)
    if (isSpace(code) || code === COMMA || (code | 32) === 125) break
  }
  return next
}

export interface Member extends Place {
  /** "" for an element of an array. */
  readonly name: string
  /** Where the value begins. */
  readonly from: number
}

/** The members of the object, or elements of the array, that begins at `at` or behind spaces there. JS3. */
export const membersAt = (text: string, at = 0): ReadonlyArray<Member> => {
  const found: Array<Member> = []
  let next = afterSpace(text, at)
  const object = text[next] === "{"
  if (!object && text[next] !== "[") return found
  next = afterSpace(text, next + 1)
  while (text[next] !== "}" && text[next] !== "]") {
    let name = ""
    if (object) {
      const end = afterString(text, next)
      name = JSON.parse(text.slice(next, end)) as string
      next = afterSpace(text, afterSpace(text, end) + 1)
    }
    const place = placeOf(text, next)
    found.push({ name, from: next, ...place })
    next = afterSpace(text, place.to)
    if (text.charCodeAt(next) === COMMA) next = afterSpace(text, next + 1)
  }
  return found
}

/** A member by its name, with the text of its value. JS3 */
export type NamedText = readonly [name: string, text: string]

/** The members of a text that is an object; undefined where it is none. */
export const namedTextsIn = (text: string): ReadonlyArray<NamedText> | undefined =>
  text[afterSpace(text, 0)] === "{"
    ? membersAt(text).map(({ name, from, to }): NamedText => [name, text.slice(from, to)])
    : undefined

/** Numbers that JavaScript does not hold exactly, as they are written, by JSON Pointer. Recursive, once a level. JS2. */
export const inexactIn = (text: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  /** Path of the value that is being read: names as they are written, and indices. */
  const path: Array<string | number> = []
  const token = (step: string | number): string =>
    typeof step === "number" ? String(step) : JSON.parse(step).replaceAll("~", "~0").replaceAll("/", "~1")
  const visit = (from: number): number => {
    const code = text.charCodeAt(from)
    if (startsNumber(code)) {
      const number = numberAt(text, from)
      if (!isExact(number)) found.set(path.map((step) => `/${token(step)}`).join(""), number)
      return from + number.length
    }
    if (code !== 123 && code !== 91) return afterValue(text, from)
    let next = afterSpace(text, from + 1)
    for (let index = 0; text.charCodeAt(next) !== code + 2; index++) {
      if (code === 123) {
        const end = afterString(text, next)
        path.push(text.slice(next, end))
        next = afterSpace(text, afterSpace(text, end) + 1)
      } else path.push(index)
      next = afterSpace(text, visit(next))
      path.pop()
      if (text.charCodeAt(next) === COMMA) next = afterSpace(text, next + 1)
    }
    return next + 1
  }
  visit(afterSpace(text, 0))
  return found
}

/** One member or element a line, as `JSON.stringify(…, null, 2)` lays out, with every token as it was. JS3. */
export const laidOut = (text: string): string => {
  const parts: Array<string> = []
  let depth = 0
  const line = (): void => void parts.push("\n", "  ".repeat(depth))
  for (let at = afterSpace(text, 0); at < text.length; at = afterSpace(text, at)) {
    const code = text.charCodeAt(at)
    if (code === 123 || code === 91) {
      const close = afterSpace(text, at + 1)
      if (text.charCodeAt(close) === code + 2) {
        parts.push(text[at] as string, text[close] as string)
        at = close + 1
        continue
      }
      depth++
      parts.push(text[at++] as string)
      line()
    } else if (code === 125 || code === 93) {
      depth--
      line()
      parts.push(text[at++] as string)
    } else if (code === COMMA) {
      parts.push(",")
      line()
      at++
    } else if (code === COLON) {
      parts.push(": ")
      at++
    } else {
      const end = afterValue(text, at)
      parts.push(text.slice(at, end))
      at = end
    }
  }
  return parts.join("")
}
