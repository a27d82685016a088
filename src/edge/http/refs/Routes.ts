/** Answers the routes of where code names flags. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requirePermission } from "../../../access/Access.ts"
import { Refs } from "../../../refs/Refs.ts"
import { json } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { RefsGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const PAGE = 100

const routes = HttpApiBuilder.group(
  contract.add(RefsGroup),
  "refs",
  Effect.fnUntraced(function* (handlers) {
    const refs = yield* Refs
    const bodyReader = yield* makeBodyReader
    const read = bodyReader(Wire.RefsBody, bodyLimits.publish)

    return handlers
      .handleRaw("replace", ({ request, query: { environment, repository, branch } }) =>
        answer(
          Effect.gen(function* () {
            yield* requirePermission("config.write", environment, { kind: "flag", key: "*" }) // B5
            const { commit = "", refs: places } = yield* read(request)
            return json(Wire.scan(yield* refs.replace(environment, { repository, branch, commit }, places)))
          })
        )
      )
      .handle("remove", ({ query: { environment, ...source } }) =>
        answer(Effect.as(refs.remove(environment, source), HttpServerResponse.empty({ status: 204 })))
      )
      .handle("scans", ({ query: { environment } }) =>
        answer(
          Effect.map(refs.scans(environment), (scans) => json({ scans: scans.map(Wire.scan) } satisfies Wire.Scans))
        )
      )
      .handle("of", ({ params: { flag }, query: { environment, limit = PAGE } }) =>
        answer(
          Effect.map(refs.of(environment, flag, limit + 1), (found) =>
            json({
              refs: found.slice(0, limit).map(Wire.found),
              more: found.length > limit
            } satisfies Wire.FlagRefs)
          )
        )
      )
  })
)

export const refs = { groups: [RefsGroup], routes } as const satisfies Part
