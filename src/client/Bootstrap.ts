/**
 * Reads values shipped with the application. A bootstrap that can't be read is a mistake of the build, so it throws `OptionError`.
 *
 *   BS1  What JavaScript would change is refused: a name given twice, and a number that it can't hold.
 */
import { messageOf, OptionError } from "./ClientError.ts"
import type { ConnectOptions } from "./Options.ts"
import { readText } from "./Platform.ts"

export const readBootstrap = async (bootstrap: ConnectOptions["bootstrap"]): Promise<ReadonlyMap<string, unknown>> => {
  if (bootstrap === undefined) return new Map()
  if ("values" in bootstrap) return new Map(Object.entries(bootstrap.values))
  const wrong = (why: string) =>
    new OptionError(`the bootstrap file ${bootstrap.file} ${why}. It must be a JSON object of key to value.`)
  let read: unknown
  try {
    const text = await readText(bootstrap.file)
    if (text === undefined) throw wrong("does not exist")
    read = parse(text)
  } catch (error) {
    if (error instanceof OptionError) throw error
    throw wrong(`can't be read: ${messageOf(error)}`)
  }
  if (typeof read !== "object" || read === null || Array.isArray(read)) throw wrong("is not an object")
  return new Map(Object.entries(read))
}

/** BS1. */
const parse = (text: string): unknown => {
  let members = -1 // the root is read as a member too
  const read: unknown = JSON.parse(text, function (this: unknown, _, value: unknown, context?: { source?: string }) {
    if (!Array.isArray(this)) members++
    const source = typeof value === "number" ? context?.source : undefined
    if (source !== undefined && decimal(source) !== decimal(String(value))) {
      throw new Error(`JavaScript has no number ${source.slice(0, 40)}; write it in quotes`)
    }
    return value
  })
  let written = 0
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) written++
  if (written !== members) throw new Error("a name is given twice in one object")
  return read
}

/** One spelling for each number: equal numbers give equal texts. */
const decimal = (number: string): string => {
  const [mantissa = "", exponent = "0"] = number.toLowerCase().split("e")
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".")
  const digits = (whole + fraction).replace(/^0+/, "")
  const short = digits.replace(/0+$/, "")
  return short === "" ? "0" : `${short}e${Number(exponent) - fraction.length + digits.length - short.length}`
}
