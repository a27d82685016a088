/** The tree of commands, and how a run of it ends. */
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import packageJson from "../../package.json" with { type: "json" }
import { painted } from "../text/Printable.ts"
import { CliFailure, known, render, Told, toJson, usage } from "./CliFailure.ts"
import { globalFlags } from "./Globals.ts"
import { asking, fitting, inFlags } from "./Hints.ts"
import { meantOption, meantVerb, verbsOf } from "./Misspelt.ts"
import { colours, type Paint, plain, wantsColour } from "./Paint.ts"
import { emptyProblem, requestProblem } from "./Requesting.ts"
import { Shell } from "./Shell.ts"
import { access } from "./verbs/access/Access.ts"
import { audit } from "./verbs/access/Audit.ts"
import { key } from "./verbs/access/Key.ts"
import { login, logout } from "./verbs/access/Login.ts"
import { changeVerb } from "./verbs/approvals/Change.ts"
import { protectVerb } from "./verbs/approvals/Protect.ts"
import { apply } from "./verbs/code/Apply.ts"
import { compare } from "./verbs/code/Compare.ts"
import { exportVerb } from "./verbs/code/Export.ts"
import { promote } from "./verbs/code/Promote.ts"
import { remove } from "./verbs/configuration/Delete.ts"
import { diff } from "./verbs/configuration/Diff.ts"
import { edit } from "./verbs/configuration/Edit.ts"
import { environments } from "./verbs/configuration/Environments.ts"
import { explain } from "./verbs/configuration/Explain.ts"
import { get } from "./verbs/configuration/Get.ts"
import { history } from "./verbs/configuration/History.ts"
import { list } from "./verbs/configuration/List.ts"
import { publish } from "./verbs/configuration/Publish.ts"
import { release } from "./verbs/configuration/Release.ts"
import { rollback } from "./verbs/configuration/Rollback.ts"
import { validate } from "./verbs/configuration/Validate.ts"
import { demoVerb } from "./verbs/demo/Demo.ts"
import { experimentVerb } from "./verbs/experiments/Experiment.ts"
import { flagVerb } from "./verbs/flags/Flag.ts"
import { clients } from "./verbs/fleet/Clients.ts"
import { status } from "./verbs/fleet/Status.ts"
import { limits } from "./verbs/limits/Limits.ts"
import { marketVerb } from "./verbs/market/Market.ts"
import { doctor } from "./verbs/node/Doctor.ts"
import { start } from "./verbs/node/Start.ts"
import { rolloutVerb } from "./verbs/rollouts/Rollout.ts"
import { routeVerb } from "./verbs/routes/Route.ts"
import { scheduleVerb } from "./verbs/schedules/Schedule.ts"
import { segmentVerb } from "./verbs/segments/Segment.ts"
import { subscribe } from "./verbs/sessions/Subscribe.ts"
import { settings } from "./verbs/settings/Settings.ts"
import { candidates } from "./verbs/shell/Candidates.ts"
import { completion } from "./verbs/shell/Completion.ts"
import { context } from "./verbs/shell/Context.ts"
import { deadLettersVerb } from "./verbs/subscriptions/DeadLetters.ts"
import { subscriptionVerb } from "./verbs/subscriptions/Subscription.ts"
import { topicVerb } from "./verbs/topics/Topic.ts"

export const herald = Command.make("herald").pipe(
  Command.withDescription("Push versioned configuration to every connected client in milliseconds, and take it back"),
  Command.withExamples([
    { command: "herald start", description: "Run a server" },
    { command: "herald subscribe user-service", description: "See each update as it arrives" },
    {
      command: `herald publish user-service '{"feature":{"x":true}}' --type json --message "turn x on"`,
      description: "Publish a version"
    },
    { command: "herald clients", description: "Who applied it, who rejected it and why" }
  ]),
  Command.withSubcommands([
    { group: "Server", commands: [start, settings, doctor] },
    {
      group: "Change",
      commands: [
        publish,
        edit,
        validate,
        rollback,
        remove,
        release,
        rolloutVerb,
        flagVerb,
        segmentVerb,
        experimentVerb,
        scheduleVerb,
        changeVerb
      ]
    },
    { group: "Configuration as code", commands: [exportVerb, apply, promote, compare] },
    { group: "Events", commands: [topicVerb, routeVerb, subscriptionVerb, deadLettersVerb, marketVerb, demoVerb] },
    { group: "Look", commands: [status, clients, subscribe, get, list, environments, history, diff, explain] },
    {
      group: "Administer",
      commands: [login, logout, key, access, limits, protectVerb, audit, context, completion(() => herald), candidates]
    }
  ]),
  Command.withGlobalFlags(globalFlags)
) as Command.Command<"herald", unknown, unknown, CliFailure, Shell>

/** What errors of the library have. */
interface Wrong {
  readonly _tag?: string
  readonly option?: string
  readonly value?: unknown
  readonly expected?: string
  readonly subcommand?: string
  readonly parent?: ReadonlyArray<string>
  readonly suggestions?: ReadonlyArray<string>
}
const meaning = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "" : `; did you mean ${names.join(", or ")}?`

