/** Tables and facts for a terminal. What they hold is made printable, PR1 in ../text/Printable.ts. Pure. */
import { printable } from "../text/Printable.ts"
import { type Paint, plain } from "./Paint.ts"

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly paint?: (row: Row) => ((text: string) => string) | undefined
  readonly right?: boolean
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/gu
const combining = /\p{Mark}/gu
const width = (text: string): number => Array.from(text.replace(combining, "")).length + (text.match(wide)?.length ?? 0)

/** Between two columns. */
const GAP = 2
/** The least that is left of a column. */
const LEAST = 6

/** The widest columns give way until all fit. */
const fitted = (widths: ReadonlyArray<number>, room: number): ReadonlyArray<number> => {
  const free = room - GAP * (widths.length - 1)
  let [low, high] = [LEAST, Math.max(LEAST, ...widths)]
  const total = (most: number) => widths.reduce((sum, one) => sum + Math.min(one, most), 0)
  if (total(high) <= free) return widths
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (total(middle) <= free) low = middle
    else high = middle - 1
  }
  return widths.map((one) => Math.min(one, low))
}

/** To so many characters of the terminal. */
const cut = (text: string, most: number): string => {
  if (width(text) <= most) return text
  let kept = ""
  let used = 0
  for (const letter of text) {
    used += width(letter)
    if (used > most - 1) break
    kept += letter
  }
  return `${kept}…`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of one
const colours = /\u001b\[[0-9;]*m/g

/** How many rows of a terminal lines take; `columns`: 0 where it is not known. */
export const rowsOf = (lines: ReadonlyArray<string>, columns: number): number =>
  lines.reduce(
    (sum, one) => sum + (columns > 0 ? Math.max(1, Math.ceil(width(one.replace(colours, "")) / columns)) : 1),
    0
  )

/** Whether each line is within so many characters. */
export const fits = (text: string, room: number): boolean =>
  text.split("\n").every((line) => width(line.replace(colours, "")) <= room)

/** A line that fits. */
export const cutLine = (text: string, room: number): string => (room > 0 ? cut(text, room) : text)

/** `room`: characters of a line, which the table is cut to. */
export const table = <Row>(
  rows: ReadonlyArray<Row>,
  columns: ReadonlyArray<Column<Row>>,
  paint: Paint = plain,
  room = Number.POSITIVE_INFINITY
): string => {
  const whole = rows.map((row) => columns.map((column) => printable(column.value(row))))
  const widths = fitted(
    columns.map((column, index) =>
      whole.reduce((most, line) => Math.max(most, width(line[index] ?? "")), width(column.title))
    ),
    room
  )
  const cells = whole.map((line) => line.map((cell, index) => cut(cell, widths[index] ?? 0)))
  const pad = (text: string, index: number, right: boolean): string => {
    const space = " ".repeat(Math.max(0, (widths[index] ?? 0) - width(text)))
    return right ? space + text : text + space
  }
  const head = columns.map((column, index) => paint.dim(pad(column.title, index, column.right === true)))
  const body = cells.map((line, at) =>
    line.map((cell, index) => {
      const column = columns[index]!
      const colour = (cell === "" ? undefined : column.paint?.(rows[at]!)) ?? ((text: string) => text)
      return colour(pad(cell, index, column.right === true))
    })
  )
  return [head, ...body].map((line) => line.join("  ").trimEnd()).join("\n")
}

/** `label  value` lines. Empty values are left out. */
export const facts = (pairs: ReadonlyArray<readonly [string, string]>, paint: Paint = plain): string => {
  const shown = pairs.filter(([, value]) => value !== "")
  const size = Math.max(0, ...shown.map(([label]) => label.length))
  return shown.map(([label, value]) => `${paint.dim(label.padEnd(size))}  ${printable(value)}`).join("\n")
}

export const clip = (value: string, size: number): string =>
  value.length <= size ? value : `${value.slice(0, Math.max(0, size - 1))}…`

/** "3 s ago", "5 min ago". */
export const ago = (then: number, now: number): string => {
  if (!Number.isFinite(then) || then <= 0) return "never"
  const seconds = Math.max(0, Math.round((now - then) / 1000))
  if (seconds < 120) return `${seconds} s ago`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86_400)} d ago`
}

/** Milliseconds since 1970, or an ISO text, as local-independent ISO seconds. */
export const time = (value: unknown): string => {
  const date = typeof value === "number" || typeof value === "string" ? new Date(value) : undefined
  return date === undefined || Number.isNaN(date.getTime()) ? "" : date.toISOString().replace(/\.\d+Z$/, "Z")
}
