/**
 * Publishes to the event log which clients come and go. Each node does so for its own.
 *
 *   EV6 in Noting.ts
 */
import { Context, Layer } from "effect"
import { counter } from "../telemetry/Metrics.ts"
import { type ClientEvent, clientEvent } from "./Event.ts"
import { makeNoting } from "./Noting.ts"

/** Where sessions note their comings and goings; without an event log nothing becomes of that. */
export const ClientEvents = Context.Reference<{ readonly note: (event: ClientEvent) => void }>(
  "herald/outbox/ClientEvents",
  { defaultValue: () => ({ note: () => undefined }) }
)

const droppedTotal = counter(
  "herald_client_events_dropped_total",
  "events of clients that the event log did not take in time"
)

export const layer = ({ node }: { readonly node: string }) =>
  Layer.effect(
    ClientEvents,
    makeNoting({
      ...{ node, what: "events of clients", kind: "client", dropped: droppedTotal },
      eventOf: (id, event: ClientEvent) => clientEvent(id, node, event)
    })
  )
