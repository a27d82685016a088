/**
 * Differences, coloured. Pure but for the library that compares lines, which is loaded when needed.
 *
 *   AQ23  Two contents that differ are never said to be the same, be it in white space; and who answers for a change sees each character of it.
 */

import { escaped, printable } from "../text/Printable.ts"
import { laidOut } from "../values/Json.ts"
import type { Paint } from "./Paint.ts"

export interface Operation {
  readonly op: string
  readonly path: string
  readonly value?: unknown
  readonly from?: string
}

export interface WireDifference {
  readonly kind: string
  readonly patch?: ReadonlyArray<Operation>
  readonly unified?: string
}

/** Characters of a value in a line of a difference. */
const SHOWN = 200

const shortly = (value: unknown): string => {
  const text = JSON.stringify(value)
  return printable(text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} characters)` : text)
}

const operation = (
  { op, path, value, from }: Operation,
  was: { readonly value: unknown } | undefined,
  paint: Paint
) => {
  const at = path === "" ? "(the whole value)" : printable(path)
  const shown = value === undefined ? "" : ` ${shortly(value)}`
  const old = was === undefined ? "" : ` ${shortly(was.value)}`
  if (op === "add") return paint.green(`+ ${at}${shown}`)
  if (op === "remove") return paint.red(`- ${at}${old}`)
  if (op === "replace") return paint.yellow(`~ ${at}${old}${old === "" ? "" : " →"}${shown}`)
  return paint.cyan(`${op} ${from === undefined ? "" : `${printable(from)} → `}${at}${shown}`)
}

const colourUnified = (unified: string, paint: Paint): string =>
  unified
    .replace(/^=+\n/, "")
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => {
      const safe = printable(line, true)
      if (line.startsWith("@@")) return paint.cyan(safe)
      if (line.startsWith("+++") || line.startsWith("---")) return paint.bold(safe)
      if (line.startsWith("+")) return paint.green(safe)
      if (line.startsWith("-")) return paint.red(safe)
      return safe
    })
    .join("\n")

/** What there is now where there was nothing, or was where nothing is: lines without a place. Undefined where both are something. */
const whole = (unified: string, paint: Paint): string | undefined => {
  const [, place = "", body = ""] = /^@@ ([^@]*) @@[^\n]*\n([\s\S]*)$/m.exec(unified) ?? []
  const [sign, colour] = place.startsWith("-0,0 ")
    ? ["+", paint.green]
    : place.endsWith(" +0,0")
      ? ["-", paint.red]
      : []
  if (sign === undefined || colour === undefined) return undefined
  const lines = body.split("\n").filter((line) => line.startsWith(sign))
  const gap = lines.length === 1 ? " " : ""
  return lines.map((line) => colour(`${sign}${gap}${printable(line.slice(1), true)}`)).join("\n")
}

/** What stood at each place of a patch just before it was changed: undefined where that isn't known. */
const formerly = (
  before: string | undefined,
  patch: ReadonlyArray<Operation>
): ReadonlyArray<{ readonly value: unknown } | undefined> => {
  if (before === undefined) return patch.map(() => undefined)
  try {
    const root: { whole: unknown } = { whole: JSON.parse(before) }
    return patch.map(({ op, path, value }) => {
      const steps = path
        .split("/")
        .slice(1)
        .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
      // biome-ignore lint/suspicious/noExplicitAny: any JSON
      let at: any = root
      let name = "whole"
      for (const step of steps) [at, name] = [at[name], step]
      const was = at[name]
      if (Array.isArray(at))
        at.splice(name === "-" ? at.length : Number(name), op === "add" ? 0 : 1, ...(op === "remove" ? [] : [value]))
      else if (op === "remove") delete at[name]
      else Object.defineProperty(at, name, { value, writable: true, enumerable: true, configurable: true })
      return op === "add" || was === undefined ? undefined : { value: was }
    })
  } catch {
    return patch.map(() => undefined)
  }
}

/** Lines of a difference that is shown beside something else. */
export const SOME = 40

/** The first lines, and how many there are besides. */
export const shortened = (text: string, most: number, paint: Paint): string => {
  const lines = text.split("\n")
  const left = lines.length - most
  return left <= 1 ? text : [...lines.slice(0, most), paint.dim(`… ${left} more lines`)].join("\n")
}

/** `before`: the value that it begins with, so that what was there is shown beside what is. */
export const showDifference = (difference: WireDifference, paint: Paint, before?: string): string => {
  const { patch = [] } = difference
  if (difference.kind === "json" && patch.length > 0) {
    const was = formerly(before, patch)
    return patch.map((one, at) => operation(one, was[at], paint)).join("\n")
  }
  if (difference.kind === "lines") {
    const unified = difference.unified ?? ""
    return whole(unified, paint) ?? colourUnified(unified, paint)
  }
  return paint.dim("no difference")
}

/** JSON a member a line, with every token as it was written. */
const pretty = (content: string): string => {
  try {
    JSON.parse(content)
  } catch {
    return content
  }
  return laidOut(content)
}

/** White space but for spaces inside of a line, joiners, selectors: nobody sees one, or which it is. */
const UNSEEN = /[^\S\n ]|\u2800|\p{Default_Ignorable_Code_Point}|\p{Cf}| +$/gu

/** Each character that can't be seen as an escape, also at the end of a line. */
export const exact = (line: string): string => line.replace(UNSEEN, escaped)

/** How somebody reads a difference who answers for it: to the last character. `json`: what stands between its tokens says nothing. */
export interface Exactly {
  readonly json: boolean
}

/** From one content to the next; JSON is laid out first, so that one changed field is one changed line. AQ23 */
export const contentChange = async (
  before: string,
  after: string,
  paint: Paint,
  exactly?: Exactly
): Promise<string> => {
  const { structuredPatch } = await import("diff")
  const linesOf = (old: string, now: string): ReadonlyArray<string> => {
    // Where one alone ends with its line, that is said.
    const [was, is] = old.endsWith("\n") === now.endsWith("\n") ? [ended(old), ended(now)] : [old, now]
    const patch = structuredPatch("", "", was, is, "", "", { context: 2 })
    return patch.hunks.flatMap((hunk, index) => [...(index > 0 ? ["…"] : []), ...hunk.lines])
  }
  const laid = exactly?.json === false ? [before, after] : [ended(pretty(before)), ended(pretty(after))]
  const lines = linesOf(laid[0]!, laid[1]!)
  const told = (all: ReadonlyArray<string>) =>
    colourUnified(
      all.map((line) => (exactly !== undefined && /^[+-]/.test(line) ? exact(line) : line)).join("\n"),
      paint
    )
  if (lines.length > 0) return told(lines)
  if (before === after) return paint.dim("the same content")
  return `${paint.dim("differs in white space only:")}\n${told(linesOf(before, after).map((line) => (/^[+-]/.test(line) ? exact(line) : line)))}`
}

const ended = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`)

/** A whole content for a terminal. */
export const wholeContent = (content: string): string => printable(pretty(content), true)
