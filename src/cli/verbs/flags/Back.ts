/** `herald flag rollback|archive`: a flag as it was, or none. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { PublishedFlag, StoredFlag } from "../../../edge/http/flags/Wire.ts"
import { usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message, yes } from "../../Globals.ts"
import { glassFlag, overFlags } from "../configuration/ChangeFlags.ts"
import { atFlags, schedule, timed } from "../schedules/Scheduling.ts"
import { pathOf } from "./Changing.ts"
import { written } from "./Told.ts"

const flag = Argument.String("flag").pipe(Argument.withDescription("The flag's name"))

export const rollback = Command.make(
  "rollback",
  {
    flag,
    to: Flags.Int("to").pipe(
      Flags.withDescription("The version to return to (herald flag history <flag>)"),
      Flags.withMetavar("version")
    ),
    env,
    message,
    idempotencyKey,
    ...overFlags,
    ...atFlags
  },
  Effect.fn("Flag.rollback")(function* ({ flag, to, env, ...how }) {
    const { message, idempotencyKey } = how
    const over = { force: how.force || undefined, breakGlass: how.breakGlass }
    const here = yield* invocation
    const environment = here.environment(env)
    const query = { environment }
    if (yield* timed(how)) {
      const old = (yield* here.call({ method: "GET", path: pathOf(flag, `/versions/${to}`), query })).body as StoredFlag
      if (old.deleted) return yield* usage(`version ${to} of ${flag} archived it`, "Archive it, or return to another.")
      return yield* schedule(here, { flags: [{ flag, environment, value: old.definition }] }, how)
    }
    const { body } = yield* here.call({
      method: "POST",
      path: pathOf(flag, "/rollback"),
      query: { ...query, ...over },
      body: { version: to, ...(message === undefined ? {} : { message }) },
      idempotencyKey
    })
    yield* here.emit(body, (paint) => written(`rolled back to version ${to}:`, body as PublishedFlag, paint))
  })
).pipe(
  Command.withDescription("Take a change of a flag back: makes a new version that equals an old one"),
  Command.withExamples([{ command: "herald flag rollback new-checkout --to 3", description: "Back to version 3" }])
)

export const archive = Command.make(
  "archive",
  {
    flag,
    env,
    message,
    idempotencyKey,
    force: yes("force", "Although applications evaluate it, or a rollout has it; needs --message, which says why"),
    ...glassFlag,
    ...atFlags
  },
  Effect.fn("Flag.archive")(function* ({ flag, env, force, ...how }) {
    const { message, idempotencyKey, breakGlass } = how
    const here = yield* invocation
    const environment = here.environment(env)
    const forced = force ? { force } : {}
    if (yield* timed(how)) {
      return yield* schedule(here, { flags: [{ flag, environment, value: null, ...forced }] }, how)
    }
    const query = { environment, message, breakGlass, ...forced }
    const { body } = yield* here.call({ method: "DELETE", path: pathOf(flag), query, idempotencyKey })
    yield* here.emit(body, (paint) => written("archived", body as PublishedFlag, paint))
  })
).pipe(
  Command.withDescription("Take a flag away; its history stays, and a rollback brings it back"),
  Command.withExamples([
    {
      command: "herald flag archive new-checkout",
      description: "Refused while another flag needs it, or an application evaluates it"
    }
  ])
)
