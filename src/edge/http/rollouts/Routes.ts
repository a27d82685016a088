/** Answers the routes of rollouts. */

import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requireAnywhere, requirePermission } from "../../../access/Access.ts"
import { Approvals } from "../../../approvals/Approvals.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { rolloutBytes } from "../../../rollouts/RolloutKind.ts"
import { type Preview, Rollouts } from "../../../rollouts/Rollouts.ts"
import type { Asked } from "../../../rollouts/Step.ts"
import { whenOf } from "../../../schedules/When.ts"
import { mayGoOn } from "../../../values/Page.ts"
import { json } from "../Answer.ts"
import { guardedBy, wishesOf } from "../approvals/Guards.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import * as Release from "../configuration/ReleaseWire.ts"
import { cursor, cursorOf } from "../fleet/Wire.ts"
import { answer } from "../Problem.ts"
import { RolloutsGroup } from "./Api.ts"
import { wantedOf } from "./Wanting.ts"
import * as Wire from "./Wire.ts"

const PAGE = 100

const preview = ({ plan, changes, flags, reach }: Preview): Wire.RolloutPreview => ({
  changes,
  ...Release.validated(flags),
  gates: plan.gates.map(({ text }) => text),
  reach
})

const routes = HttpApiBuilder.group(
  contract.add(RolloutsGroup),
  "rollouts",
  Effect.fnUntraced(function* (handlers) {
    const rollouts = yield* Rollouts
    const approvals = yield* Approvals
    const bodyReader = yield* makeBodyReader
    const readStart = bodyReader(Wire.RolloutBody, bodyLimits.release, "changes")
    const readPromote = bodyReader(Wire.PromoteBody, bodyLimits.small, "nothing", {})
    const readMove = bodyReader(Wire.MoveBody, bodyLimits.small, "nothing", {})

    const moved =
      (asked: Asked) =>
      ({
        request,
        params: { rollout },
        query: { environment },
        headers
      }: {
        readonly request: HttpServerRequest.HttpServerRequest
        readonly params: { readonly rollout: string }
        readonly query: { readonly environment: string }
        readonly headers: { readonly "idempotency-key"?: string }
      }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, "some") // B5
            const {
              message = "",
              everyone = false,
              breakGlass
            } = yield* asked === "promote"
              ? readPromote(request)
              : Effect.map(readMove(request), (body) => ({ ...body, everyone: false, breakGlass: undefined }))
            const made = yield* rollouts.move(environment, rollout, everyone ? "promote to all" : asked, {
              message,
              breakGlass,
              idempotencyKey: headers["idempotency-key"]
            })
            return json(Wire.started(made))
          })
        )

    return handlers
      .handleRaw("start", ({ request, query: { dryRun = false }, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requireAnywhere("config.write") // B5
            const body = yield* readStart(request)
            const { at, message = "", breakGlass } = body
            const when = at === undefined ? undefined : whenOf(at)
            if (when instanceof HeraldError) return yield* when
            const wanted = wantedOf(body, when)
            if (dryRun) {
              const found = yield* rollouts.validate(wanted, breakGlass)
              const asked = wishesOf(found.changes, found.flags).map(({ kind, key, environment }) => ({
                ...{ kind: "rollout", environment, key: "", op: "start", candidates: [{ kind, key }] }
              }))
              return json({ ...preview(found), ...(yield* guardedBy(approvals, asked, breakGlass)) })
            }
            const options = { message, breakGlass, idempotencyKey: headers["idempotency-key"] }
            const made = yield* wanted.file === undefined
              ? rollouts.start(wanted, options)
              : rollouts.apply(wanted, options)
            return json(Wire.started(made))
          })
        )
      )
      .handle("list", ({ query: { environment, state, flag, key, limit = PAGE, before = "" } }) =>
        answer(
          Effect.gen(function* () {
            if (flag !== undefined && key !== undefined)
              return yield* failure("InvalidInput", "query: flag and key can't both be given")
            const touching =
              flag !== undefined
                ? { kind: "flag" as const, key: flag }
                : key !== undefined
                  ? { kind: "configuration" as const, key }
                  : undefined
            const found = yield* rollouts.list(environment, { state, touching, limit, before })
            const next = mayGoOn(found, limit, rolloutBytes) ? (found.at(-1)?.key ?? null) : null
            return json({ rollouts: found.map(Wire.rollout), next } satisfies Wire.RolloutList)
          })
        )
      )
      .handle("get", ({ params: { rollout }, query: { environment, wait = 0, seen } }) =>
        answer(
          Effect.map(
            seen === undefined || wait === 0
              ? rollouts.get(environment, rollout)
              : rollouts.news(environment, rollout, seen, wait * 1_000),
            (found) => json(Wire.look(found))
          )
        )
      )
      .handle("history", ({ params: { rollout }, query: { environment, limit = PAGE, after = 0 } }) =>
        answer(
          Effect.map(rollouts.history(environment, rollout, { limit, after }), (found) =>
            json({
              transitions: found.map(Wire.rollout),
              next: found.length === 0 ? null : (found.at(-1)?.version ?? null)
            } satisfies Wire.RolloutHistory)
          )
        )
      )
      .handle("instances", ({ params: { rollout }, query: { environment, is, limit = PAGE, after: word } }) =>
        answer(
          Effect.gen(function* () {
            const after = word === undefined ? undefined : cursorOf(word)
            if (after === undefined && word !== undefined)
              return yield* failure("InvalidInput", "after is not the `next` of a page of instances")
            const found = yield* rollouts.instances(environment, rollout, { limit, after, is })
            const last = found.at(-1) // a page may be shorter than its limit (PB1)
            return json({
              instances: found.map(Wire.instance),
              next: last === undefined ? null : cursor({ ...last, connected: true })
            } satisfies Wire.RolloutInstances)
          })
        )
      )
      .handleRaw("pause", moved("pause"))
      .handleRaw("resume", moved("resume"))
      .handleRaw("promote", moved("promote"))
      .handleRaw("abort", moved("abort"))
  })
)

export const rollouts = { groups: [RolloutsGroup], routes } as const satisfies Part
