/** Differences, coloured. Pure but for the library that compares lines, which is loaded when needed. */

import { printable } from "../text/Printable.ts"
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

const operation = ({ op, path, value, from }: Operation, paint: Paint): string => {
  const at = path === "" ? "(the whole value)" : printable(path)
  const shown = value === undefined ? "" : ` ${printable(JSON.stringify(value))}`
  if (op === "add") return paint.green(`+ ${at}${shown}`)
  if (op === "remove") return paint.red(`- ${at}`)
  if (op === "replace") return paint.yellow(`~ ${at}${shown}`)
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

export const showDifference = (difference: WireDifference, paint: Paint): string => {
  if (difference.kind === "json" && (difference.patch ?? []).length > 0) {
    return (difference.patch ?? []).map((one) => operation(one, paint)).join("\n")
  }
  if (difference.kind === "lines") return colourUnified(difference.unified ?? "", paint)
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

/** From one content to the next; JSON is laid out first, so that one changed field is one changed line. */
export const contentChange = async (before: string, after: string, paint: Paint): Promise<string> => {
  const { structuredPatch } = await import("diff")
  const end = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`)
  const patch = structuredPatch("", "", end(pretty(before)), end(pretty(after)), "", "", { context: 2 })
  const lines = patch.hunks.flatMap((hunk, index) => [...(index > 0 ? ["…"] : []), ...hunk.lines])
  return lines.length === 0 ? paint.dim("the same content") : colourUnified(lines.join("\n"), paint)
}

/** A whole content for a terminal. */
export const wholeContent = (content: string): string => printable(pretty(content), true)
