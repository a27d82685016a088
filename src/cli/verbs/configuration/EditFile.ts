/**
 * The text that `herald edit` opens in an editor: a header of comments, a line, the value. Pure.
 *
 *   ED1  The value comes back as it is below the line, whatever is in it; what is above never becomes part of it.
 *   ED2  A JSON value is laid out for people; left as it is, nothing changed; changed, it is sent as it stands in the file.
 */
import { laidOut } from "../../../values/Json.ts"

/** Below it the value begins. */
const LINE = "# ---------- the value begins below this line; keep the line ----------"

/** A reason above it may quote it. ED1 */
const STANDS_ALONE = new RegExp(`(?:^|(?<=\n))${LINE}\r?\n`)

export interface Opened {
  readonly key: string
  readonly environment: string
  readonly version: number
  readonly type: string
  readonly value: string
}

/** As people read it. ED2 */
export const shownOf = ({ type, value }: Pick<Opened, "type" | "value">): string => {
  if (type !== "json") return value
  try {
    JSON.parse(value)
    return laidOut(value)
  } catch {
    return value
  }
}

/** `errors`: why the last try was refused, at the top. */
export const textOf = (
  { key, environment, version, type }: Omit<Opened, "value">,
  shown: string,
  errors: ReadonlyArray<string>
): string =>
  [
    ...errors.flatMap((error) => error.split("\n")).map((line) => `# ! ${line}`),
    ...(errors.length > 0 ? ["#"] : []),
    `# ${key} in ${environment}, version ${version}, type ${type}.`,
    "# Save and leave the editor to publish; leave it unchanged, or empty the file, to change nothing.",
    LINE,
    shown
  ].join("\n") + (shown.endsWith("\n") ? "" : "\n")

/** Undefined: the line, or everything, was taken away. `shown`: what stood there, which says whether it ended a line. ED1 */
export const valueOf = (text: string, shown: string): string | undefined => {
  const found = STANDS_ALONE.exec(text)
  if (found === null) return undefined
  const below = text.slice(found.index + found[0].length)
  return shown.endsWith("\n") ? below : below.replace(/\r?\n$/, "")
}
