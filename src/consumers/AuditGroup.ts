/**
 * The group `audit`: writes into the audit log which clients come and go. Changes need no group: the commit itself
 * writes their entries, in its transaction.
 *
 *   AU1  Every client event is in the audit log exactly once, whoever consumes it and however often.
 */
import { Effect, Layer, Metric } from "effect"
import { clientTypes } from "../outbox/Event.ts"
import { counter } from "../telemetry/Metrics.ts"
import { ClientAudit, type ClientEntry } from "./ClientAudit.ts"
import { runGroup } from "./Group.ts"
import type { Arrived } from "./Received.ts"

/** Entries are appended under the writers' lock: few at a time, so that a publisher waits some milliseconds at most. */
const SIZE = 50

const actions = {
  client_connect: "client.connect",
  client_disconnect: "client.disconnect",
  client_timeout: "client.timeout"
} as const

const entryOf = ({ id, event }: Arrived): ReadonlyArray<ClientEntry> => {
  if ("key" in event) return []
  const { service_name: service, instance_id: instance, environment, node, reason, timestamp: at } = event
  return [{ id, action: actions[event.event_type], environment, service, instance, node, reason, at }]
}

const make = Effect.gen(function* () {
  const audit = yield* ClientAudit
  yield* runGroup({
    group: "audit",
    size: SIZE,
    types: clientTypes,
    wanted: ({ event }) => !("key" in event),
    effect: (events) => Effect.flatMap(audit.append(events.flatMap(entryOf)), (fresh) => Metric.update(written, fresh)) // AU1
  }).pipe(Effect.forkScoped)
})

export const layer = Layer.effectDiscard(make)

const written = counter("herald_audit_events_total", "client events that were written into the audit log")
