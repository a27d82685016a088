/** Colours, or none: NO_COLOR (https://no-color.org), a pipe and TERM=dumb turn them off. Pure. */
export interface Paint {
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
}

const with_ =
  (on: string, off: string) =>
  (text: string): string =>
    text === "" ? "" : `\u001b[${on}m${text}\u001b[${off}m`
const as = (text: string): string => text

export const plain: Paint = { red: as, green: as, yellow: as, cyan: as, bold: as, dim: as }
export const colours: Paint = {
  red: with_("31", "39"),
  green: with_("32", "39"),
  yellow: with_("33", "39"),
  cyan: with_("36", "39"),
  bold: with_("1", "22"),
  dim: with_("2", "22")
}

export const wantsColour = (env: Readonly<Record<string, string | undefined>>, terminal: boolean): boolean => {
  if ((env["NO_COLOR"] ?? "") !== "") return false
  if ((env["FORCE_COLOR"] ?? "") !== "") return env["FORCE_COLOR"] !== "0"
  return terminal && env["TERM"] !== "dumb"
}
