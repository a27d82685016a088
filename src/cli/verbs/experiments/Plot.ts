/** Intervals of lifts as bars, over one scale. Pure. */
import type { WithResults } from "../../../edge/http/experiments/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import type { Paint } from "../../Paint.ts"
import { cutLine } from "../../Table.ts"

type Arm = NonNullable<WithResults["results"]>["metrics"][number]["arms"][number]

/** Characters of a bar at least, and at most. */
const [LEAST, MOST] = [20, 100]
/** Where no terminal says how wide it is. */
const WIDTH = 80
/** Of a side that is not limited, and of lifts that are larger: as far as the scale goes. */
const FAR = 2

const marks = {
  unicode: { line: "─", point: "●", zero: "│", left: "├", right: "┤", open: ["◀", "▶"] },
  ascii: { line: "-", point: "o", zero: "|", left: "[", right: "]", open: ["<", ">"] }
} as const

/** `room`: characters of a line. "": there is nothing to be shown. */
export const plot = (arms: ReadonlyArray<Arm>, paint: Paint, room: number, unicode: boolean): string => {
  const shown = arms.filter(
    ({ lift }) => lift !== null && lift.estimate !== null && (lift.low !== null || lift.high !== null)
  )
  if (shown.length === 0) return ""
  const mark = unicode ? marks.unicode : marks.ascii
  const named = Math.min(20, Math.max(...shown.map(({ variant }) => printable(variant).length)))
  const width = Math.max(LEAST, Math.min(MOST, (Number.isFinite(room) ? room : WIDTH) - named - 2))
  const ends = shown.flatMap(({ lift }) => [lift!.low ?? -FAR, lift!.high ?? FAR, lift!.estimate!])
  const low = Math.max(-FAR, Math.min(0, ...ends) * 1.1)
  const high = Math.min(FAR, Math.max(0.01, ...ends) * 1.1)
  const placeOf = (value: number): number =>
    Math.round(((Math.max(low, Math.min(value, high)) - low) / (high - low)) * (width - 1))
  const zero = placeOf(0)
  const bars = shown.map(({ variant, lift, verdict }) => {
    const cells = Array.from({ length: width }, () => " ")
    cells[zero] = mark.zero
    const [from, to] = [placeOf(lift!.low ?? -FAR), placeOf(lift!.high ?? FAR)]
    for (let at = from; at <= to; at++) cells[at] = mark.line
    cells[from] = lift!.low === null || lift!.low < low ? mark.open[0] : mark.left
    cells[to] = lift!.high === null || lift!.high > high ? mark.open[1] : mark.right
    cells[placeOf(lift!.estimate!)] = mark.point
    const colour = verdict === "better" ? paint.green : verdict === "worse" ? paint.red : paint.yellow
    return `${cutLine(printable(variant), named).padEnd(named)}  ${colour(cells.join(""))}`
  })
  const said = (value: number): string => `${value > 0 ? "+" : ""}${Math.round(100 * value)} %`
  const [left, right] = [said(low), said(high)]
  const scale = Array.from({ length: width }, () => " ")
  const put = (text: string, at: number) => {
    for (const [n, letter] of Array.from(text).entries()) if (at + n < width) scale[at + n] = letter
  }
  put(left, 0)
  put(right, Math.max(0, width - right.length))
  if (zero > left.length + 1 && zero < width - right.length - 2) put("0", zero)
  return [...bars, paint.dim(`${" ".repeat(named + 2)}${scale.join("").trimEnd()}`)].join("\n")
}
