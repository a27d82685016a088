/** Answers the routes of segments. */

import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requirePermission } from "../../../access/Access.ts"
import { Approvals } from "../../../approvals/Approvals.ts"
import type { FlagDraft, FlagWritten } from "../../../flags/FlagDraft.ts"
import { Flags } from "../../../flags/Flags.ts"
import { Propagation } from "../../../propagation/Propagation.ts"
import { json } from "../Answer.ts"
import { guardedBy, wishesOf } from "../approvals/Guards.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits, IDS_BODY } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { became, listed, one, options, PAGE, readDraft, versioned, versions } from "../flags/Answers.ts"
import { warning } from "../flags/Wire.ts"
import { answer } from "../Problem.ts"
import { makeTextReader } from "../TextBody.ts"
import { SegmentsGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

type Request = HttpServerRequest.HttpServerRequest
interface Target {
  readonly environment: string
  readonly segment: string
}
const routes = HttpApiBuilder.group(
  contract.add(SegmentsGroup),
  "segments",
  Effect.fnUntraced(function* (handlers) {
    const flags = yield* Flags
    const approvals = yield* Approvals
    const propagation = yield* Propagation
    const bodyReader = yield* makeBodyReader
    const readSegment = bodyReader(Wire.SegmentBody, bodyLimits.publish, "value")
    const readIds = (yield* makeTextReader)(IDS_BODY)
    const readRollback = bodyReader(Wire.SegmentRollbackBody, bodyLimits.small)

    const written = (made: FlagWritten, { environment, segment }: Target) =>
      Effect.map(became(made, "segment", environment, segment), (fields) =>
        json({ segment, ...fields } satisfies Wire.PublishedSegment, versioned(fields))
      )

    const draftIn = (request: Request, { environment, segment }: Target) =>
      readDraft(readSegment, request, "segment", environment, segment)

    return handlers
      .handleRaw("publish", ({ request, params, query, headers }) =>
        answer(
          Effect.gen(function* () {
            const target = { ...params, ...query }
            const { draft, message } = yield* draftIn(request, target)
            return yield* written(yield* flags.publish(draft, options(message, headers)), target)
          })
        )
      )
      .handle("get", ({ params, query }) =>
        answer(
          Effect.map(flags.segments.get(query.environment, params.segment), (found) => one(found, propagation.stale()))
        )
      )
      .handle("archive", ({ params, query: { environment, message, expectedVersion }, headers }) =>
        answer(
          Effect.gen(function* () {
            const target = { ...params, environment }
            const draft: FlagDraft = {
              kind: "segment",
              environment,
              key: params.segment,
              definition: null,
              expectedVersion
            }
            return yield* written(yield* flags.publish(draft, options(message, headers)), target)
          })
        )
      )
      .handle("list", ({ query: { environment, prefix = "", after = "", limit = PAGE } }) =>
        answer(
          Effect.map(flags.segments.list(environment, { prefix, after, limit }), (found) =>
            listed("segments", found, limit, propagation.stale())
          )
        )
      )
      .handle("history", ({ params, query: { environment, limit = PAGE, before } }) =>
        answer(Effect.map(flags.segments.history(environment, params.segment, { limit, before }), versions))
      )
      .handle("version", ({ params, query }) =>
        answer(Effect.map(flags.segments.version(query.environment, params.segment, params.version), one))
      )
      .handle("diff", ({ params: { segment }, query: { environment, from, to } }) =>
        answer(
          Effect.map(flags.segments.diff(environment, segment, from, to), (difference) =>
            json({ segment, environment, from, to, difference } satisfies Wire.SegmentDiff)
          )
        )
      )
      .handleRaw("rollback", ({ request, params, query, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", query.environment, { kind: "segment", key: params.segment }) // B5
            const { version, message } = yield* readRollback(request)
            const made = yield* flags.rollback(query.environment, params.segment, version, {
              kind: "segment",
              ...options(message, headers)
            })
            return yield* written(made, { ...params, ...query })
          })
        )
      )
      .handleRaw("validate", ({ request, params, query }) =>
        answer(
          Effect.gen(function* () {
            const { draft } = yield* draftIn(request, { ...params, ...query })
            const [found] = yield* flags.validate([draft])
            const { difference, warnings } = found!
            const guards = yield* guardedBy(approvals, wishesOf([], [found!]))
            return json({ difference, warnings: warnings.map(warning), ...guards } satisfies Wire.ValidatedSegment)
          })
        )
      )
      .handleRaw("ids", ({ request, params: { segment }, query, headers }) =>
        answer(
          Effect.gen(function* () {
            const { environment, mode = "add", message, expectedVersion } = query
            yield* requirePermission("config.write", environment, { kind: "segment", key: segment }) // B5
            const made = yield* readIds(request as Request, (text) =>
              flags.changeIds(environment, segment, mode, text, { ...options(message, headers), expectedVersion })
            )
            const fields = yield* became(made, "segment", environment, segment)
            return json({ segment, ...fields, count: made.count } satisfies Wire.PublishedIds)
          })
        )
      )
  })
)

export const segments = { groups: [SegmentsGroup], routes } as const satisfies Part
