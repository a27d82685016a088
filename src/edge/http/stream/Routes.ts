/** Answers the routes of streams, and serves their WebSocket. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { requireAnywhere } from "../../../access/Access.ts"
import { SocketTickets } from "../../../access/SocketTickets.ts"
import { makeStreamSockets } from "../../websocket/stream/Stream.ts"
import { json } from "../Answer.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { StreamGroup } from "./Api.ts"

const routes = HttpApiBuilder.group(
  contract.add(StreamGroup),
  "stream",
  Effect.fnUntraced(function* (handlers) {
    const { give } = yield* SocketTickets

    const ticket = Effect.fnUntraced(function* () {
      const { ticket, expiresAt } = yield* give(yield* requireAnywhere("subscribe"))
      const headers = { "cache-control": "no-store" }
      return json({ ticket, expiresAt, expiresTime: new Date(expiresAt).toISOString() }, { headers })
    })

    return handlers.handle("ticket", () => answer(ticket()))
  })
)

export const stream = { groups: [StreamGroup], routes, sockets: makeStreamSockets } as const satisfies Part
