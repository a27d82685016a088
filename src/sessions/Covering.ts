/** Implements fleet/ConnectedClients.ts: clients of this node from memory, those of other nodes from the store. */
import { Effect, Layer } from "effect"
import { ConnectedClients } from "../fleet/ConnectedClients.ts"
import { makeElsewhere } from "../fleet/Elsewhere.ts"
import { Connected } from "./Connected.ts"
import type { Session } from "./Session.ts"

export const layer = Layer.effect(
  ConnectedClients,
  Effect.gen(function* () {
    const here = yield* Connected
    const elsewhere = yield* makeElsewhere(here.run)
    return ConnectedClients.of({
      covering: (environment, key) => {
        const found = new Set<Session>(here.wanting(environment, key))
        const mine = [...found].map((session) => session.subscription.client)
        return Effect.map(elsewhere(environment, key), (others) => [...mine, ...others])
      }
    })
  })
)
