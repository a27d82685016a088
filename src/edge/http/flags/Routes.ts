/** Answers the routes of flags. */
import { Effect } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requirePermission } from "../../../access/Access.ts"
import { Approvals } from "../../../approvals/Approvals.ts"
import type { FlagWritten } from "../../../flags/FlagDraft.ts"
import { Flags } from "../../../flags/Flags.ts"
import { Propagation } from "../../../propagation/Propagation.ts"
import { callerOf } from "../../../usage/Caller.ts"
import { json, jsonBytes } from "../Answer.ts"
import { guardedBy, wishesOf } from "../approvals/Guards.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { isHeld } from "../ofrep/Wire.ts"
import { answer } from "../Problem.ts"
import { became, listed, marked, one, options, PAGE, readDraft, versioned, versions } from "./Answers.ts"
import { FlagsGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

type Request = HttpServerRequest.HttpServerRequest
interface Target {
  readonly environment: string
  readonly flag: string
}
const routes = HttpApiBuilder.group(
  contract.add(FlagsGroup),
  "flags",
  Effect.fnUntraced(function* (handlers) {
    const flags = yield* Flags
    const approvals = yield* Approvals
    const propagation = yield* Propagation
    const bodyReader = yield* makeBodyReader
    const readFlag = bodyReader(Wire.FlagBody, bodyLimits.publish, "value")
    const readRollback = bodyReader(Wire.FlagRollbackBody, bodyLimits.small)
    const readEvaluate = bodyReader(Wire.EvaluateBody, bodyLimits.small)

    const written = (made: FlagWritten, { environment, flag }: Target) =>
      Effect.map(became(made, "flag", environment, flag), (fields) =>
        json({ flag, ...fields } satisfies Wire.PublishedFlag, versioned(fields))
      )

    const draftIn = (request: Request, { environment, flag }: Target) =>
      readDraft(readFlag, request, "flag", environment, flag)

    return handlers
      .handleRaw("publish", ({ request, params, query, headers }) =>
        answer(
          Effect.gen(function* () {
            const target = { ...params, environment: query.environment }
            const { draft, message } = yield* draftIn(request, target)
            return yield* written(yield* flags.publish(draft, options(message, headers, query)), target)
          })
        )
      )
      .handle("get", ({ params, query }) =>
        answer(Effect.map(flags.get(query.environment, params.flag), (found) => one(found, propagation.stale())))
      )
      .handle("archive", ({ params, query: { environment, message, expectedVersion, force, breakGlass }, headers }) =>
        answer(
          Effect.gen(function* () {
            const target = { ...params, environment }
            const draft = { environment, key: params.flag, definition: null, expectedVersion, force }
            const said = options(message, headers, {
              ...(force === undefined ? {} : { force }),
              ...(breakGlass === undefined ? {} : { breakGlass })
            })
            return yield* written(yield* flags.publish(draft, said), target)
          })
        )
      )
      .handle("list", ({ query: { environment, prefix = "", after = "", limit = PAGE } }) =>
        answer(
          Effect.map(flags.list(environment, { prefix, after, limit }), (found) =>
            listed("flags", found, limit, propagation.stale())
          )
        )
      )
      .handle("document", ({ query: { environment }, headers, request }) =>
        answer(
          Effect.map(
            flags.document(environment, callerOf("flagd-sync", request.headers["user-agent"])),
            ({ json, digest }) => {
              const etag = `"${digest.slice(0, 32)}"`
              const said = { etag, "cache-control": "private, no-cache" }
              return isHeld(headers["if-none-match"], etag)
                ? HttpServerResponse.empty({ status: 304, headers: said })
                : jsonBytes(json, { headers: said })
            }
          )
        )
      )
      .handle("history", ({ params, query: { environment, limit = PAGE, before } }) =>
        answer(Effect.map(flags.history(environment, params.flag, { limit, before }), versions))
      )
      .handle("version", ({ params, query }) =>
        answer(Effect.map(flags.version(query.environment, params.flag, params.version), one))
      )
      .handle("diff", ({ params: { flag }, query: { environment, from, to } }) =>
        answer(
          Effect.map(flags.diff(environment, flag, from, to), (difference) =>
            json({ flag, environment, from, to, difference } satisfies Wire.FlagDiff)
          )
        )
      )
      .handleRaw("rollback", ({ request, params, query, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", query.environment, { kind: "flag", key: params.flag }) // B5
            const { version, message } = yield* readRollback(request)
            const made = yield* flags.rollback(
              query.environment,
              params.flag,
              version,
              options(message, headers, query)
            )
            return yield* written(made, { ...params, environment: query.environment })
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
            return json({ difference, warnings: warnings.map(Wire.warning), ...guards } satisfies Wire.ValidatedFlag)
          })
        )
      )
      .handleRaw("evaluate", ({ request, params: { flag }, query: { environment } }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.read", environment, { kind: "flag", key: flag }) // B5
            const { context = {} } = yield* readEvaluate(request)
            const evaluated = Wire.evaluated(yield* flags.evaluate(environment, flag, context), environment, flag)
            return json(evaluated, { headers: marked(propagation.stale()) })
          })
        )
      )
  })
)

export const flags = { groups: [FlagsGroup], routes } as const satisfies Part
