/** `herald schedule list|show|cancel`: changes that are made at a time. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Preview, Schedule, Scheduled, ScheduleList, WholeSchedule } from "../../../edge/http/schedules/Wire.ts"
import { states } from "../../../schedules/Schedule.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message, optionalText } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { clip, TEXT, table, time } from "../../Table.ts"
import { validated } from "../configuration/Outcome.ts"
import { gist, whole } from "./Told.ts"

const id = Argument.String("id").pipe(Argument.withDescription("Its id (herald schedule list)"))
const pathOf = (id: string, rest = ""): string => `/v1/schedules/${segment(id)}${rest}`
const PAGE = 1_000

const list = Command.make(
  "list",
  {
    env,
    state: Flags.Literals("state", [...states, "all"]).pipe(
      Flags.withDescription("Those that are so; pending unless given"),
      Flags.optional,
      Flags.map(Option.getOrElse(() => "pending" as const))
    ),
    flag: optionalText("flag", "Only those that change this flag", "name"),
    key: optionalText("key", "Only those that change this key", "name")
  },
  Effect.fn("Schedule.list")(function* ({ env, state, flag, key }) {
    const here = yield* invocation
    const environment = here.environment(env)
    if (flag !== undefined && key !== undefined)
      return yield* usage("--flag and --key can't both be given", "Leave one of them out.")
    const found: Array<Schedule> = []
    let after: string | undefined
    do {
      const query = { environment, state: state === "all" ? undefined : state, flag, key, limit: PAGE, after }
      const page = (yield* here.call({ method: "GET", path: "/v1/schedules", query })).body as ScheduleList
      found.push(...page.schedules)
      after = page.next ?? undefined
    } while (after !== undefined)
    found.sort((a, b) => a.dueAt - b.dueAt || a.madeAt - b.madeAt)
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? `nothing ${state === "all" ? "was scheduled" : `that is ${state}`} in ${printable(environment)}; schedule a change with --at, as in: herald flag enable <flag> --at +2h`
        : table(
            found,
            [
              { title: "ID", value: (row) => row.id, paint: () => paint.bold },
              { title: "DUE", value: (row) => time(row.dueAt), timed: true },
              {
                title: "STATE",
                value: (row) => row.state,
                paint: (row) =>
                  row.state === "pending" ? paint.yellow : row.state === "committed" ? paint.green : paint.red
              },
              { title: "CHANGES", value: gist, text: TEXT },
              { title: "BY", value: (row) => row.madeBy },
              { title: "WHY", value: (row) => clip(row.reason === "" ? row.message : row.reason, 60), text: TEXT }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List scheduled changes, those that are next first"),
  Command.withExamples([{ command: "herald schedule list --state refused", description: "What was not made, and why" }])
)

const show = Command.make(
  "show",
  { id, env },
  Effect.fn("Schedule.show")(function* ({ id, env }) {
    const here = yield* invocation
    const query = { environment: here.environment(env) }
    const found = (yield* here.call({ method: "GET", path: pathOf(id), query })).body as WholeSchedule
    const asked =
      found.state === "pending"
        ? yield* Effect.result(here.call({ method: "GET", path: pathOf(id, "/preview"), query }))
        : undefined
    // Whoever may only read is shown what it is to do, and not what it would change.
    const preview = asked?._tag === "Success" ? (asked.success.body as Preview) : null
    yield* here.emit({ ...found, preview }, (paint) => {
      if (preview === null) return whole(found, paint)
      const { problem } = preview
      const now =
        problem === null
          ? `${paint.bold("now it would be")} ${validated(preview, paint)}`
          : `${paint.red("now it would not be made:")} ${printable(problem.detail)} ${paint.dim(problem.code)}`
      return `${whole(found, paint)}\n${now}`
    })
  })
).pipe(
  Command.withDescription("Show a scheduled change: what it is to do, what that would change now, what became of it"),
  Command.withExamples([{ command: "herald schedule show s1042", description: "Before its day" }])
)

const cancel = Command.make(
  "cancel",
  { id, env, message, idempotencyKey },
  Effect.fn("Schedule.cancel")(function* ({ id, env, message, idempotencyKey }) {
    const here = yield* invocation
    const query = { environment: here.environment(env), message }
    const { body } = yield* here.call({ method: "DELETE", path: pathOf(id), query, idempotencyKey })
    const { id: of, environment, dueAt } = body as Scheduled
    yield* here.emit(
      body,
      (paint) =>
        `${paint.green("cancelled")} ${paint.bold(printable(of))}, which was due ${time(dueAt)} in ${printable(environment)}`
    )
  })
).pipe(
  Command.withDescription("Cancel a scheduled change; refused once it is over"),
  Command.withExamples([
    { command: `herald schedule cancel s1042 --message "the campaign is off"`, description: "It is never made" }
  ])
)

export const scheduleVerb = Command.make("schedule").pipe(
  Command.withDescription("Changes that are made at a time, as publishing verbs take them with --at"),
  Command.withSubcommands([list, show, cancel])
)
