/**
 * What other systems are told: JSON as its users know it, with CloudEvents 1.0 attributes (binary mode, Kafka binding 1.0.2). Pure.
 *
 *   EV1  The id of a configuration event is made of its epoch, revision, environment and key: published again, it is the same.
 */
import type { Configuration } from "../configuration/Configuration.ts"
import { configurationsIn } from "../configuration/ConfigurationKind.ts"
import type { Revision } from "../propagation/Revision.ts"

export const eventTypes = ["config_update", "client_connect", "client_disconnect", "client_timeout"] as const
export type EventType = (typeof eventTypes)[number]

/** One message for the log: events of one `key` keep their order. */
export interface LogEvent {
  readonly id: string
  readonly type: EventType
  /** The configuration key, or the service name of a client event. */
  readonly key: string
  /** JSON. */
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** What happened to a client. */
export interface ClientEvent {
  readonly type: Exclude<EventType, "config_update">
  readonly environment: string
  readonly service: string
  readonly instance: string
  /** Why the session ended, a name of the endings; "" for a connect. */
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly at: number
}

const headersOf = (
  id: string,
  type: EventType,
  source: string,
  subject: string,
  time: string,
  traceparent: string
): Readonly<Record<string, string>> => ({
  ce_specversion: "1.0",
  ce_id: id,
  ce_source: source,
  ce_type: type,
  ce_subject: subject,
  ce_time: time,
  "content-type": "application/json",
  ...(traceparent === "" ? {} : { traceparent })
})

/** The value does not travel: it may be larger than a broker takes, and whoever reads the topic need not be allowed to read it. */
const configurationEvent = (
  { epoch, revision, traceparent, actor, message, committedAt }: Revision,
  { key, environment, version, valueType, deleted, digest }: Configuration
): LogEvent => {
  const id = `${epoch}/${revision}/${environment}/${key}`
  const timestamp = new Date(committedAt).toISOString()
  return {
    id,
    type: "config_update",
    key,
    body: JSON.stringify({
      event_type: "config_update",
      service_name: key.split(".")[0],
      instance_id: "",
      version,
      timestamp,
      key,
      environment,
      epoch,
      revision: String(revision),
      deleted,
      value_type: valueType,
      digest,
      actor,
      message
    }),
    headers: headersOf(id, "config_update", "/herald", `${environment}/${key}`, timestamp, traceparent)
  }
}

/** EV1: one event for every configuration that the commit changed. */
export const eventsOf = (revision: Revision): ReadonlyArray<LogEvent> =>
  configurationsIn(revision).map((change) => configurationEvent(revision, change))

/** `id` must be unique; the node is where the client was connected. */
export const clientEvent = (id: string, node: string, event: ClientEvent): LogEvent => {
  const { type, environment, service, instance, reason, at } = event
  const timestamp = new Date(at).toISOString()
  return {
    id,
    type,
    key: service,
    body: JSON.stringify({
      event_type: type,
      service_name: service,
      instance_id: instance,
      version: null,
      timestamp,
      environment,
      node,
      reason
    }),
    headers: headersOf(id, type, "/herald", `${environment}/${service}/${instance}`, timestamp, "")
  }
}
