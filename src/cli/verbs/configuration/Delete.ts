/** `herald delete <key>`: a version too, so a rollback brings it back. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Published } from "../../../edge/http/configuration/Wire.ts"
import { env, idempotencyKey, invocation, message, optionalInt } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { meaning } from "../../Near.ts"
import { waitFlags, waitingOf } from "../fleet/Wait.ts"
import { atFlags, schedule, timed } from "../schedules/Scheduling.ts"
import { overFlags } from "./ChangeFlags.ts"
import { toldOne } from "./Told.ts"

export const remove = Command.make(
  "delete",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The key to delete; a rollback brings it back")),
    env,
    message,
    expectedVersion: optionalInt("expected-version", "Fail unless this is the current version", "n"),
    idempotencyKey,
    ...atFlags,
    ...overFlags,
    ...waitFlags
  },
  Effect.fn("Delete.run")(function* ({ key, env, expectedVersion, wait, timeout, ...how }) {
    const { message, idempotencyKey, force, breakGlass } = how
    const waiting = yield* waitingOf({ wait, timeout })
    const here = yield* invocation
    if (yield* timed({ ...how, waiting })) {
      const expected = expectedVersion === undefined ? {} : { expectedVersion }
      const change = { key, environment: here.environment(env), value: null, ...expected }
      return yield* schedule(here, { changes: [change] }, how)
    }
    const { body } = yield* here
      .call({
        method: "DELETE",
        path: `/v1/config/${segment(key)}`,
        query: { environment: here.environment(env), message, force: force || undefined, breakGlass },
        headers: expectedVersion === undefined ? {} : { "if-match": String(expectedVersion) },
        idempotencyKey
      })
      .pipe(meaning(here, here.environment(env), key))
    yield* toldOne(here, "deleted", body as Published, waiting)
  })
).pipe(
  Command.withDescription("Delete a key. Clients are told; `herald rollback` brings it back"),
  Command.withShortDescription("Delete a key"),
  Command.withExamples([{ command: `herald delete user-service --message "retired"`, description: "In production" }])
)
