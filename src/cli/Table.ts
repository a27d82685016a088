/**
 * Tables and facts for a terminal. What they hold is made printable, PR1 in ../text/Printable.ts. Pure.
 *
 *   KW1  Names, ids, times and figures are never cut. Where a table is too wide, times say their day once, then free text is broken into lines, then it
 *        stands below its row; a table that is too wide all the same becomes records.
 */
import { printable } from "../text/Printable.ts"
import { type Paint, plain } from "./Paint.ts"

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly paint?: (row: Row) => ((text: string) => string) | undefined
  readonly right?: boolean
  /** Free text, which may be broken into lines of at least so many characters. KW1 */
  readonly text?: number
  /** `value` is a time, as `time` writes it. */
  readonly timed?: true
}

/** Of a column of free text, unless its words are few: the least that it is broken into. */
export const TEXT = 24

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/gu
const combining = /\p{Mark}/gu
const width = (text: string): number => Array.from(text.replace(combining, "")).length + (text.match(wide)?.length ?? 0)

/** Between two columns. */
const GAP = 2
/** Before what stands below its row. */
const BELOW = "  "

/** The widest of free text give way until all fit, down to `least`; nothing where even that is too wide. */
const fitted = (
  widths: ReadonlyArray<number>,
  least: ReadonlyArray<number>,
  room: number
): ReadonlyArray<number> | undefined => {
  const free = room - GAP * (widths.length - 1)
  const given = (most: number) => widths.map((one, index) => Math.min(one, Math.max(least[index] ?? one, most)))
  const total = (most: number) => given(most).reduce((sum, one) => sum + one, 0)
  let [low, high] = [0, Math.max(0, ...widths)]
  if (total(high) <= free) return widths
  if (total(low) > free) return undefined
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (total(middle) <= free) low = middle
    else high = middle - 1
  }
  return given(low)
}

/** Lines of at most so many characters, broken between words where there are some. */
const broken = (text: string, most: number): ReadonlyArray<string> => {
  if (width(text) <= most) return [text]
  const lines: Array<string> = []
  let [line, used] = ["", 0]
  const end = () => {
    lines.push(line)
    ;[line, used] = ["", 0]
  }
  for (const word of text.split(" ")) {
    const size = width(word)
    if (used > 0 && used + 1 + size > most) end()
    if (used > 0) [line, used] = [`${line} `, used + 1]
    if (size <= most) {
      ;[line, used] = [line + word, used + size]
      continue
    }
    for (const letter of word) {
      if (used + width(letter) > most) end()
      ;[line, used] = [line + letter, used + width(letter)]
    }
  }
  if (line !== "") end()
  return lines
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

const as = (text: string): string => text
const DAYS = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(:\d{2})?Z$/

/** The day of all times, and the times without it; nothing where they are of several days. */
const within = <Row>(rows: ReadonlyArray<Row>, columns: ReadonlyArray<Column<Row>>) => {
  const timed = columns.filter((one) => one.timed)
  const all = timed
    .flatMap(({ value }) => rows.map(value))
    .filter(Boolean)
    .map((text) => DAYS.exec(text))
  const days = new Set(all.map((found) => found?.[1]))
  const [day] = days
  if (days.size !== 1 || day === undefined) return undefined
  const minutes = all.every((found) => (found?.[3] ?? ":00") === ":00")
  const short = (text: string) =>
    text.replace(DAYS, (_, __, clock, seconds = ":00") => clock + (minutes ? "" : seconds))
  return {
    day,
    columns: columns.map((one) => (one.timed ? { ...one, value: (row: Row) => short(one.value(row)) } : one))
  }
}

const recordsOf = <Row>(rows: ReadonlyArray<Row>, columns: ReadonlyArray<Column<Row>>, paint: Paint): string => {
  const size = Math.max(0, ...columns.map(({ title }) => width(title)))
  return rows
    .map((row, at) => {
      const lines = columns.flatMap(({ title, value, paint: its }) => {
        const text = value(row)
        return text === ""
          ? []
          : [`${paint.dim(title.toLowerCase().padEnd(size))}  ${(its?.(row) ?? as)(printable(text))}`]
      })
      // A row that begins with nothing goes on with what is above it.
      return (at > 0 && columns[0]?.value(row) !== "" ? "\n" : "") + lines.join("\n")
    })
    .join("\n")
}

/** `room`: characters of a line. KW1 */
export const table = <Row>(
  rows: ReadonlyArray<Row>,
  columns: ReadonlyArray<Column<Row>>,
  paint: Paint = plain,
  room = Number.POSITIVE_INFINITY
): string => {
  /** `least` of the text, or nothing where that is not enough. */
  const drawn = (
    shown: ReadonlyArray<Column<Row>>,
    least: (column: Column<Row>) => number | undefined,
    below: ReadonlyArray<Column<Row>> = []
  ): string | undefined => {
    const cells = rows.map((row) => shown.map((column) => printable(column.value(row))))
    const natural = shown.map((column, index) =>
      cells.reduce((most, line) => Math.max(most, width(line[index] ?? "")), width(column.title))
    )
    const widths = fitted(
      natural,
      shown.map((column, index) =>
        Math.max(width(column.title), Math.min(natural[index]!, least(column) ?? natural[index]!))
      ),
      room
    )
    if (widths === undefined) return undefined
    const pad = (text: string, index: number): string => {
      const space = " ".repeat(Math.max(0, (widths[index] ?? 0) - width(text)))
      return shown[index]?.right === true ? space + text : text + space
    }
    const body = rows.flatMap((row, at) => {
      const parts = cells[at]!.map((cell, index) => broken(cell, widths[index] ?? 0))
      const high = Math.max(1, ...parts.map(({ length }) => length))
      const lines = Array.from({ length: high }, (_, nth) =>
        parts
          .map((part, index) => {
            const text = part[nth] ?? ""
            return ((text === "" ? undefined : shown[index]?.paint?.(row)) ?? as)(pad(text, index))
          })
          .join(" ".repeat(GAP))
          .trimEnd()
      )
      const under = below.flatMap(({ title, value, paint: its }) => {
        const text = printable(value(row))
        if (text === "") return []
        const said = below.length === 1 ? text : `${title.toLowerCase()}: ${text}`
        return broken(said, room - BELOW.length).map((one) => BELOW + (its?.(row) ?? as)(one))
      })
      return [...lines, ...under]
    })
    const head = shown.map((column, index) => paint.dim(pad(column.title, index))).join(" ".repeat(GAP))
    return [head.trimEnd(), ...body].join("\n")
  }
  const dayOnce = within(rows, columns)
  const kinds = [{ day: undefined, columns }, ...(dayOnce === undefined ? [] : [dayOnce])]
  const dated = (day: string | undefined, text: string | undefined) =>
    text === undefined || day === undefined ? text : `${paint.dim(`${day}, UTC`)}\n${text}`
  for (const least of [() => undefined, ({ text }: Column<Row>) => text])
    for (const { day, columns: its } of kinds) {
      const found = dated(day, drawn(its, least))
      if (found !== undefined) return found
    }
  for (const { day, columns: its } of kinds) {
    const text = its.filter((one) => one.text !== undefined)
    const found =
      text.length === 0 || room < TEXT
        ? undefined
        : dated(
            day,
            drawn(
              its.filter((one) => one.text === undefined),
              () => undefined,
              text
            )
          )
    if (found !== undefined) return found
  }
  return recordsOf(rows, columns, paint)
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
