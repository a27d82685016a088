/** What is told of topics and their events. */
import * as Argument from "effect/cli/Argument"
import type { Event } from "../../../edge/http/topics/EventWire.ts"
import type { Topic, TopicStats } from "../../../edge/http/topics/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { segment } from "../../Http.ts"
import type { Paint } from "../../Paint.ts"
import { facts, table, time } from "../../Table.ts"
import { figuresText } from "./Figures.ts"

export const topic = Argument.String("topic").pipe(
  Argument.withDescription("Its name, such as orders or market/ticks (herald topic list)")
)

export const pathOf = (name: string, rest = ""): string => `/v1/topics/${segment(name)}${rest}`

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]

/** "3.4 MiB". */
export const bytesText = (bytes: number): string => {
  const unit = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10))
  const amount = bytes / 1_024 ** unit
  return `${unit === 0 ? amount : amount.toPrecision(3)} ${UNITS[unit]}`
}

export const factsOf = (found: Topic, paint: Paint): string =>
  facts(
    [
      ["description", found.description],
      ["partitions", String(found.partitions)],
      ["retention", found.retention],
      ["log", `${found.log}, ${found.compression === "none" ? "not compressed" : found.compression}`],
      ["schema", found.schema === null ? "none: events are not checked" : `version ${found.schemaVersion}`],
      ["state", found.enabled ? "enabled" : "disabled: nothing is published to it"],
      ["version", String(found.version)],
      ["created", `${time(found.createdAt)} by ${found.createdBy}`]
    ],
    paint
  )

const rate = (perSecond: number): string => `${Number(perSecond.toPrecision(3))} a second`

export const statsOf = (found: TopicStats, paint: Paint, room: number): string =>
  [
    paint.bold(printable(found.topic)),
    facts(
      [
        ["events", String(found.events)],
        ["bytes", bytesText(found.bytes)],
        ["in", rate(found.rates.in)],
        ["out", rate(found.rates.out)],
        ["readers", String(found.rates.readers)],
        ["subscriptions", String(found.subscriptions)],
        ["filters", found.filters.looked === 0 ? "" : `all readers, last minute: ${figuresText(found.filters)}`]
      ],
      paint
    ),
    table(
      found.partitions,
      [
        { title: "PARTITION", value: (row) => String(row.partition), right: true },
        { title: "FIRST", value: (row) => String(row.first), right: true },
        { title: "NEXT", value: (row) => String(row.next), right: true },
        { title: "EVENTS", value: (row) => String(row.next - row.first), right: true },
        { title: "BYTES", value: (row) => bytesText(row.bytes), right: true },
        { title: "EPOCH", value: (row) => String(row.epoch), right: true }
      ],
      paint,
      room
    )
  ].join("\n")

/** As it was asked for: values as text. */
const payloadOf = ({ value, base64 }: Event): string =>
  base64 === undefined ? String(value) : `(${Buffer.from(base64, "base64").length} bytes) ${base64}`

const isJson = (text: string): boolean => {
  if (!/^[{[]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** JSON on one line, with the value in its own digits. */
export const jsonLine = ({ value, ...event }: Event, keysOnly: boolean): string => {
  const { base64, ...bare } = event
  const text = JSON.stringify(keysOnly ? bare : event)
  if (keysOnly || value === undefined) return text
  const its = String(value)
  // Lines of a value that is JSON are white space between its parts.
  const shown = isJson(its) ? its.replaceAll(/[\r\n]/g, " ") : JSON.stringify(its)
  return `${text.slice(0, -1)},"value":${shown}}`
}

/** An event on a line of its own. */
export const line = (event: Event, keysOnly: boolean, paint: Paint): string =>
  [
    paint.dim(time(event.publishedAt)),
    paint.dim(printable(event.id)),
    ...(event.key === null ? [] : [paint.bold(printable(event.key))]),
    ...(keysOnly ? [] : [printable(payloadOf(event))])
  ].join("  ")
