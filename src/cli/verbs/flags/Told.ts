/** How flags, their answers and what became of a change are told. Pure. */
import type { Evaluated, PublishedFlag, StoredFlag } from "../../../edge/http/flags/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { wholeContent } from "../../DiffView.ts"
import type { Paint } from "../../Paint.ts"
import { facts, TEXT, table, time } from "../../Table.ts"

interface Warned {
  readonly warnings: PublishedFlag["warnings"]
}

export const warned = ({ warnings }: Warned, paint: Paint): string =>
  warnings.map(({ at, problem }) => `\n${paint.yellow("note")} ${printable(at)} ${printable(problem)}`).join("")

/** `verb`: what was done, in the past. */
export const written = (verb: string, answer: PublishedFlag, paint: Paint): string =>
  `${paint.green(verb)} ${paint.bold(printable(answer.flag))} version ${answer.version} in ${printable(answer.environment)} ` +
  `(revision ${answer.revision})${answer.replayed ? `\n${paint.yellow("nothing was written now: this idempotency key had this result before")}` : ""}` +
  warned(answer, paint)

/** Behind what was read, where the server can't confirm it. */
export const unconfirmed = (stale: boolean, paint: Paint): string =>
  stale ? `\n${paint.yellow("stale: the server can't confirm that this is the newest")}` : ""

type Definition = Readonly<Record<string, unknown>>

/** What people want to know of a definition at a glance. */
export const gist = (definition: unknown): { readonly state: string; readonly serves: string } => {
  if (typeof definition !== "object" || definition === null) return { state: "archived", serves: "" }
  const its = definition as Definition
  const simple = "enabled" in its || "percentage" in its || "targetUsers" in its || "segments" in its
  if (simple) {
    const { enabled = true, percentage = 100, targetUsers = [], segments = [] } = its
    const users = (targetUsers as ReadonlyArray<string>).length
    const named = users === 0 ? "" : ` and ${users} ${users === 1 ? "user" : "users"}`
    const within = (segments as ReadonlyArray<string>).map((name) => ` and ${name}`).join("")
    return { state: enabled === true ? "on" : "off", serves: `${percentage} %${named}${within}` }
  }
  const rule = typeof its["targeting"] === "object" && Object.keys(its["targeting"] ?? {}).length > 0
  const standard = its["defaultVariant"] ?? "the caller's default"
  return {
    state: its["state"] === "ENABLED" ? "on" : "off",
    serves: rule ? `a rule, otherwise ${standard}` : String(standard)
  }
}

/** `more`: what is known of the current version alone; what is empty is left out. */
export const one = (
  flag: StoredFlag,
  paint: Paint,
  more: ReadonlyArray<readonly [name: string, value: string]> = []
): string =>
  [
    `${paint.bold(printable(flag.flag))} in ${printable(flag.environment)}`,
    facts(
      [
        ["version", `${flag.version} (revision ${flag.revision})`],
        ["state", gist(flag.definition).state],
        ["serves", gist(flag.definition).serves],
        ["changed", `${time(flag.updatedAt)} by ${flag.updatedBy}`],
        ...more,
        ["message", flag.message]
      ],
      paint
    ),
    flag.deleted ? paint.red("archived") : wholeContent(JSON.stringify(flag.definition))
  ].join("\n")

export const decided = (answer: Evaluated, paint: Paint, room: number): string => {
  const { flag, environment, variant, value, reason, errorCode, errorDetails, steps } = answer
  const serves =
    variant === null
      ? paint.yellow("the caller's own default")
      : `${paint.bold(printable(variant))} ${printable(JSON.stringify(value))}`
  const error = errorCode === undefined ? "" : `\n${paint.red(errorCode)} ${printable(errorDetails ?? "")}`
  const told =
    steps.length === 0
      ? ""
      : `\n${table(
          steps,
          [
            { title: "STEP", value: (step) => step.at },
            { title: "ASKED", value: (step) => step.asked, text: TEXT },
            { title: "GAVE", value: (step) => step.gave, paint: () => paint.bold },
            { title: "BECAUSE OF", value: (step) => step.because ?? "", text: TEXT }
          ],
          paint,
          room
        )}`
  return `${printable(flag)} in ${printable(environment)}: ${serves} ${paint.dim(reason)}${error}${told}`
}