/** As the library says it, but for what it garbles or knows less of. WV1 */
const wrongText = (error: Error): string => {
  const { _tag, option = "", value, expected, subcommand = "", parent = [], suggestions = [] } = error as Error & Wrong
  if (_tag === "UnknownSubcommand") {
    const words = parent.slice(1)
    const meant = meantVerb(subcommand, words, verbsOf(herald)).map((verb) => `herald ${verb}`)
    return `there is no herald ${[...words, subcommand].join(" ")}${meaning(meant)}`
  }
  if (_tag === "UnrecognizedOption") {
    const everywhere = globalFlags.map(({ id }) => id)
    return `there is no option ${option}${meaning(meantOption(option, suggestions, everywhere))}`
  }
  return expected?.includes("key=value") === true
    ? `--${option} ${value} has no name before a "=": give it as --${option} name=value`
    : error.message
}

const invalid = (event: { readonly commandPath: ReadonlyArray<string>; readonly errors: ReadonlyArray<Error> }) =>
  usage(event.errors.map(wrongText).join("\n"), `See: ${event.commandPath.join(" ")} --help`)

const takesValue = new Set(globalFlags.flatMap(({ id }) => (id === "request" ? [] : [`--${id}`])).concat("-o"))

/** What is no flag and no value of a flag that every verb takes. */
const wordsOf = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.filter((arg, at) => !arg.startsWith("-") && !takesValue.has(args[at - 1] ?? ""))
const verbOf = (args: ReadonlyArray<string>): string => wordsOf(args)[0] ?? ""

const HELP = ["--help", "-h"]

/** AQ12, TA7 */
const wrongWords = (args: ReadonlyArray<string>): CliFailure | undefined => {
  const given = args.includes("--") ? args.slice(0, args.indexOf("--")) : args
  const empty = emptyProblem(given)
  if (empty !== undefined) return empty
  const asks = given.some((arg) => arg === "--request" || arg.startsWith("--request="))
  return asks && !given.some((arg) => HELP.includes(arg)) ? requestProblem(wordsOf(given)) : undefined
}

const wantsJson = (args: ReadonlyArray<string>): boolean =>
  args.some((arg, at) => arg === "--output=json" || ((arg === "--output" || arg === "-o") && args[at + 1] === "json"))

const report = (shell: Shell["Service"], failure: CliFailure, args: ReadonlyArray<string>, paint: Paint) =>
  shell
    .progress(wantsJson(args) ? JSON.stringify(toJson(failure)) : render(failure, paint))
    .pipe(Effect.as(failure.exit))

/** PR1, for whatever was forgotten on the way here. */
const contained = (shell: Shell["Service"]): Shell["Service"] => ({
  ...shell,
  out: (line) => shell.out(shell.terminal ? painted(line) : line),
  progress: (line) => shell.progress(shell.errorTerminal ? painted(line) : line),
  live: (line) => shell.live(painted(line))
})

/** `help`, `help publish`: as many tools have it. `change request publish …` is `publish … --request`. */
const spelledOut = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (args[0] === "help") return [...args.slice(1), "--help"]
  const [first, second, verb = "-"] = args
  if (first !== "change" || second !== "request" || verb.startsWith("-")) return args
  const command = args.slice(2)
  const at = command.indexOf("--")
  return at < 0 ? [...command, "--request"] : command.toSpliced(at, 0, "--request")
}

/** `-2h` behind `--at` would be read as `-2 -h`, which asks for help: exit code 0, and nothing done. */
const readAsOptions = (args: ReadonlyArray<string>): string | undefined =>
  args.slice(0, args.includes("--") ? args.indexOf("--") : undefined).find((arg) => /^-\d+[a-z]/i.test(arg))

/** Runs one command line; succeeds with the exit code. */
export const run = (typed: ReadonlyArray<string>, given: Shell["Service"]) => {
  const args = spelledOut(typed)
  const shell = contained(given)
  const paint = wantsColour(shell.env, shell.errorTerminal) ? colours : plain
  // Not the library's global flag: it would take `get --version N` for itself.
  if (args[0] === "--version" || args[0] === "-v") return shell.out(`herald ${packageJson.version}`).pipe(Effect.as(0))
  const dashed = readAsOptions(args)
  if (dashed !== undefined) {
    const fix =
      "A time from now is +2h. Another value that begins with a dash is written as --name=value, or behind --."
    return report(shell, usage(`${dashed} would be read as options, not as a value`, fix), args, paint)
  }
  const wrong = wrongWords(args)
  if (wrong !== undefined) return report(shell, wrong, args, paint)
  const formatter = CliOutput.defaultFormatter({ colors: wantsColour(shell.env, shell.terminal) })
  return Command.runWith(herald, { version: packageJson.version })(args).pipe(
    Effect.as(0),
    Effect.catch((error: CliFailure | CliError.CliError) => {
      if (error instanceof CliFailure) {
        if (error instanceof Told) return Effect.succeed(0)
        const verb = verbOf(args)
        return report(shell, asking(args, inFlags(verb, args, fitting(verb, error))), args, paint)
      }
      if (error._tag === "ShowHelp") return Effect.succeed(error.errors.length > 0 ? 2 : 0)
      return report(shell, usage(error.message, "See: herald --help"), args, paint)
    }),
    Effect.catchDefect((defect) =>
      report(
        shell,
        known("Internal", defect instanceof Error ? (defect.stack ?? defect.message) : String(defect)),
        args,
        paint
      )
    ),
    Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.succeed(130) : Effect.failCause(cause))),
    Effect.provideService(Shell, shell),
    Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help] })),
    Effect.provideService(CliOutput.Presenter, {
      present: (event) => {
        if (event._tag === "Help") return shell.out(formatter.formatHelpDoc(event.helpDoc))
        if (event._tag === "Version") return shell.out(`${event.name} ${event.version}`)
        return report(shell, invalid(event), args, paint) // CM1
      }
    })
  )
}
