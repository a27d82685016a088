/**
 * Events of topics as JSON.
 *
 *   TK5  An event's payload is read as it was published: JSON that is an object or a list stands as its own text, other text as a string, and what is no
 *        text in base64. What was read can be published as it stands, but for headers of Herald's own.
 */
import { Schema } from "effect"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { Plain } from "../../../text/Plain.ts"
import { placesText } from "../../../topics/From.ts"
import { BATCH_EVENTS } from "../../../topics/Limits.ts"
import { EVENT_KEY_LENGTH, HEADERS, type Message as Sent } from "../../../topics/Message.ts"
import { messageIdText } from "../../../topics/MessageId.ts"
import type { Published as Done } from "../../../topics/Publishing.ts"
import { LONGEST_WAIT, type Page } from "../../../topics/Reading.ts"
import type { Written } from "../../../values/Written.ts"
import { problemOf } from "../Problem.ts"
import { Labels, Problem, Stamp, stamp, stampOr, Time, Whole } from "../Wire.ts"
import { FilterFigures } from "./Wire.ts"

export const From = Plain(10_000).annotate({ examples: ["earliest"] })
/** In CEL; and the name of a field. `src/filters` says what is wrong with one. */
export const Filter = Plain(4_096).annotate({ examples: ["price > 100.0"] })
export const Wait = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: LONGEST_WAIT }))

/**
 * `value`: a string is the payload's text; other JSON is the payload as it stands in the body. `base64`: a payload that is no text. One of them.
 * `occurredAt`: milliseconds since 1970.
 */
export const EventBody = Schema.Struct({
  key: Schema.optionalKey(Schema.NullOr(Plain(EVENT_KEY_LENGTH))),
  value: Schema.optionalKey(Schema.Unknown),
  base64: Schema.optionalKey(Schema.String),
  occurredAt: Schema.optionalKey(Schema.NullOr(Time)),
  headers: Schema.optionalKey(Labels)
}).annotate({ identifier: "EventBody" })
type EventBody = typeof EventBody.Type

export const EventsBody = Schema.Struct({
  events: Schema.Array(EventBody).check(
    Schema.makeFilter<ReadonlyArray<unknown>>(() => undefined, {
      toJsonSchema: () => ({ minItems: 1, maxItems: BATCH_EVENTS })
    })
  )
}).annotate({
  identifier: "EventsBody",
  examples: [{ events: [{ key: "o-17", value: { total: 99.9 }, headers: { source: "shop" } }] }]
})

/** `events`: which ones of the batch, from 0; left out: all of them. `offset` null: they are there, and it is not remembered where. */
const Placed = Schema.Struct({
  id: Schema.NullOr(Schema.String),
  partition: Whole,
  epoch: Whole,
  offset: Schema.NullOr(Whole),
  count: Whole,
  duplicate: Schema.Boolean,
  events: Schema.optionalKey(Schema.Array(Whole))
})
/** `failed`: events that are not in the topic, unless their problem says that this is unknown. */
export const Published = Schema.Struct({
  placed: Schema.Array(Placed),
  failed: Schema.Array(Schema.Struct({ partition: Whole, events: Schema.Array(Whole), problem: Problem }))
}).annotate({ identifier: "PublishedEvents" })
export type Published = typeof Published.Type

export const Event = Schema.Struct({
  id: Schema.String,
  partition: Whole,
  epoch: Whole,
  offset: Whole,
  key: Schema.NullOr(Schema.String),
  value: Schema.optionalKey(Schema.Unknown),
  base64: Schema.optionalKey(Schema.String),
  headers: Labels,
  occurredAt: Schema.NullOr(Schema.Finite),
  occurredTime: Schema.NullOr(Stamp),
  publishedAt: Schema.Finite,
  publishedTime: Stamp
}).annotate({ identifier: "TopicEvent" })
export type Event = typeof Event.Type

/**
 * `next`: give it as `from` for what comes behind this page. `live`: everything that there was has been read. `gaps`: events that there are not any
 * more; why: `retention`, `corrupt`, `epoch` where the topic's history was lost, `unfit` where another program
 * put something into Kafka that has more than an event may have, or `empty` where no event ever had these offsets.
 * `filtered`: of a page with a filter, what became of the events that it looked at.
 */
