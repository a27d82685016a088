/** Who has what. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { failure } from "../../../errors/HeraldError.ts"
import { Clients } from "../../../fleet/Clients.ts"
import { json } from "../Answer.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { ClientsGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

const PAGE = 1_000

const routes = HttpApiBuilder.group(
  contract.add(ClientsGroup),
  "clients",
  Effect.fnUntraced(function* (handlers) {
    const clients = yield* Clients

    const list = Effect.fnUntraced(function* (query: {
      readonly environment?: string
      readonly service?: string
      readonly instance?: string
      readonly after?: string
      readonly limit?: number
      readonly keys?: number
      readonly afterKey?: string
    }) {
      const after = query.after === undefined ? undefined : Wire.cursorOf(query.after)
      if (after === undefined && query.after !== undefined)
        return yield* failure("InvalidInput", "after is not the `next` of a page of clients")
      if (query.afterKey !== undefined && query.instance === undefined)
        return yield* failure("InvalidInput", "afterKey goes through the keys of one instance: say which")
      const found = yield* clients.list({ ...query, after, limit: query.limit ?? PAGE })
      return json({
        clients: found.clients.map(Wire.client),
        next: found.next === undefined ? null : Wire.cursor(found.next)
      })
    })

    return handlers.handle("list", ({ query }) => answer(list(query)))
  })
)

export const fleet = { groups: [ClientsGroup], routes } as const satisfies Part
