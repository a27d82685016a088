/** Answers the routes of protections and change requests. */
import { Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requirePermission } from "../../../access/Access.ts"
import { Approvals } from "../../../approvals/Approvals.ts"
import { type ChangeRequest, changeBytes } from "../../../approvals/ChangeRequest.ts"
import { approverRoles, LASTS, type Protection, protectionKind } from "../../../approvals/Protection.ts"
import type { Committed } from "../../../commits/Release.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import type { Change } from "../../../propagation/Revision.ts"
import { mayGoOn } from "../../../values/Page.ts"
import { json } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { ChangesGroup, ProtectionsGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const PAGE = 100

interface Keys {
  readonly "idempotency-key"?: string
}
const once = (headers: Keys) => ({ idempotencyKey: headers["idempotency-key"] })

const of = <C extends Change>(
  kind: C["kind"],
  { revision: { changes } }: Committed<C>
): Effect.Effect<C, HeraldError> => {
  const found = changes.find((one) => one.kind === kind)
  return found === undefined
    ? Effect.fail(failure("IdempotencyConflict", `the key was used for a commit of another kind than ${kind}`))
    : Effect.succeed(found)
}
const changed = (committed: Committed<ChangeRequest>) =>
  Effect.map(of<ChangeRequest>("approval", committed), (found) => json(Wire.change(found)))

const protections = HttpApiBuilder.group(
  contract.add(ProtectionsGroup),
  "protections",
  Effect.fnUntraced(function* (handlers) {
    const approvals = yield* Approvals
    const bodyReader = yield* makeBodyReader
    const read = bodyReader(Wire.ProtectionBody, bodyLimits.small)
    return handlers
      .handleRaw("protect", ({ request, params: { id: name }, query: { environment, breakGlass }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("keys.manage", environment) // B5
            const said = yield* read(request)
            const wanted = {
              patterns: said.keys,
              kinds: said.kinds ?? null,
              approvals: said.approvals,
              roles: said.roles ?? approverRoles,
              lasts: said.waitsMillis ?? LASTS
            }
            const options = { message: said.message ?? "", breakGlass, ...once(headers) }
            const made = yield* approvals.protect(environment, name, wanted, options)
            return json(Wire.protection(yield* of<Protection>("protection", made)))
          })
        )
      )
      .handle("list", ({ query: { environment, limit = PAGE, after = "" } }) =>
        answer(
          Effect.map(approvals.protections(environment, { limit, after }), (found) => {
            const next = mayGoOn(found, limit, protectionKind.bytes) ? (found.at(-1)?.key ?? null) : null
            return json({ protections: found.map(Wire.protection), next } satisfies Wire.ProtectionList)
          })
        )
      )
      .handle("unprotect", ({ params: { id: name }, query: { environment, message = "", breakGlass }, headers }) =>
        answer(
          Effect.as(
            approvals.unprotect(environment, name, { message, breakGlass, ...once(headers) }),
            HttpServerResponse.empty({ status: 204 })
          )
        )
      )
  })
)

const changes = HttpApiBuilder.group(
  contract.add(ChangesGroup),
  "changes",
  Effect.fnUntraced(function* (handlers) {
    const approvals = yield* Approvals
    const bodyReader = yield* makeBodyReader
    const readDigest = bodyReader(Wire.ApproveBody, bodyLimits.small)
    const readReason = bodyReader(Wire.ReasonBody, bodyLimits.small)
    return handlers
      .handle("list", ({ query: { environment, state, limit = PAGE, before } }) =>
        answer(
          Effect.map(approvals.list(environment, { limit, before, state }), (found) => {
            const next = mayGoOn(found, limit, changeBytes) ? (found.at(-1)?.key ?? null) : null
            return json({ changes: found.map(Wire.change), next } satisfies Wire.ChangeList)
          })
        )
      )
      .handle("get", ({ params: { id }, query: { environment } }) =>
        answer(Effect.map(approvals.get(environment, id), (held) => json(Wire.whole(held))))
      )
      .handle("ids", ({ params: { id }, query: { environment, segment, side = "added", limit = PAGE, after } }) =>
        answer(
          Effect.map(approvals.ids(environment, id, segment, side, { limit, after }), ({ added, removed, ids, next }) =>
            json({
              ...(added === undefined ? {} : { added }),
              ...(removed === undefined ? {} : { removed }),
              ...{ ids, next: next ?? null }
            } satisfies Wire.ChangeIds)
          )
        )
      )
      .handleRaw("approve", ({ request, params: { id }, query: { environment }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, "some") // B5
            const { digest } = yield* readDigest(request)
            return yield* changed(yield* approvals.approve(environment, id, digest, once(headers)))
          })
        )
      )
      .handleRaw("reject", ({ request, params: { id }, query: { environment }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, "some") // B5
            const { reason } = yield* readReason(request)
            return yield* changed(yield* approvals.reject(environment, id, reason, once(headers)))
          })
        )
      )
      .handle("apply", ({ params: { id }, query: { environment }, headers }) =>
        answer(
          Effect.map(approvals.apply(environment, id, once(headers)), (done) =>
            json(Wire.applied(done, id, environment))
          )
        )
      )
      .handleRaw("review", ({ request, params: { id }, query: { environment }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, "some") // B5
            const { reason } = yield* readReason(request)
            return yield* changed(yield* approvals.review(environment, id, reason, once(headers)))
          })
        )
      )
      .handle("withdraw", ({ params: { id }, query: { environment, message = "" }, headers }) =>
        answer(Effect.flatMap(approvals.withdraw(environment, id, message, once(headers)), changed))
      )
  })
)

export const approvals = {
  groups: [ProtectionsGroup, ChangesGroup],
  routes: Layer.merge(protections, changes)
} as const satisfies Part
