/** `herald publish <key> <value|@file|->`: a new version, delivered to every client that wants it. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Published } from "../../../edge/http/configuration/Wire.ts"
import { usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message, yes } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { waitFlags, waitingOf } from "../fleet/Wait.ts"
import { begin, rolloutFlags, rolloutOf } from "../rollouts/Asking.ts"
import { atFlags, schedule, timed } from "../schedules/Scheduling.ts"
import { bodyOf, changeFlags, overFlags, tryOut } from "./ChangeFlags.ts"
import { toldOne } from "./Told.ts"

export const publish = Command.make(
  "publish",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key to publish; it is made where there is none")),
    value: Argument.String("value").pipe(Argument.withDescription("The text itself, @file, or - for standard input")),
    env,
    ...changeFlags,
    message,
    idempotencyKey,
    ...atFlags,
    ...waitFlags,
    ...rolloutFlags,
    ...overFlags,
    dryRun: yes("dry-run", "Check everything and say what would change, without writing")
  },
  Effect.fn("Publish.run")(function* (input) {
    const here = yield* invocation
    const environment = here.environment(input.env)
    const waiting = yield* waitingOf(input.watch ? { ...input, timeout: undefined } : input)
    const plan = yield* rolloutOf(input)
    if (plan !== undefined) {
      if (waiting !== undefined || input.evenIfChanged || input.force)
        return yield* usage(
          "--wait, --even-if-changed and --force say nothing of a rollout",
          "Leave them out; --watch follows it to its end."
        )
      const { message: _, ...change } = yield* bodyOf(input)
      return yield* begin(here, { environment, plan, at: input.at, changes: [{ key: input.key, ...change }] }, input)
    }
    if (yield* timed({ ...input, waiting })) {
      const { message: _, ...change } = yield* bodyOf(input)
      return yield* schedule(here, { changes: [{ key: input.key, environment, ...change }] }, input)
    }
    if (input.dryRun) return yield* tryOut(here, environment, input)
    const { body } = yield* here.call({
      method: "PUT",
      path: `/v1/config/${segment(input.key)}`,
      query: { environment, force: input.force || undefined, breakGlass: input.breakGlass },
      body: yield* bodyOf(input),
      idempotencyKey: input.idempotencyKey
    })
    yield* toldOne(here, "published", body as Published, waiting)
  })
).pipe(
  Command.withDescription(
    "Publish a new version of a key. A broken connection is repeated for up to 10 s and never writes twice"
  ),
  Command.withShortDescription("Publish a new version of a key"),
  Command.withExamples([
    {
      command: `herald publish user-service '{"feature":{"x":true}}' --env production --type json --message "turn x on"`,
      description: "A JSON value"
    },
    {
      command: "herald publish user-service @config.json --type json --schema @schema.json",
      description: "From files"
    },
    { command: "echo 5 | herald publish user-service.retries - --type number", description: "From a pipe" },
    { command: "herald publish user-service @config.json --dry-run", description: "What would change, and for whom" },
    {
      command: "herald publish user-service @config.json --wait",
      description: "Until every client has it, or one refused it"
    },
    {
      command: "herald publish user-service @config.json --rollout 1%,10%,100% --gate 'unhealthy < 2%' --watch",
      description: "Stage by stage, and back by itself when a gate says so"
    },
    { command: "herald publish offset --type number -- -5", description: "A value that begins with a dash" }
  ])
)
