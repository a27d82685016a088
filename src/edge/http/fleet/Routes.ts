/** Answers the routes that tell who has what. */
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

/** Where a page goes on; fails `InvalidInput` for what is none. */
const placeOf = (word: string | undefined) => {
  const after = word === undefined ? undefined : Wire.cursorOf(word)
  return after === undefined && word !== undefined
    ? Effect.fail(failure("InvalidInput", "after is not the `next` of a page of clients"))
    : Effect.succeed(after)
}

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
      readonly connected?: boolean
      readonly rejected?: boolean
      readonly lagging?: boolean
      readonly key?: string
    }) {
      const { rejected: troubled, ...asked } = query
      const after = yield* placeOf(query.after)
      if (query.afterKey !== undefined && query.instance === undefined)
        return yield* failure("InvalidInput", "afterKey goes through the keys of one instance: say which")
      const found = yield* clients.list({ ...asked, troubled, after, limit: query.limit ?? PAGE })
      return json({
        clients: found.clients.map(Wire.client),
        next: found.next === undefined ? null : Wire.cursor(found.next)
      })
    })

    const summary = Effect.fnUntraced(function* (query: {
      readonly environment?: string
      readonly service?: string
      readonly key?: string
      readonly revision?: number
      readonly epoch?: string
      readonly after?: string
    }) {
      const { environment, service, key, revision, epoch } = query
      if ((revision === undefined) !== (epoch === undefined))
        return yield* failure("InvalidInput", "revision and epoch are one position: give both, or neither")
      if (revision !== undefined && key === undefined)
        return yield* failure("InvalidInput", "revision and epoch are of a key: say which")
      const wanted = revision === undefined || epoch === undefined ? undefined : { epoch, revision: BigInt(revision) }
      const after = yield* placeOf(query.after)
      return json(Wire.summary(yield* clients.summary({ environment, service, key, wanted, after })))
    })

    return handlers
      .handle("list", ({ query }) => answer(list(query)))
      .handle("nodes", () => answer(Effect.map(clients.nodes(), (nodes) => json({ nodes: nodes.map(Wire.node) }))))
      .handle("summary", ({ query }) => answer(summary(query)))
  })
)

export const fleet = { groups: [ClientsGroup], routes } as const satisfies Part
