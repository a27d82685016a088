/** Answers the routes that write configurations, and validate. */
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { requireAnywhere, requirePermission } from "../../../access/Access.ts"
import { Approvals } from "../../../approvals/Approvals.ts"
import type { Committed } from "../../../commits/Release.ts"
import type { Configuration } from "../../../configuration/Configuration.ts"
import { Configurations } from "../../../configuration/Configurations.ts"
import { failure } from "../../../errors/HeraldError.ts"
import { Flags } from "../../../flags/Flags.ts"
import type { Target } from "../../../keys/Target.ts"
import { json } from "../Answer.ts"
import { guardedBy, wishesOf } from "../approvals/Guards.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import type { OverSaid } from "../Wire.ts"
import { draftOf, flagDraftOf, segmentDraftOf } from "./Drafts.ts"
import { etagOf, expectedOf } from "./Preconditions.ts"
import * as Release from "./ReleaseWire.ts"
import * as Wire from "./Wire.ts"

type Request = HttpServerRequest.HttpServerRequest
interface Conditions {
  readonly "idempotency-key"?: string
  readonly "if-match"?: string
  readonly "if-none-match"?: string
}

export const makeWrites = Effect.gen(function* () {
  const configurations = yield* Configurations
  const flags = yield* Flags
  const approvals = yield* Approvals
  const bodyReader = yield* makeBodyReader
  const readPublish = bodyReader(Wire.PublishBody, bodyLimits.publish, "value")
  const readRollback = bodyReader(Wire.RollbackBody, bodyLimits.small)
  const readRelease = bodyReader(Release.ReleaseBody, bodyLimits.release, "changes")

  const written = (committed: Committed<Configuration>, { key, environment }: Target) => {
    const body = Wire.published(committed, environment, key)
    return body === undefined
      ? Effect.fail(
          failure("IdempotencyConflict", "the key was used for a commit that did not touch this configuration")
        )
      : Effect.succeed(
          json(body, {
            headers: {
              etag: etagOf(body),
              "herald-version": String(body.version),
              "herald-revision": String(body.revision)
            }
          })
        )
  }

  const readDraft = Effect.fnUntraced(function* (request: Request, target: Target, headers: Conditions) {
    yield* requirePermission("config.write", target.environment, { kind: "config", key: target.key }) // B5
    const body = yield* readPublish(request)
    if (body.value === null) {
      return yield* Effect.fail(failure("InvalidInput", "value: null is not a value; to delete the key use DELETE"))
    }
    const { message = "", expectedVersion, ...rest } = body
    const expected = yield* expecting(headers, expectedVersion)
    return { draft: { ...draftOf({ ...rest, ...target }), ...expected }, message }
  })

  const expecting = (headers: Conditions, body?: number) =>
    expectedOf({ ifMatch: headers["if-match"], ifNoneMatch: headers["if-none-match"], body })

  const options = (message: string | undefined, headers: Conditions, { force, breakGlass }: OverSaid) => ({
    message: message ?? "",
    force,
    breakGlass,
    idempotencyKey: headers["idempotency-key"]
  })

  return {
    publish: Effect.fnUntraced(function* (request: Request, target: Target, headers: Conditions, over: OverSaid) {
      const { draft, message } = yield* readDraft(request, target, headers)
      return yield* written(yield* configurations.publish([draft], options(message, headers, over)), target)
    }),

    delete: Effect.fnUntraced(function* (
      target: Target,
      message: string | undefined,
      headers: Conditions,
      over: OverSaid
    ) {
      const draft = { ...target, value: null, ...(yield* expecting(headers)) }
      return yield* written(yield* configurations.publish([draft], options(message, headers, over)), target)
    }),

    rollback: Effect.fnUntraced(function* (request: Request, target: Target, headers: Conditions, over: OverSaid) {
      yield* requirePermission("config.write", target.environment, { kind: "config", key: target.key }) // B5
      const body = yield* readRollback(request)
      const committed = yield* configurations.rollback(target.environment, target.key, body.version, {
        ...options(body.message, headers, over),
        ...(yield* expecting(headers))
      })
      return yield* written(committed, target)
    }),

    validate: Effect.fnUntraced(function* (request: Request, target: Target, headers: Conditions) {
      const { draft } = yield* readDraft(request, target, headers)
      const changes = yield* configurations.validate([draft])
      return json({ changes, ...(yield* guardedBy(approvals, wishesOf(changes))) } satisfies Wire.Validated)
    }),

    release: Effect.fnUntraced(function* (request: Request, dryRun: boolean, headers: Conditions, over: OverSaid) {
      yield* requireAnywhere("config.write") // B5
      const body = yield* readRelease(request)
      const drafts = body.changes.map(draftOf)
      const flagDrafts = [...(body.segments ?? []).map(segmentDraftOf), ...(body.flags ?? []).map(flagDraftOf)]
      const said = options(body.message, headers, over)
      if (dryRun) {
        const changes = drafts.length > 0 || flagDrafts.length === 0 ? yield* configurations.validate(drafts) : []
        const others = flagDrafts.length === 0 ? [] : yield* flags.validate(flagDrafts)
        const guards = yield* guardedBy(approvals, wishesOf(changes, others), over.breakGlass)
        return json({ changes, ...Release.validated(others), ...guards } satisfies Wire.Validated)
      }
      if (flagDrafts.length === 0) return json(Release.released(yield* configurations.publish(drafts, said)))
      return json(Release.released(yield* configurations.release(drafts, said, yield* flags.beside(flagDrafts))))
    })
  }
})
