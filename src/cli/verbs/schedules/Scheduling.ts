/** `--at`: a change is not made now, but at a time. What a verb sends then, and what it tells. */
import * as Effect from "effect/Effect"
import type { Validated } from "../../../edge/http/configuration/Wire.ts"
import type { Scheduled, ScheduleList } from "../../../edge/http/schedules/Wire.ts"
import { usage } from "../../CliFailure.ts"
import { type Invocation, optionalText, yes } from "../../Globals.ts"
import { toldDryRun } from "../configuration/ChangeFlags.ts"
import { scheduled } from "./Told.ts"

export const atFlags = {
  at: optionalText(
    "at",
    "Not now but then, by the database's clock: 2026-12-01T09:00:00+01:00, or +2h, +1d12h from now",
    "time"
  ),
  evenIfChanged: yes("even-if-changed", "With --at: also when somebody changes it before; cancelled otherwise")
}

export interface At {
  readonly at: string | undefined
  readonly evenIfChanged: boolean
}

/** The parts of a release. */
export interface Parts {
  readonly changes?: ReadonlyArray<object>
  readonly flags?: ReadonlyArray<object>
  readonly segments?: ReadonlyArray<object>
}

interface How extends At {
  readonly message: string | undefined
  readonly idempotencyKey: string | undefined
  readonly dryRun?: boolean
  /** Milliseconds that the verb was to wait for clients. */
  readonly waiting?: number | undefined
}

/** Fails where the flags can't go together. */
export const timed = ({ at, evenIfChanged, waiting }: Pick<How, "at" | "evenIfChanged" | "waiting">) => {
  if (at === undefined && evenIfChanged)
    return Effect.fail(usage("--even-if-changed says what is to be done at a time", "Give --at, too, or leave it out."))
  if (at !== undefined && waiting !== undefined)
    return Effect.fail(
      usage("--wait waits for clients, which get nothing before its time", "Leave --wait or --at out.")
    )
  return Effect.succeed(at !== undefined)
}

/** What is to become of a flag, the next first; nothing where the server can't say. */
export const comingOf = (here: Invocation, environment: string, flag: string) =>
  here.call({ method: "GET", path: "/v1/schedules", query: { environment, flag, state: "pending" } }).pipe(
    Effect.map(({ body }) => (body as ScheduleList).schedules.toSorted((a, b) => a.dueAt - b.dueAt)),
    Effect.orElseSucceed(() => [])
  )

export const schedule = Effect.fnUntraced(function* (
  here: Invocation,
  parts: Parts,
  { at, evenIfChanged, message, idempotencyKey, dryRun = false }: How
) {
  const { body } = yield* here.call({
    method: "POST",
    path: "/v1/schedules",
    query: { dryRun: dryRun || undefined },
    body: {
      at,
      ...parts,
      ...(message === undefined ? {} : { message }),
      ...(evenIfChanged ? { evenIfChanged } : {})
    },
    idempotencyKey,
    readOnly: dryRun
  })
  if (dryRun) return yield* toldDryRun(here, body as Validated)
  yield* here.emit(body, (paint) => scheduled(body as Scheduled, paint))
})
