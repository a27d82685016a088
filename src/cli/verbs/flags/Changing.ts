/**
 * How a verb changes a flag: what stands there, what is sent, what is told.
 *
 *   FW1  What a verb changes a part of, it changes at the version that it read: a change in between is read again, never overwritten.
 */

import * as Effect from "effect/Effect"
import type { PublishedFlag, StoredFlag, ValidatedFlag } from "../../../edge/http/flags/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"
import { SOME, shortened, showDifference } from "../../DiffView.ts"
import { type Invocation, idempotencyKey, message, yes } from "../../Globals.ts"
import { guardsOf, orSecondPerson } from "../../Guarded.ts"
import { segment } from "../../Http.ts"
import { overFlags } from "../configuration/ChangeFlags.ts"
import { type At, atFlags, schedule, timed } from "../schedules/Scheduling.ts"
import { warned, written } from "./Told.ts"

export const changeFlags = {
  message,
  idempotencyKey,
  dryRun: yes("dry-run", "Check everything and say what would change, without writing"),
  ...overFlags,
  ...atFlags
}

export interface Change extends At {
  readonly message: string | undefined
  readonly idempotencyKey: string | undefined
  readonly dryRun: boolean
  readonly force: boolean
  readonly breakGlass: string | undefined
}

export const pathOf = (flag: string, rest = ""): string => `/v1/flags/${segment(flag)}${rest}`

export const read = Effect.fnUntraced(function* (here: Invocation, environment: string, flag: string) {
  const { body } = yield* here.call({ method: "GET", path: pathOf(flag), query: { environment } })
  return body as StoredFlag
})

/** `definition`: a text, or JSON. `verb`: what was done, in the past. */
export const send = Effect.fnUntraced(function* (
  here: Invocation,
  environment: string,
  flag: string,
  verb: string,
  definition: unknown,
  how: Change,
  expectedVersion?: number
) {
  const { message, idempotencyKey, dryRun, evenIfChanged } = how
  if (yield* timed(how)) {
    const expected = expectedVersion === undefined || evenIfChanged ? {} : { expectedVersion }
    return yield* schedule(here, { flags: [{ flag, environment, value: definition, ...expected }] }, how)
  }
  const body = {
    value: definition,
    ...(message === undefined || dryRun ? {} : { message }),
    ...(expectedVersion === undefined ? {} : { expectedVersion })
  }
  const query = { environment }
  if (dryRun) {
    const answer = yield* here.call({ method: "POST", path: pathOf(flag, "/validate"), query, body, readOnly: true })
    const found = answer.body as ValidatedFlag
    yield* here.emit(
      found,
      (paint) =>
        `${paint.green("valid")}, nothing was written\n${shortened(showDifference(found.difference, paint), SOME, paint)}${warned(found, paint)}`
    )
    return yield* orSecondPerson(here, guardsOf([found]), how.breakGlass)
  }
  const over = { ...query, force: how.force || undefined, breakGlass: how.breakGlass }
  const answer = yield* here.call({ method: "PUT", path: pathOf(flag), query: over, body, idempotencyKey })
  yield* here.emit(answer.body, (paint) => written(verb, answer.body as PublishedFlag, paint))
})

type Members = Readonly<Record<string, unknown>>
const TRIES = 5

/** Changes a part of what is there. `change` undefined: it is so already, and nothing is done. FW1 */
export const alter = (
  here: Invocation,
  environment: string,
  flag: string,
  verb: string,
  how: Change,
  change: (definition: Members) => Members | CliFailure | undefined
) => {
  const attempt = (left: number): Effect.Effect<void, CliFailure, Effect.Services<ReturnType<typeof send>>> =>
    Effect.gen(function* () {
      const { definition, version } = yield* read(here, environment, flag)
      const changed = change(definition as Members)
      if (changed === undefined)
        return yield* here.emit(
          { flag, environment, version, unchanged: true },
          (paint) => `${paint.bold(printable(flag))} is ${verb} in ${printable(environment)} already: nothing to change`
        )
      if ("_tag" in changed) return yield* changed as CliFailure
      yield* send(here, environment, flag, verb, changed, how, version).pipe(
        Effect.catchIf(
          (failure) => left > 1 && failure.code === "HRLD-2002" && how.idempotencyKey === undefined,
          () => attempt(left - 1)
        )
      )
    })
  return attempt(TRIES)
}

export const notSimple = (flag: string): CliFailure =>
  usage(
    `${flag} has variants or a rule of its own, so it has no percentage and no target users`,
    `Change its definition, with herald flag get ${flag} --raw > flag.json and herald flag set ${flag} @flag.json.`
  )

/** Whether it decides; those that come from elsewhere say it by a state. */
export const isOn = (definition: Members): boolean =>
  isSimple(definition) ? definition["enabled"] !== false : definition["state"] === "ENABLED"

export const isSimple = (definition: Members): boolean =>
  ["enabled", "percentage", "targetUsers", "segments", "by"].some((name) => Object.hasOwn(definition, name))
