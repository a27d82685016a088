/** How scheduled changes are told. Pure. */
import type { Schedule, Scheduled, WholeSchedule } from "../../../edge/http/schedules/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { wholeContent } from "../../DiffView.ts"
import type { Paint } from "../../Paint.ts"
import { facts, time } from "../../Table.ts"

type Touch = Schedule["touches"][number]

const versionOf = ({ expectedVersion }: Touch): string =>
  expectedVersion === null ? "whatever is there" : expectedVersion === 0 ? "new" : `at version ${expectedVersion}`

/** "flag new-checkout", "user-service": a key goes without its kind. */
const thing = ({ kind, key }: Touch): string => (kind === "configuration" ? key : `${kind} ${key}`)

/** In one line. */
export const gist = ({ touches }: Pick<Schedule, "touches">): string =>
  touches.length <= 3
    ? touches.map(thing).join(", ")
    : `${touches.slice(0, 2).map(thing).join(", ")} and ${touches.length - 2} more`

export const scheduled = (answer: Scheduled, paint: Paint): string =>
  [
    `${paint.green("scheduled")} ${paint.bold(printable(answer.id))} for ${time(answer.dueAt)} in ${printable(answer.environment)}` +
      (answer.replayed
        ? `\n${paint.yellow("nothing was written now: this idempotency key had this result before")}`
        : ""),
    ...answer.touches.map((touch) => `  ${printable(thing(touch))} ${paint.dim(`(${versionOf(touch)})`)}`),
    paint.dim(
      `see it with herald schedule show ${printable(answer.id)}, take it back with herald schedule cancel ${printable(answer.id)}`
    )
  ].join("\n")

const painted = (state: Schedule["state"], paint: Paint): string =>
  state === "pending" ? paint.yellow(state) : state === "committed" ? paint.green(state) : paint.red(state)

const valueOf = (name: string, value: string | null, paint: Paint): string =>
  `${paint.bold(printable(name))}${value === null ? ` ${paint.red("goes away")}` : `\n${wholeContent(value)}`}`

export const whole = (found: WholeSchedule, paint: Paint): string =>
  [
    `${paint.bold(printable(found.id))} in ${printable(found.environment)} ${painted(found.state, paint)}`,
    facts(
      [
        ["due", time(found.dueAt)],
        ["changes", found.touches.map((touch) => `${thing(touch)} (${versionOf(touch)})`).join(", ")],
        ["made", `${time(found.madeAt)} by ${found.madeBy}`],
        ["message", found.message],
        [
          "over",
          found.endedAt === null ? "" : `${time(found.endedAt)} by ${found.endedBy} (revision ${found.revision})`
        ],
        ["reason", found.reason]
      ],
      paint
    ),
    ...found.segments.map(({ segment, value }) => valueOf(`segment ${segment}`, value, paint)),
    ...found.flags.map(({ flag, value }) => valueOf(`flag ${flag}`, value, paint)),
    ...found.changes.map(({ key, value }) => valueOf(key, value, paint))
  ].join("\n")
