/**
 * Writes configurations into answers, with values in the form that was asked for. Pure.
 *
 *   VJ1  A value of type json is JSON in an answer, cut in as it is stored, digits and spaces too; with `as=text` every value is its text.
 */
import type { As, Configuration } from "./Wire.ts"

/** Marks where a text is put in; nobody can guess it. */
const HOLE = crypto.randomUUID()

type Shown = Pick<Configuration, "value" | "template" | "deleted"> & { readonly type: string }

/** Whether a value's text is cut in: never a template's, which is no JSON before it is rendered. VJ1 */
export const isCut = ({ type, template, deleted }: Omit<Shown, "value">, as: As) =>
  !template &&
  !deleted &&
  as !== "text" &&
  (type === "json" || (as === "json" && (type === "number" || type === "boolean")))

/** The JSON of what `bodyOf` makes of one configuration or many, which has each of them once, in their order. */
export const shown = <C extends Shown>(
  as: As,
  all: ReadonlyArray<C>,
  bodyOf: (all: ReadonlyArray<C>) => unknown
): string => {
  const texts = all.filter((one) => isCut(one, as)).map(({ value }) => String(value))
  const parts = JSON.stringify(bodyOf(all.map((one) => (isCut(one, as) ? { ...one, value: HOLE } : one)))).split(
    `"${HOLE}"`
  )
  return parts.map((part, at) => part + (texts[at] ?? "")).join("")
}
