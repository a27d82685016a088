/**
 * Tickets that are not used yet, in Redis: a key each, `ticket:stream:{id}`, which ends by itself. What it says counts for nothing but that a ticket is
 * unused: whose it is stands in the ticket, under the nodes' seal. UO1 and UO2 in the port.
 */
import { Effect, Layer } from "effect"
import { OpenTickets } from "../../../src/access/OpenTickets.ts"
import { Client } from "../connection/Client.ts"

const nameOf = (id: string) => `ticket:stream:${id}`

export const layer = Layer.effect(
  OpenTickets,
  Effect.map(Client, ({ call }) => ({
    put: (id: string, millis: number) =>
      call((redis) => redis.set(nameOf(id), "1", "PX", millis)).pipe(
        Effect.as(true),
        Effect.orElseSucceed(() => false)
      ),
    // One step: of those who ask at once, one removes it.
    take: (id: string) =>
      call((redis) => redis.del(nameOf(id))).pipe(
        Effect.map((removed) => removed === 1),
        Effect.orElseSucceed(() => "away" as const)
      )
  }))
)
