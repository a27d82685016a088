/**
 * Finds the difference between two versions: a JSON Patch where both parse as JSON, lines otherwise. Pure.
 *
 *   DF1  A delta is only made where a client that applies it to `from` and writes compact JSON gets exactly `to`, byte for byte.
 *   DF2  What JavaScript would write in other digits, or drop because its name is given twice, is never compared as JSON but as text.
 */
import { createTwoFilesPatch } from "diff"
import { JsonPatch, type Schema } from "effect"
import { isShort, leadsTo } from "../delta/Delta.ts"
import { laidOut, membersOf, numbersIn, survey } from "./Json.ts"

export type Difference =
  | { readonly kind: "none" }
  | {
      readonly kind: "json"
      readonly patch: ReadonlyArray<{ readonly op: string; readonly path: string; readonly value?: Schema.Json }>
    }
  | { readonly kind: "lines"; readonly unified: string }

/** Changed lines. Beyond these the texts are shown as replaced, as comparing takes quadratic time. */
const EDITS = 1_000
/** Characters. Shorter JSON is laid out anew, so that one changed member is one changed line. */
const LAYOUT_LIMIT = 65_536

export const difference = (from: string, to: string): Difference => {
  if (from === to) return { kind: "none" }
  const [before, after] = [read(from), read(to)]
  if (before !== undefined && after !== undefined) {
    const patch = JsonPatch.get(before.json, after.json)
    if (patch.length > 0) return { kind: "json", patch }
  }
  const [left, right] = [inLines(from), inLines(to)]
  return { kind: "lines", unified: left === right ? unified(from, to) : unified(left, right) }
}

/** JSON with one member a line and its tokens as they are written; other text as it is. */
const inLines = (text: string): string =>
  text.length <= LAYOUT_LIMIT && parsed(text) !== undefined ? `${laidOut(text)}\n` : text

const unified = (from: string, to: string): string =>
  createTwoFilesPatch("before", "after", from, to, undefined, undefined, { context: 3, maxEditLength: EDITS })?.replace(
    /^=+\n/, // a line that the library puts on top
    ""
  ) ?? replaced(from, to)

const replaced = (from: string, to: string): string => {
  const [before, after] = [from.split("\n"), to.split("\n")]
  const header = `--- before\n+++ after\n@@ -1,${before.length} +1,${after.length} @@\n`
  return `${header}${before.map((line) => `-${line}\n`).join("")}${after.map((line) => `+${line}\n`).join("")}`
}

/** JSON Patch (RFC 6902) as text, or undefined where the whole value should travel. DF1, DT1 */
export const delta = (from: string, to: string): string | undefined => {
  if (from === to || !isShort(from, to)) return undefined
  const [before, after] = [read(from), read(to)]
  if (before === undefined || after === undefined || JSON.stringify(after.json) !== to) return undefined
  const text = JSON.stringify(JsonPatch.get(before.json, after.json))
  return leadsTo(from, text, to) ? text : undefined
}

/** DF2. */
const read = (text: string): { readonly json: Schema.Json } | undefined => {
  const found = parsed(text)
  if (found === undefined || survey(text).members !== membersOf(found.json)) return undefined
  for (const number of numbersIn(text)) if (String(Number(number)) !== number) return undefined
  return found
}

const parsed = (text: string): { readonly json: Schema.Json } | undefined => {
  try {
    return { json: JSON.parse(text) }
  } catch {
    return undefined
  }
}
