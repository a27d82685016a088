/** Answers the routes of routing rules. */
import { Clock, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { requireTopic } from "../../../access/RequireTopic.ts"
import { RoutingRules } from "../../../routes/RoutingRules.ts"
import { permitted } from "../../../topics/Topics.ts"
import { json } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { RoutesGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

interface Keys {
  readonly "idempotency-key"?: string
}

const options = (message: string | undefined, headers: Keys) => ({
  message: message ?? "",
  idempotencyKey: headers["idempotency-key"]
})

const encoder = new TextEncoder()

const group = HttpApiBuilder.group(
  contract.add(RoutesGroup),
  "routes",
  Effect.fnUntraced(function* (handlers) {
    const rules = yield* RoutingRules
    const bodyReader = yield* makeBodyReader
    const readRoute = bodyReader(Wire.RouteBody, bodyLimits.small)
    const readChange = bodyReader(Wire.RouteChangeBody, bodyLimits.small)
    const readTest = bodyReader(Wire.RouteTestBody, bodyLimits.publish)

    return handlers
      .handleRaw("create", ({ request, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requireTopic("topics.manage", undefined) // B5
            const body = yield* readRoute(request)
            const made = yield* rules.create(Wire.draftOf(body), options(body.message, headers))
            return json(Wire.route(made), { status: 201 })
          })
        )
      )
      .handle("list", () =>
        answer(Effect.map(rules.list, (all) => json({ routes: all.map(Wire.route) } satisfies Wire.RouteList)))
      )
      .handle("get", ({ params }) => answer(Effect.map(rules.get(params.route), (found) => json(Wire.route(found)))))
      .handleRaw("update", ({ request, params, headers }) =>
        answer(
          Effect.gen(function* () {
            yield* requireTopic("topics.manage", undefined) // B5
            const body = yield* readChange(request)
            const more = { expected: body.expectedVersion, skip: body.skip }
            const how = { ...options(body.message, headers), ...more }
            return json(Wire.route(yield* rules.update(params.route, Wire.changeOf(body), how)))
          })
        )
      )
      .handle("delete", ({ params, query: { message }, headers }) =>
        answer(
          Effect.as(rules.remove(params.route, options(message, headers)), HttpServerResponse.empty({ status: 204 }))
        )
      )
      .handle("stats", ({ params }) =>
        answer(Effect.map(rules.stats(params.route), (found) => json(Wire.stats(found))))
      )
      .handleRaw("test", ({ request, params: { topic } }) =>
        answer(
          Effect.gen(function* () {
            yield* permitted("topics.read", topic) // B5
            const { key = null, value, headers = {}, partition = 0 } = yield* readTest(request)
            const payload = encoder.encode(typeof value === "string" ? value : JSON.stringify(value))
            const publishedAt = yield* Clock.currentTimeMillis
            const event = {
              key: key || null,
              payload,
              eventTime: null,
              headers: new Map(Object.entries(headers)),
              partition,
              publishedAt
            }
            return json(Wire.tested(topic, yield* rules.test(topic, event)))
          })
        )
      )
  })
)

export const routes = { groups: [RoutesGroup], routes: group } as const satisfies Part
