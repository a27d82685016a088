/** `herald experiment results|list|show|history`: looks at experiments. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Experiment, ExperimentHistory, ExperimentList, WithResults } from "../../../edge/http/experiments/Wire.ts"
import { states } from "../../../experiments/Experiment.ts"
import { printable } from "../../../text/Printable.ts"
import { showsBlocks } from "../../Bar.ts"
import { CliFailure } from "../../CliFailure.ts"
import { env, type Invocation, invocation, optionalText, yes } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { Shell } from "../../Shell.ts"
import { clip, TEXT, table, time } from "../../Table.ts"
import { watch } from "../../Watch.ts"
import { results as shown, signed, whole } from "./Told.ts"

export const experiment = Argument.String("experiment").pipe(Argument.withDescription("The experiment's name"))
export const pathOf = (experiment: string, rest = ""): string => `/v1/experiments/${segment(experiment)}${rest}`
const PAGE = 1_000

const mismatch = (found: WithResults): CliFailure | undefined =>
  found.results?.sampleRatio.mismatch === true
    ? new CliFailure({
        code: "",
        title: "People do not come by their shares",
        what: `of ${found.experiment}: what is compared are different people`,
        why: "",
        fix: "Find out who is missing: a crash, a redirect, a cache or a bot that has to do with one variant.",
        exit: 3,
        trace: "",
        retryable: false,
        retryAfter: 0
      })
    : undefined

const lookAt = Effect.fnUntraced(function* (here: Invocation, environment: string, experiment: string) {
  const query = { environment }
  return (yield* here.call({ method: "GET", path: pathOf(experiment, "/results"), query })).body as WithResults
})

export const results = Command.make(
  "results",
  { experiment, env, watch: yes("watch", "Look again every second, until it is stopped by hand") },
  Effect.fn("Experiment.results")(function* ({ experiment, env, watch: again }) {
    const here = yield* invocation
    const shell = yield* Shell
    const environment = here.environment(env)
    const unicode = showsBlocks(shell.env)
    const told = (found: WithResults, now: number) => (paint: Parameters<typeof shown>[2]) =>
      shown(found, now, paint, here.room, unicode)
    if (again) {
      const look = Effect.gen(function* () {
        const found = yield* lookAt(here, environment, experiment)
        const { at: _, ...its } = found.results ?? { at: 0 }
        return {
          data: found,
          asTable: told(found, yield* shell.now),
          fingerprint: JSON.stringify({ ...found, results: its })
        }
      })
      return yield* watch(here, look, { replace: true })
    }
    const found = yield* lookAt(here, environment, experiment)
    yield* here.emit(found, told(found, yield* shell.now))
    const wrong = mismatch(found)
    if (wrong !== undefined) return yield* wrong
  })
).pipe(
  Command.withDescription(
    "Show what an experiment has shown, with intervals that may be looked at any time; exit code 3 when people do not come by their shares"
  ),
  Command.withShortDescription("Show what an experiment has shown"),
  Command.withExamples([{ command: "herald experiment results one-page --watch", description: "As people come" }])
)

export const list = Command.make(
  "list",
  {
    env,
    state: Flags.Literals("state", [...states, "all"]).pipe(
      Flags.withDescription("Those that are so; all unless given"),
      Flags.optional,
      Flags.map(Option.getOrElse(() => "all" as const))
    ),
    flag: optionalText("flag", "Only those on this flag", "name")
  },
  Effect.fn("Experiment.list")(function* ({ env, state, flag }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const found: Array<Experiment> = []
    let after: string | undefined
    do {
      const query = { environment, state: state === "all" ? undefined : state, flag, limit: PAGE, after }
      const page = (yield* here.call({ method: "GET", path: "/v1/experiments", query })).body as ExperimentList
      found.push(...page.experiments)
      after = page.next ?? undefined
    } while (after !== undefined)
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? `no experiments in ${printable(environment)}; start one with herald experiment start <name> --flag <flag>`
        : table(
            found,
            [
              { title: "EXPERIMENT", value: (row) => row.experiment, paint: () => paint.bold },
              {
                title: "STATE",
                value: (row) => row.state,
                paint: (row) => (row.state === "running" ? paint.green : paint.dim)
              },
              { title: "FLAG", value: (row) => row.flag },
              { title: "LAYER", value: (row) => row.layer ?? "" },
              { title: "STARTED", value: (row) => time(row.startedAt), timed: true },
              { title: "WINNER", value: (row) => (row.state === "running" ? "" : (row.winner ?? "none")) },
              {
                title: "WHY",
                value: (row) => clip(row.state === "running" ? row.hypothesis : row.conclusion, 60),
                text: TEXT
              }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List experiments, by their names"),
  Command.withExamples([{ command: "herald experiment list --state running", description: "What runs now" }])
)

export const show = Command.make(
  "show",
  { experiment, env },
  Effect.fn("Experiment.show")(function* ({ experiment, env }) {
    const here = yield* invocation
    const query = { environment: here.environment(env) }
    const found = (yield* here.call({ method: "GET", path: pathOf(experiment), query })).body as Experiment
    yield* here.emit(found, (paint) => whole(found, paint))
  })
).pipe(
  Command.withDescription("Show an experiment: what is compared, by what, and what was concluded"),
  Command.withExamples([{ command: "herald experiment show one-page", description: "What it is about" }])
)

const primaryOf = ({ state, results }: WithResults): string => {
  if (state === "running") return ""
  const arms = results?.metrics[0]?.arms.filter(({ lift }) => lift !== null) ?? []
  return arms
    .map(
      ({ variant, lift, verdict }) => `${variant} ${lift!.estimate === null ? "?" : signed(lift!.estimate)} ${verdict}`
    )
    .join(", ")
}

export const history = Command.make(
  "history",
  { experiment, env },
  Effect.fn("Experiment.history")(function* ({ experiment, env }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const found: Array<WithResults> = []
    let before: number | undefined
    do {
      const query = { environment, before }
      const { body } = yield* here.call({ method: "GET", path: pathOf(experiment, "/history"), query })
      const page = body as ExperimentHistory
      found.push(...page.versions)
      before = page.next ?? undefined
    } while (before !== undefined && before > 1)
    yield* here.emit(found, (paint) =>
      table(
        found,
        [
          { title: "VERSION", value: (row) => String(row.version), right: true },
          { title: "AT", value: (row) => time(row.endedAt ?? row.startedAt), timed: true },
          { title: "", value: (row) => (row.state === "running" ? "started" : "stopped") },
          { title: "BY", value: (row) => (row.state === "running" ? row.startedBy : row.endedBy) },
          { title: "RESULT", value: primaryOf, text: TEXT },
          {
            title: "WHY",
            value: (row) => clip(row.state === "running" ? row.hypothesis : row.conclusion, 60),
            text: TEXT
          }
        ],
        paint,
        here.room
      )
    )
  })
).pipe(
  Command.withDescription("How an experiment was started and stopped, newest first, with the results of then"),
  Command.withExamples([{ command: "herald experiment history one-page", description: "Each time that it ran" }])
)
