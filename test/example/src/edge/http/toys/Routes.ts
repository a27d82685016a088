/** Counts. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { requirePermission } from "../../../access/Access.ts"
import { Toys } from "../../../toys/Toys.ts"
import { json } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { ToysGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const routes = HttpApiBuilder.group(
  contract.add(ToysGroup),
  "toys",
  Effect.fnUntraced(function* (handlers) {
    const toys = yield* Toys
    const readBody = (yield* makeBodyReader)(Wire.ToyBody, bodyLimits.small)
    return handlers
      .handleRaw("count", ({ request, params: { key }, query: { environment }, headers }) =>
        answer(
          requirePermission("config.write", environment).pipe(
            Effect.andThen(readBody(request)), // B5
            Effect.flatMap(({ count, message = "" }) =>
              toys.count(environment, key, count, { message, idempotencyKey: headers["idempotency-key"] })
            ),
            Effect.map((toy) => json(Wire.toy(toy)))
          )
        )
      )
      .handle("get", ({ params, query }) =>
        answer(Effect.map(toys.get(query.environment, params.key), (toy) => json(Wire.toy(toy))))
      )
  })
)

export const toys = { groups: [ToysGroup], routes } as const satisfies Part
