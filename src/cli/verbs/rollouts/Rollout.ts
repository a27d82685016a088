/** `herald rollout start|apply|list|status|watch|pause|resume|promote|abort|history|plan|freeze`: changes that reach more and more instances. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Look, Rollout, RolloutHistory, RolloutList, Started } from "../../../edge/http/rollouts/Wire.ts"
import { states } from "../../../rollouts/Rollout.ts"
import { printable } from "../../../text/Printable.ts"
import { showsBlocks } from "../../Bar.ts"
import { usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message, optionalText, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { ago, TEXT, table, time } from "../../Table.ts"
import { timeoutOf } from "./Asking.ts"
import { freeze } from "./Freeze.ts"
import { instances } from "./Instances.ts"
import { follow, pathOf } from "./Live.ts"
import { plan } from "./Plans.ts"
import { apply, breakGlass, start } from "./Start.ts"
import { colourOf, countsOf, gist, nextOf, stageOf, told, whole, wordOf } from "./Told.ts"

const id = Argument.String("id").pipe(Argument.withDescription("Its id (herald rollout list)"))
const PAGE = 100

const list = Command.make(
  "list",
  {
    env,
    state: Flags.Literals("state", [...states, "active", "all"]).pipe(
      Flags.withDescription("Those that are so; active unless given"),
      Flags.optional,
      Flags.map(Option.getOrElse(() => "active" as const))
    ),
    flag: optionalText("flag", "Only those of this flag", "name"),
    key: optionalText("key", "Only those of this key", "name")
  },
  Effect.fn("Rollout.list")(function* ({ env, state, flag, key }) {
    const here = yield* invocation
    const shell = yield* Shell
    const environment = here.environment(env)
    if (flag !== undefined && key !== undefined)
      return yield* usage("--flag and --key can't both be given", "Leave one of them out.")
    const found: Array<Rollout> = []
    let before: string | undefined
    do {
      const query = { environment, state: state === "all" ? undefined : state, flag, key, limit: PAGE, before }
      const page = (yield* here.call({ method: "GET", path: "/v1/rollouts", query })).body as RolloutList
      found.push(...page.rollouts)
      before = page.next ?? undefined
    } while (before !== undefined && found.length < 1_000)
    const now = yield* shell.now
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? `no rollout ${state === "all" ? "was begun" : `is ${state === "active" ? state : wordOf({ state })}`} in ${printable(environment)}; begin one with herald rollout start, or herald publish --rollout`
        : table(
            found,
            [
              { title: "ID", value: (row) => row.id, paint: () => paint.bold },
              { title: "STATE", value: wordOf, paint: (row) => colourOf(row.state, paint) },
              { title: "STAGE", value: (row) => `${row.stage}/${row.stages.length}` },
              { title: "CHANGES", value: gist, text: TEXT },
              { title: "BY", value: (row) => row.startedBy },
              { title: "SINCE", value: (row) => ago(row.at, now) },
              { title: "WHY", value: (row) => row.reason, text: TEXT }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List rollouts, the newest first"),
  Command.withExamples([
    { command: "herald rollout list --state rolled_back", description: "What was taken back, and why" }
  ])
)

const status = Command.make(
  "status",
  { id, env },
  Effect.fn("Rollout.status")(function* ({ id, env }) {
    const here = yield* invocation
    const shell = yield* Shell
    const query = { environment: here.environment(env) }
    const found = (yield* here.call({ method: "GET", path: pathOf(id), query })).body as Look
    const now = found.now ?? (yield* shell.now)
    const view = { now, room: here.room, blocks: showsBlocks(shell.env) }
    yield* here.emit(
      found,
      (paint) => `${whole(found, view, paint)}\n${paint.dim(printable(nextOf(found, found.waits)))}`
    )
  })
).pipe(
  Command.withDescription("Show where a rollout is: stages, instances, what each gate says, and why"),
  Command.withExamples([{ command: "herald rollout status r1042", description: "As it is now" }])
)

const watch = Command.make(
  "watch",
  {
    id,
    env,
    timeout: optionalText("timeout", "How long: 90s, 2m, 1h; to its end unless given (exit code 9)", "span")
  },
  Effect.fn("Rollout.watch")(function* ({ id, env, timeout }) {
    const here = yield* invocation
    yield* follow(here, here.environment(env), id, yield* timeoutOf(timeout))
  })
).pipe(
  Command.withDescription(
    "Follow a rollout to its end: exit code 0 when it was completed, 10 when it was taken back, 11 when it was aborted"
  ),
  Command.withShortDescription("Follow a rollout to its end"),
  Command.withExamples([
    { command: "herald rollout watch r1042", description: "Live" },
    { command: "herald rollout watch r1042 --output json", description: "An object for each change" }
  ])
)

const moved = {
  pause: ["paused", "Keep a rollout where it is; bad evidence still takes it back"],
  resume: ["resumed", "Let a paused rollout go on: its stage bakes anew"],
  promote: [
    "promoted",
    "Begin the next stage now, whatever gates, windows and freezes say; after the last one, or with --full, give it to everyone"
  ],
  abort: ["aborted", "End a rollout: whoever has the change gets back what is current"]
} as const

const move = (verb: keyof typeof moved) =>
  Command.make(
    verb,
    {
      id,
      env,
      message,
      idempotencyKey,
      ...(verb === "promote"
        ? { full: yes("full", "To everyone, at once: it is the current version then"), breakGlass }
        : {})
    },
    Effect.fn(`Rollout.${verb}`)(function* ({ id, env, message, idempotencyKey, ...more }) {
      const here = yield* invocation
      const { body } = yield* here.call({
        method: "POST",
        path: pathOf(id, `/${verb}`),
        query: { environment: here.environment(env) },
        body: {
          ...(message === undefined ? {} : { message }),
          ...("full" in more && more.full ? { everyone: true } : {}),
          ...("breakGlass" in more && more.breakGlass !== undefined ? { breakGlass: more.breakGlass } : {})
        },
        idempotencyKey
      })
      yield* here.emit(body, (paint) => told(moved[verb][0], body as Started, paint))
    })
  ).pipe(
    Command.withDescription(moved[verb][1]),
    Command.withExamples([
      verb === "promote"
        ? { command: "herald rollout promote r1042 --full", description: "To everyone at once" }
        : {
            command: `herald rollout ${verb} r1042 --message "why"`,
            description: "Kept in its history and the audit log"
          }
    ])
  )

const history = Command.make(
  "history",
  { id, env },
  Effect.fn("Rollout.history")(function* ({ id, env }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const found: Array<Rollout> = []
    let after: number | undefined
    do {
      const query = { environment, limit: PAGE, after }
      const page = (yield* here.call({ method: "GET", path: pathOf(id, "/history"), query })).body as RolloutHistory
      found.push(...page.transitions)
      after = page.next ?? undefined
    } while (after !== undefined && found.length < 1_000)
    yield* here.emit(found, (paint) =>
      table(
        found,
        [
          { title: "WHEN", value: (row) => time(row.at), timed: true },
          { title: "STATE", value: wordOf, paint: (row) => colourOf(row.state, paint) },
          { title: "STAGE", value: (row) => (row.stage === 0 ? "" : stageOf(row).replace(/^stage /, "")) },
          { title: "BY", value: (row) => row.by },
          { title: "WHY", value: (row) => row.reason, text: TEXT },
          { title: "COHORT", value: (row) => countsOf(row.counts), text: TEXT }
        ],
        paint,
        here.room
      )
    )
  })
).pipe(
  Command.withDescription("Show each transition of a rollout, with what was known when it was decided"),
  Command.withExamples([
    { command: "herald rollout history r1042 --output json", description: "With counts and readings" }
  ])
)

export const rolloutVerb = Command.make("rollout").pipe(
  Command.withDescription("Changes that reach more and more instances, and take themselves back"),
  Command.withSubcommands([
    start,
    apply,
    list,
    status,
    watch,
    instances,
    move("pause"),
    move("resume"),
    move("promote"),
    move("abort"),
    history,
    plan,
    freeze
  ])
)
