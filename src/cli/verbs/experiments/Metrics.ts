/** Reads shares and metrics as people write them on a command line. Pure. */
import type { StartBody } from "../../../edge/http/experiments/Wire.ts"
import { ratioOf, spanOf } from "../../../text/Amounts.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"

type SaidMetric = StartBody["metrics"][number]
type Arms = NonNullable<StartBody["arms"]>

/** `off=50,on=50`; with a control it stands first. */
export const readShares = (text: string, control: string | undefined): Arms | CliFailure => {
  const arms: Array<Arms[number]> = []
  for (const part of text.split(",")) {
    const found = /^\s*(.+?)\s*=\s*(\d{1,10})\s*$/.exec(part)
    if (found === null)
      return usage(
        `"${part.trim()}" is no variant with its share`,
        "Write them as in off=50,on=50, in whole numbers: the control is the first."
      )
    arms.push({ variant: found[1]!, share: Number(found[2]) })
  }
  if (control === undefined) return arms
  const first = arms.find(({ variant }) => variant === control)
  return first === undefined
    ? usage(`the control ${control} has no share`, "Name one of the variants.")
    : [first, ...arms.filter((one) => one !== first)]
}

const METRIC =
  /^\s*(?:([A-Za-z0-9_][A-Za-z0-9_\-./:]*)\s*=\s*)?(?:(conversion|mean)\s*\(\s*(.+?)\s*\)|([^\s(),]+))((?:\s+(?:within\s+[\dhmds]{2,20}|cap\s+\d{1,12}(?:\.\d{1,9})?|less|more))*)\s*$/

/** `20%`, or 20: of a hundred people. */
export const readTraffic = (text: string): number | CliFailure => {
  const found = /^(\d{1,3}(?:\.\d{1,6})?)\s*%?$/.exec(text.trim())
  return found === null ? usage(`--traffic ${text} is no share`, "Write 20%.") : Number(found[1])
}

/** `5%`, or 0.05. */
export const readAlpha = (text: string): number | CliFailure => {
  const ratio = ratioOf(text)
  return typeof ratio === "string" ? usage(`--alpha: ${ratio}`, "Write 5%, or 0.05.") : ratio
}

/** `checkout`, `mean(checkout) within 14d cap 500`, `errors=conversion(error) less`. */
export const readMetric = (text: string): SaidMetric | CliFailure => {
  const found = METRIC.exec(text)
  if (found === null)
    return usage(
      `"${text}" is no metric`,
      "Write the event, or as in 'mean(checkout) within 14d cap 500', 'errors=conversion(error) less'."
    )
  const [, name, kind = "conversion", inner, alone, rest = ""] = found
  const within = /within\s+(\w+)/.exec(rest)?.[1]
  const window = within === undefined ? undefined : spanOf(within)
  if (typeof window === "string") return usage(`"${text}": ${window}`, "Write it as in 'mean(checkout) within 14d'.")
  const cap = /cap\s+([\d.]+)/.exec(rest)
  return {
    ...(name === undefined ? {} : { name }),
    kind: kind as SaidMetric["kind"],
    event: inner ?? alone!,
    ...(window === undefined ? {} : { windowMillis: window }),
    ...(cap === null ? {} : { cap: Number(cap[1]) }),
    ...(/\bless\b/.test(rest) ? { better: "less" as const } : {})
  }
}
