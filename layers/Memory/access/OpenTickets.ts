/** Tickets that are not used yet, of nodes in one process. UO1 and UO2 in the port. */
import { Clock, Effect, Layer } from "effect"
import { OpenTickets } from "../../../src/access/OpenTickets.ts"

/** The least recent make room. */
const MOST = 100_000

export const layer = Layer.effect(
  OpenTickets,
  Effect.map(Clock.Clock, (clock) => {
    /** Until when, by id. */
    const open = new Map<string, number>()
    return {
      put: (id: string, millis: number) =>
        Effect.sync(() => {
          open.set(id, clock.currentTimeMillisUnsafe() + millis)
          if (open.size > MOST) open.delete(open.keys().next().value!)
          return true
        }),
      take: (id: string) =>
        Effect.sync(() => {
          const until = open.get(id)
          return open.delete(id) && until! > clock.currentTimeMillisUnsafe()
        })
    }
  })
)
