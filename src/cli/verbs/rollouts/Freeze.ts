/** `herald rollout freeze`: times in which no stage begins. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { HeraldError } from "../../../errors/HeraldError.ts"
import { whenOf } from "../../../schedules/When.ts"
import { printable } from "../../../text/Printable.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"
import { invocation, optionalText, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { TEXT, table, time } from "../../Table.ts"
import { change, changing, type FreezeText, read } from "./PolicyDocument.ts"

/** A moment, or so long from now, as it is stored. */
const momentOf = (text: string, now: number): string | CliFailure => {
  const when = whenOf(text)
  if (when instanceof HeraldError) return usage(when.message, "Say a time such as 2026-12-20T00:00:00Z, or +2h.")
  return new Date(when.dueAt ?? now + when.afterMillis).toISOString()
}

export const freeze = Command.make(
  "freeze",
  {
    from: optionalText("from", "When it begins: now unless given", "time"),
    until: optionalText("until", "When it is over: 2026-12-27T00:00:00Z, or +8h", "time"),
    lift: yes("lift", "End every freeze that is or is to come"),
    ...changing
  },
  Effect.fn("Rollout.freeze")(function* ({ from, until, lift, env, message, idempotencyKey }) {
    const here = yield* invocation
    const shell = yield* Shell
    const environment = here.environment(env)
    const now = yield* shell.now
    const how = { message, idempotencyKey }
    if (lift || until === undefined) {
      if (from !== undefined || (lift && until !== undefined))
        return yield* usage(lift ? "--lift ends freezes" : "--until is missing", "Give --until, or --lift alone.")
      if (!lift) {
        const { freezes = [] } = (yield* read(here, environment)).document
        const coming = freezes.filter((one) => Date.parse(one.until) > now)
        return yield* here.emit(coming, (paint) =>
          coming.length === 0
            ? `nothing is frozen in ${printable(environment)}; freeze it with herald rollout freeze --until +8h`
            : table(
                coming,
                [
                  { title: "FROM", value: (row) => time(row.from), timed: true },
                  { title: "UNTIL", value: (row) => time(row.until), timed: true },
                  { title: "WHY", value: (row) => row.message ?? "", text: TEXT }
                ],
                paint,
                here.room
              )
        )
      }
      yield* change(here, environment, how, ({ freezes: _, ...more }) => more)
      return yield* here.emit(
        { environment, freezes: [] },
        (paint) => `${paint.green("lifted")}: rollouts in ${printable(environment)} go on`
      )
    }
    const [begin, end] = [momentOf(from ?? new Date(now).toISOString(), now), momentOf(until, now)]
    if (typeof begin !== "string") return yield* begin
    if (typeof end !== "string") return yield* end
    if (end <= begin) return yield* usage("the freeze would end before it begins", "Give --until a later time.")
    const one: FreezeText = { from: begin, until: end, ...(message === undefined ? {} : { message }) }
    yield* change(here, environment, how, ({ freezes = [], ...more }) => ({
      ...more,
      // Those that are over say nothing any more.
      freezes: [...freezes.filter((other) => Date.parse(other.until) > now), one]
    }))
    yield* here.emit(one, (paint) =>
      [
        `${paint.green("frozen")}: no stage begins in ${printable(environment)} from ${time(begin)} until ${time(end)}`,
        paint.dim(
          `bad changes are taken back all the same; end it with herald rollout freeze --lift --env ${printable(environment)}`
        )
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription("Let no stage begin for a time; taking back goes on. Without --until: what is frozen"),
  Command.withShortDescription("Let no stage begin for a time"),
  Command.withExamples([
    {
      command: 'herald rollout freeze --from 2026-12-20T00:00:00Z --until 2026-12-27T00:00:00Z --message "holidays"',
      description: "A week"
    },
    { command: "herald rollout freeze --until +8h", description: "From now" },
    { command: "herald rollout freeze", description: "What is frozen" }
  ])
)
