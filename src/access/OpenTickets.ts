/**
 * Port: tickets that are not used yet, which all nodes share.
 *
 *   UO1  A ticket that was put is taken once, whoever asks and however many at once; and not after its time.
 *   UO2  What was not put, or can't be asked for, is never taken.
 */
import { Context, type Effect } from "effect"

export interface OpenTicketsShape {
  /** False: it is not kept, as the store is away. `millis`: for how long. Never fails. */
  readonly put: (id: string, millis: number) => Effect.Effect<boolean>
  /** False: it is used, over, or never was. "away": nobody knows. Never fails. UO1, UO2 */
  readonly take: (id: string) => Effect.Effect<boolean | "away">
}

/** None by default: a ticket is good at the node that made it. */
export const OpenTickets = Context.Reference<OpenTicketsShape | undefined>("herald/access/OpenTickets", {
  defaultValue: () => undefined
})
