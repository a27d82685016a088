/** Answers the routes of scheduled changes. */

import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { requireAnywhere } from "../../../access/Access.ts"
import { Approvals } from "../../../approvals/Approvals.ts"
import type { Committed } from "../../../commits/Release.ts"
import { failure } from "../../../errors/HeraldError.ts"
import { draftsOf } from "../../../schedules/Body.ts"
import { type Schedule, scheduleBytes } from "../../../schedules/Schedule.ts"
import { type Preview, Schedules } from "../../../schedules/Schedules.ts"
import { whenOf } from "../../../schedules/When.ts"
import { mayGoOn } from "../../../values/Page.ts"
import { json } from "../Answer.ts"
import { guardedBy, wishesOf } from "../approvals/Guards.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { draftOf, flagDraftOf, segmentDraftOf } from "../configuration/Drafts.ts"
import * as Release from "../configuration/ReleaseWire.ts"
import type { Validated } from "../configuration/Wire.ts"
import { answer } from "../Problem.ts"
import { SchedulesGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const PAGE = 100

const validated = ({ changes, flags }: Preview): Validated => ({ changes, ...Release.validated(flags) })

const written = (committed: Committed<Schedule>) => {
  const body = Wire.scheduled(committed)
  return body === undefined
    ? Effect.fail(failure("IdempotencyConflict", "the key was used for a commit that did not schedule anything"))
    : Effect.succeed(json(body))
}

const routes = HttpApiBuilder.group(
  contract.add(SchedulesGroup),
  "schedules",
  Effect.fnUntraced(function* (handlers) {
    const schedules = yield* Schedules
    const approvals = yield* Approvals
    const bodyReader = yield* makeBodyReader
    const read = bodyReader(Wire.ScheduleBody, bodyLimits.release, "changes")

    return handlers
      .handleRaw("make", ({ request, query: { dryRun = false }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requireAnywhere("config.write") // B5
            const {
              at,
              message = "",
              changes = [],
              flags = [],
              segments = [],
              evenIfChanged = false
            } = yield* read(request)
            const when = whenOf(at)
            if ("_tag" in when) return yield* when
            const wanted = {
              when,
              changes: changes.map(draftOf),
              flags: [...segments.map(segmentDraftOf), ...flags.map(flagDraftOf)],
              evenIfChanged
            }
            if (dryRun) {
              const found = yield* schedules.validate(wanted)
              const guards = yield* guardedBy(approvals, wishesOf(found.changes, found.flags))
              return json({ ...validated(found), ...guards } satisfies Validated)
            }
            return yield* written(
              yield* schedules.make(wanted, { message, idempotencyKey: headers["idempotency-key"] })
            )
          })
        )
      )
      .handle("list", ({ query: { environment, state, flag, key, limit = PAGE, after = "" } }) =>
        answer(
          Effect.gen(function* () {
            if (flag !== undefined && key !== undefined)
              return yield* failure("InvalidInput", "query: flag and key can't both be given")
            const name = flag ?? key
            const touching =
              name === undefined ? undefined : { kind: flag === undefined ? "configuration" : "flag", key: name }
            const found = yield* schedules.list(environment, { state, touching, limit, after })
            const next = mayGoOn(found, limit, scheduleBytes) ? (found.at(-1)?.key ?? null) : null
            return json({ schedules: found.map(Wire.schedule), next } satisfies Wire.ScheduleList)
          })
        )
      )
      .handle("get", ({ params: { id }, query: { environment } }) =>
        answer(
          Effect.map(schedules.get(environment, id), (held) =>
            json(Wire.whole(held, draftsOf(held.body, environment, held.expected)))
          )
        )
      )
      .handle("preview", ({ params: { id }, query: { environment } }) =>
        answer(
          schedules.preview(environment, id).pipe(
            Effect.map((found) => json({ ...validated(found), problem: null } satisfies Wire.Preview)),
            Effect.catchIf(
              ({ name, refused }) => refused && !OWN.has(name),
              ({ code, message, row }) =>
                Effect.succeed(
                  json({ changes: [], problem: { code, detail: message, fix: row.fix } } satisfies Wire.Preview)
                )
            )
          )
        )
      )
      .handle("cancel", ({ params: { id }, query: { environment, message = "" }, headers }) =>
        answer(
          Effect.flatMap(
            schedules.cancel(environment, id, { message, idempotencyKey: headers["idempotency-key"] }),
            written
          )
        )
      )
  })
)

/** What is said of the question itself, not of what would be done. */
const OWN = new Set(["Forbidden", "Unauthenticated", "NotFound", "ScheduleOver", "InvalidInput", "Busy", "RateLimited"])

export const schedules = { groups: [SchedulesGroup], routes } as const satisfies Part
