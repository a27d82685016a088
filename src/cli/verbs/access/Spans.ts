/** Reads times and lists as verbs of access take them. Pure. */
import { type Kind, kinds } from "../../../access/Identity.ts"
import { nearby } from "../../../text/Nearest.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const
/** Milliseconds since 1970 of the last moment that a date can be (ECMA-262, 21.4.1.1). */
const LAST = 8.64e15

/** "30d", "12h", "15m", or a date; milliseconds since 1970. */
export const expiry = (text: string, now: number): number | undefined => {
  const span = /^(\d+)([mhd])$/.exec(text)
  const at =
    span !== null
      ? now + Number(span[1]) * units[span[2] as keyof typeof units]
      : /^\d{4}-\d{2}-\d{2}/.test(text)
        ? Date.parse(text)
        : Number.NaN
  return Number.isNaN(at) || at > LAST ? undefined : at
}

/** "config,flag", and "config" "flag" */
export const listed = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.flatMap((text) => text.split(",")).map((text) => text.trim())

/** What --kinds takes. */
export const KINDS = `a list such as config,flag; there are ${kinds.join(", ")}`

/** Of --kinds; undefined where it was not given. */
export const kindsIn = (text: string | undefined): ReadonlyArray<Kind> | CliFailure | undefined => {
  if (text === undefined) return undefined
  const all = listed([text])
  const wrong = all.find((one) => !(kinds as ReadonlyArray<string>).includes(one))
  if (wrong === undefined) return all as ReadonlyArray<Kind>
  const near = nearby(wrong, kinds)
  return usage(
    `--kinds ${text}: ${wrong === "" ? "a name is empty" : `there is no kind ${wrong}`}${near.length === 0 ? "" : `; did you mean ${near.join(", or ")}?`}`,
    `Write ${KINDS}.`
  )
}
