/** `herald rollout start|apply`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { keyIn, kindIn } from "../../../keys/Name.ts"
import { usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message, optionalInt, optionalText, yes } from "../../Globals.ts"
import { readFile, readSchema, readValue } from "../../Input.ts"
import { changeFlags } from "../configuration/ChangeFlags.ts"
import { begin, planFlags, planOf } from "./Asking.ts"

const at = optionalText(
  "at",
  "Not now but then, by the database's clock: 2026-12-01T09:00:00+01:00, or +2h, +1d12h from now",
  "time"
)
export const breakGlass = optionalText(
  "break-glass",
  "Why the plan that such keys ask for is passed by; kept in the audit log",
  "why"
)
const timeout = optionalText(
  "timeout",
  "How long --watch follows it: 90s, 2m, 1h; to its end unless given (exit code 9)",
  "span"
)
const dryRun = yes("dry-run", "Check everything and say whom each stage would reach, without writing")
const watch = yes(
  "watch",
  "Stay, and follow it to its end: exit code 0 when completed, 10 when taken back, 11 when aborted"
)

export const start = Command.make(
  "start",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key; of a flag @flag/<name>")),
    value: Argument.String("value").pipe(
      Argument.withDescription("The text itself, @file, or - for standard input; or --version"),
      Argument.optional,
      Argument.map(Option.getOrUndefined)
    ),
    version: optionalInt(
      "version",
      "What this version of before said: one that was current once, or was withdrawn",
      "n"
    ),
    env,
    ...planFlags,
    type: changeFlags.type,
    schema: changeFlags.schema,
    expectedVersion: changeFlags.expectedVersion,
    at,
    message,
    breakGlass,
    idempotencyKey,
    dryRun,
    watch,
    timeout
  },
  Effect.fn("Rollout.start")(function* ({ key, value, version, env, type, schema, expectedVersion, at, ...given }) {
    const here = yield* invocation
    const kind = kindIn(key)
    if (kind !== "" && kind !== "flag")
      return yield* usage(`${kind} can't be rolled out`, "Name a key, or a flag as @flag/<name>.")
    const asItIs = given.raise !== undefined && kind === "flag" && value === undefined && version === undefined
    if ((value === undefined) === (version === undefined) && !asItIs)
      return yield* usage(
        "what is to be rolled out is said once",
        "Give a value, or --version and the number of one of before."
      )
    const plan = yield* planOf(given)
    const text = value === undefined ? undefined : yield* readValue(value)
    const read = yield* readSchema(schema)
    const change = Object.fromEntries(
      Object.entries({
        [kind === "" ? "key" : "flag"]: keyIn(key),
        value: text,
        version,
        type,
        schema: read,
        expectedVersion
      }).filter(([, one]) => one !== undefined)
    )
    const asked = { environment: here.environment(env), plan, at }
    yield* begin(here, kind === "" ? { ...asked, changes: [change] } : { ...asked, flags: [change] }, given)
  })
).pipe(
  Command.withDescription(
    "Give a change to more and more instances, stage by stage; it takes itself back when a gate says so"
  ),
  Command.withShortDescription("Give a change to more and more instances"),
  Command.withExamples([
    {
      command:
        "herald rollout start user-service @config.json --stages 1%,10%,50%,100% --bake 5m --gate 'unhealthy < 2%' --watch",
      description: "And follow it to its end"
    },
    {
      command:
        "herald rollout start user-service --version 42 --stages 'region=eu:10% for 30m, region=eu approve, 100%'",
      description: "What version 42 said: first to a tenth of Europe, then a person decides"
    },
    {
      command: "herald rollout start @flag/new-checkout @flag.json --plan careful --at +2h",
      description: "A flag, by a plan of the environment"
    },
    {
      command:
        "herald rollout start @flag/new-checkout --raise on --stages 1%,10%,50%,100% --bake 1h --gate 'track(checkout) >= 0.9 * control'",
      description: "More and more people get its variant on"
    }
  ])
)

export const apply = Command.make(
  "apply",
  {
    file: Argument.String("file").pipe(Argument.withDescription("YAML or JSON, or - for standard input")),
    env,
    message,
    breakGlass,
    idempotencyKey,
    dryRun,
    watch,
    timeout
  },
  Effect.fn("Rollout.apply")(function* ({ file, env, message, ...how }) {
    const here = yield* invocation
    const text = yield* readFile(file)
    const { rolloutFileOf } = yield* Effect.promise(() => import("./RolloutFile.ts"))
    const asked = rolloutFileOf(file === "-" ? "standard input" : file, text, here.environment(env))
    if (asked instanceof Error) return yield* asked
    if (env !== undefined && asked.environment !== env)
      return yield* usage(
        `the file is for ${asked.environment}, and --env is ${env}`,
        "Leave --env out, or take environment out of the file."
      )
    const { message: said, ...wanted } = asked
    yield* begin(here, wanted, { ...how, message: message ?? said })
  })
).pipe(
  Command.withDescription(
    `Begin the rollout that a file describes, once: applied again it changes nothing, and with --watch follows what it began.

name: checkout-2
environment: production
message: the new checkout
changes:
  - key: user-service
    value: { checkout: 2 }
flags:
  - flag: new-checkout
    value: { enabled: true, percentage: 50 }
plan:                          # or the name of a plan of the environment
  stages: [ "1% for 10m", "region=eu:10%", "50% approve", "100%" ]
  bake: 5m
  gates: [ "unhealthy < 2%", "errors/requests <= 1.5 * control" ]
  windows: Mon-Fri 09:00-16:00 UTC

Further fields: at; of a change version (in place of value), type, schema, strict, expectedVersion; of a plan approval, deadline, late (pause, or roll back), applied, lostAfter, crashes, patience.`
  ),
  Command.withShortDescription("Begin the rollout that a file describes, once"),
  Command.withExamples([
    {
      command: "herald rollout apply rollout.yaml --watch",
      description: "From a repository; exit code 10 when it was taken back"
    },
    { command: "herald rollout apply rollout.yaml --dry-run", description: "Whom each stage would reach" }
  ])
)
