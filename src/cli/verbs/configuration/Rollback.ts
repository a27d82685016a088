/** `herald rollback <key> --to N`: a new version that equals an old one. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Configuration, Published } from "../../../edge/http/configuration/Wire.ts"
import { usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { meaning } from "../../Near.ts"
import { waitFlags, waitingOf } from "../fleet/Wait.ts"
import { atFlags, schedule, timed } from "../schedules/Scheduling.ts"
import { overFlags } from "./ChangeFlags.ts"
import { toldOne } from "./Told.ts"

export const rollback = Command.make(
  "rollback",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key to take back")),
    to: Flag.Int("to").pipe(
      Flag.withDescription("The version to return to (herald history <key>)"),
      Flag.withMetavar("version")
    ),
    env,
    message,
    idempotencyKey,
    ...atFlags,
    ...overFlags,
    ...waitFlags
  },
  Effect.fn("Rollback.run")(function* ({ key, to, env, wait, timeout, ...how }) {
    const { message, idempotencyKey, force, breakGlass } = how
    const waiting = yield* waitingOf({ wait, timeout })
    const here = yield* invocation
    if (yield* timed({ ...how, waiting })) {
      const environment = here.environment(env)
      const path = `/v1/config/${segment(key)}/versions/${to}`
      const { body } = yield* here
        .call({ method: "GET", path, query: { environment, as: "text" } })
        .pipe(meaning(here, environment, key))
      const { value, type, schema, strict, deleted } = body as Configuration
      if (deleted) return yield* usage(`version ${to} of ${key} is a deletion`, "Delete the key, or return to another.")
      return yield* schedule(here, { changes: [{ key, environment, value, type, schema, strict }] }, how)
    }
    const { body } = yield* here
      .call({
        method: "POST",
        path: `/v1/config/${segment(key)}/rollback`,
        query: { environment: here.environment(env), force: force || undefined, breakGlass },
        body: { version: to, ...(message === undefined ? {} : { message }) },
        idempotencyKey
      })
      .pipe(meaning(here, here.environment(env), key))
    yield* toldOne(here, `rolled back to version ${to}:`, body as Published, waiting)
  })
).pipe(
  Command.withDescription("Take a change back: makes a new version that equals an old one; history is never rewritten"),
  Command.withShortDescription("Take a change back"),
  Command.withExamples([
    { command: `herald rollback user-service --to 3 --message "x broke login"`, description: "Back to version 3" }
  ])
)
