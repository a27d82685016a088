/**
 * What other systems are told: JSON as its users know it, with CloudEvents 1.0 attributes (binary mode, Kafka binding 1.0.2). Pure.
 *
 *   EV1  The id of a change's event is made of its epoch, revision, kind, environment and key: published again, it is the same. Of the first
 *        kind the id names none, as it always was.
 *   EV9  A change of a kind that this node does not know (a newer one commits it) has an event nonetheless, of what is known of it.
 */
import { type Happened, happenings, type KindsShape, type Told } from "../propagation/Kind.ts"
import type { Change, Revision } from "../propagation/Revision.ts"

/** A change of any kind: `<word>_update`, or what happened in its place. */
export type UpdateType = `${string}_${Happened}`
const UPDATE = new RegExp(`^([a-z][a-z0-9_]{0,60}?)_(${happenings.join("|")})$`)
export const isUpdate = (type: string): type is UpdateType => UPDATE.test(type)

export const clientTypes = ["client_connect", "client_disconnect", "client_timeout"] as const
export const distributedType = "market_data_distributed"
export type EventType = UpdateType | (typeof clientTypes)[number] | typeof distributedType

/** The word of a kind that has changed, such as `config`, and what happened. */
export const partsOf = (type: UpdateType): readonly [word: string, happened: Happened] => {
  const [, word = "", happened = "update"] = UPDATE.exec(type) ?? []
  return [word, happened as Happened]
}

/** One message for the log: events of one `key` keep their order. */
export interface LogEvent {
  readonly id: string
  readonly type: EventType
  /** The key of what changed, the service name of a client event, or the symbol of market data. */
  readonly key: string
  /** JSON. */
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** What happened to a client. */
export interface ClientEvent {
  readonly type: (typeof clientTypes)[number]
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

/** EV9 */
const unknown: Told = { service: "", version: 0, deleted: false, value: null, valueType: "", digest: "" }

/** The value does not travel: it may be larger than a broker takes, and whoever reads the topic need not be allowed to read it. */
const changeEvent = (
  { told, nameOf }: KindsShape,
  { epoch, revision, traceparent, actor, message, committedAt }: Revision,
  change: Change
): LogEvent => {
  const { kind, key, environment } = change
  const {
    word,
    service,
    version,
    deleted,
    valueType,
    digest,
    event = "update",
    about,
    detail
  } = told(change) ?? { word: kind, ...unknown }
  const name = nameOf(change)
  const id = `${epoch}/${revision}/${name}`
  const type: UpdateType = `${word}_${event}`
  const timestamp = new Date(committedAt).toISOString()
  return {
    id,
    type,
    key,
    body: JSON.stringify({
      event_type: type,
      service_name: service,
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
      message,
      about,
      detail
    }),
    headers: headersOf(id, type, "/herald", name, timestamp, traceparent)
  }
}

/** EV1: one event for everything that the commit changed. */
export const eventsOf = (kinds: KindsShape, revision: Revision): ReadonlyArray<LogEvent> =>
  revision.changes.map((change) => changeEvent(kinds, revision, change))

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

/** An event of a topic with market data that was told to those who listen on a node. */
export interface Distribution {
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  readonly offset: number
  /** Who listened, and was told. */
  readonly subscribers: number
  /** From when Herald had it until the first of them was told. */
  readonly latencyMillis: number
  /** trade, quote, cancel or correction. */
  readonly type: string
  readonly symbol: string
  readonly exchange: string
  /** By the venue's clock, milliseconds since 1970. */
  readonly at: number
  /** As text, with all digits; null: it has none. */
  readonly price: string | null
  readonly volume: string | null
}

/** `id` must be unique. What is at least once is the topic, whose positions a listener goes on from. */
export const distributionEvent = (id: string, told: Distribution): LogEvent => {
  const { topic, partition, epoch, offset, subscribers, latencyMillis, type, symbol, exchange, at, price, volume } =
    told
  const timestamp = new Date(at).toISOString()
  return {
    id,
    type: distributedType,
    key: symbol,
    body: JSON.stringify({
      event_type: distributedType,
      distribution: {
        ...{ topic, partition, offset, message_id: `${topic}:${partition}:${epoch}:${offset}` },
        ...{ subscribers_notified: subscribers, distribution_latency_ms: latencyMillis }
      },
      data: { type, symbol, exchange, timestamp, price, volume },
      routing: { routing_key: symbol, target_workflows: [], delivery_guarantees: "at_least_once" }
    }),
    headers: headersOf(id, distributedType, "/herald", `${topic}/${symbol}`, timestamp, "")
  }
}
