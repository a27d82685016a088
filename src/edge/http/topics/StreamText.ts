/**
 * What readers of topics are told, as JSON for streams: WebSockets, and server-sent events. Pure.
 *
 *   YE1  A text has no line breaks: those between the parts of a payload that is JSON are spaces. Whoever wants payloads to the byte asks for them as text.
 *   YE2  What all readers are told alike is one text, without what is a reader's own.
 */
import type { HeraldError } from "../../../errors/HeraldError.ts"
import type { Batch, Gap, Started, Told } from "../../../fanout/Batch.ts"
import { eventsOf } from "../../../fanout/Picking.ts"
import { eventIn } from "../../../fanout/Rows.ts"
import { messageOf } from "../../../topics/Message.ts"
import { type MessageId, messageIdText } from "../../../topics/MessageId.ts"
import { problemOf } from "../Problem.ts"
import { shownPayload } from "./EventWire.ts"

/** How payloads are shown: as JSON where they are JSON, or all as text. TK5 in EventWire.ts */
export type Shown = "json" | "text"

/** YE1 */
const onOneLine = (payload: string): string => (/[\r\n]/.test(payload) ? payload.replaceAll(/[\r\n]/g, " ") : payload)

/** `event`: as it is in the log. `also`: what else there is to say of it. */
export const eventText = (
  place: MessageId,
  event: Uint8Array,
  at: number,
  as: Shown,
  also: Readonly<Record<string, unknown>> = {}
): string => {
  const { key, payload, headers, eventTime } = messageOf(event)
  const head = { id: messageIdText(place), offset: place.offset, ...also, ...(key === null ? {} : { key }) }
  const rest = {
    ...(headers.size === 0 ? {} : { headers: Object.fromEntries(headers) }),
    ...(eventTime === null ? {} : { occurredAt: eventTime }),
    publishedAt: at
  }
  const value = onOneLine(shownPayload(payload, as === "text" ? "text" : undefined))
  return `${JSON.stringify(head).slice(0, -1)},${value},${JSON.stringify(rest).slice(1)}`
}

const batchText = (topic: string, batch: Batch, as: Shown): string => {
  const { partition, epoch, first, next, leftOut } = batch
  const events: Array<string> = []
  for (const { entry, offset, at } of eventsOf(batch))
    events.push(eventText({ topic, partition, epoch, offset }, eventIn(entry), at, as))
  const head = { type: "events", partition, epoch, first, next, ...(leftOut === 0 ? {} : { leftOut }) }
  return `${JSON.stringify(head).slice(1, -1)},"events":[${events.join(",")}]}`
}

const gapText = ({ partition, epoch, from, to, why }: Gap): string =>
  JSON.stringify({ type: "gap", partition, epoch, from, to, why }).slice(1)

const startedText = ({ places }: Started): string => JSON.stringify({ type: "started", places }).slice(1)

/** Without the brace that it begins with. YE2 */
export const toldText = (topic: string, told: Told, as: Shown): string => {
  switch (told.kind) {
    case "batch":
      return batchText(topic, told, as)
    case "gap":
      return gapText(told)
    case "started":
      return startedText(told)
    case "live":
      return '"type":"live"}'
    case "filtered":
      return JSON.stringify({ type: "filtered", ...told.figures }).slice(1)
  }
}

/** What went wrong, as in every answer of this door, with when to come again. */
export const problemText = (error: HeraldError): string => JSON.stringify(problemOf(error))