export const Events = Schema.Struct({
  events: Schema.Array(Event),
  gaps: Schema.Array(Schema.Struct({ partition: Whole, epoch: Whole, from: Whole, to: Whole, why: Schema.String })),
  next: Schema.String,
  live: Schema.Boolean,
  filtered: Schema.optionalKey(FilterFigures)
}).annotate({ identifier: "TopicEvents" })
export type Events = typeof Events.Type

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const encoder = new TextEncoder()
const NONE: ReadonlyMap<string, string> = new Map()

const payloadOf = ({ value, base64 }: EventBody): Uint8Array | string => {
  if ((value === undefined) === (base64 === undefined)) return "it has either value or base64"
  if (base64 !== undefined) return BASE64.test(base64) ? Buffer.from(base64, "base64") : "base64: that is none"
  if (value === null) return encoder.encode("null")
  const { text, problem } = value as Written
  return problem === undefined ? encoder.encode(text) : `value: ${problem}`
}

/** What is wrong with one is told of it. */
export const eventsOf = ({ events }: typeof EventsBody.Type): ReadonlyArray<Sent> | HeraldError => {
  const all: Array<Sent> = []
  for (const [index, event] of events.entries()) {
    const payload = payloadOf(event)
    if (typeof payload === "string")
      return failure("InvalidEvent", `event ${index}: ${payload}`, { details: { index } })
    const headers = Object.entries(event.headers ?? {})
    if (headers.length > HEADERS)
      return failure("InvalidEvent", `event ${index}: headers: at most ${HEADERS}`, { details: { index } })
    all.push({
      key: event.key === undefined || event.key === "" ? null : event.key,
      payload,
      eventTime: event.occurredAt ?? null,
      headers: headers.length === 0 ? NONE : new Map(headers)
    })
  }
  return all
}
export const published = ({ topic: { name }, placed, failed }: Done): Published => ({
  placed: placed.map(({ indexes, offset, ...one }) => ({
    id: offset === undefined ? null : messageIdText({ ...one, topic: name, offset }),
    partition: one.partition,
    epoch: one.epoch,
    offset: offset ?? null,
    count: one.count,
    duplicate: one.duplicate,
    ...(indexes === undefined ? {} : { events: indexes })
  })),
  failed: failed.map(({ partition, indexes, error }) => ({ partition, events: indexes, problem: problemOf(error) }))
})

interface Produced {
  readonly producer?: string
  readonly epoch?: number
  readonly sequence?: number
}

/** All three, or none. */
export const producingOf = ({ producer, epoch, sequence }: Produced) => {
  if (producer === undefined && epoch === undefined && sequence === undefined) return undefined
  return producer === undefined || epoch === undefined || sequence === undefined
    ? failure("InvalidInput", "producer, epoch and sequence are given together, or none of them")
    : { producer, epoch, sequence }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The member that shows a payload, as JSON text. TK5 */
export const shownPayload = (payload: Uint8Array, as?: "text"): string => {
  let text: string
  try {
    text = decoder.decode(payload)
  } catch {
    return `"base64":"${Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("base64")}"`
  }
  const first = text.charCodeAt(0)
  // Only what begins as an object or a list is one: white space before it would be lost.
  if (as === "text" || (first !== 123 && first !== 91)) return `"value":${JSON.stringify(text)}`
  try {
    JSON.parse(text)
    return `"value":${text}`
  } catch {
    return `"value":${JSON.stringify(text)}`
  }
}

/** As JSON text. */
export const eventsText = ({ events, gaps, next, live, filtered }: Page, as?: "text"): string => {
  const shown = events.map(({ id, partition, epoch, offset, at, message: { key, payload, headers, eventTime } }) => {
    const before = JSON.stringify({ id, partition, epoch, offset, key }).slice(0, -1)
    const behind = JSON.stringify({
      headers: Object.fromEntries(headers),
      occurredAt: eventTime,
      occurredTime: stampOr(eventTime),
      publishedAt: at,
      publishedTime: stamp(at)
    }).slice(1)
    return `${before},${shownPayload(payload, as)},${behind}`
  })
  const rest = {
    gaps: gaps.map(({ partition, epoch, from, to, why }) => ({ partition, epoch, from, to, why })),
    next: placesText(next),
    live,
    ...(filtered === undefined ? {} : { filtered })
  }
  return `{"events":[${shown.join(",")}],${JSON.stringify(rest).slice(1)}`
}
