/** What is told of how a topic was used. */
import type { TopicStatistics } from "../../../edge/http/topics/StatisticsWire.ts"
import { printable } from "../../../text/Printable.ts"
import type { Paint } from "../../Paint.ts"
import { facts, TEXT, table, time } from "../../Table.ts"

const millis = (value: number | null): string => (value === null ? "-" : `${Number(value.toPrecision(3))} ms`)
const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`

export const usedOf = (
  { topic, since, totals, points, deliveries }: TopicStatistics,
  paint: Paint,
  room: number
): string =>
  [
    paint.bold(printable(topic)),
    facts(
      totals === null
        ? [["in all", "nothing was ever counted"]]
        : [
            ["in all since", time(totals.since)],
            ["published", `${totals.published}, ${totals.refused} refused`],
            ["sent", `${totals.sent} to readers`],
            ["deliveries", `${totals.delivered} accepted, ${totals.failed} failed`]
          ],
      paint
    ),
    points.length === 0
      ? `nothing was counted since ${time(since)}`
      : table(
          points,
          [
            { title: "FROM", value: (row) => time(row.start), timed: true },
            { title: "EVENTS/S", value: (row) => String(Number(row.throughputPerSecond.toPrecision(3))), right: true },
            { title: "P50", value: (row) => millis(row.latencyP50Millis), right: true },
            { title: "P99", value: (row) => millis(row.latencyP99Millis), right: true },
            { title: "ERRORS", value: (row) => percent(row.errorRate), right: true },
            {
              title: "BACKLOG",
              value: (row) => (row.backlogSize === null ? "-" : String(row.backlogSize)),
              right: true
            },
            { title: "CONSUMERS", value: (row) => String(row.consumerCount), right: true },
            { title: "PRODUCERS", value: (row) => String(row.producerCount), right: true }
          ],
          paint,
          room
        ),
    ...(deliveries.length === 0
      ? []
      : [
          table(
            deliveries,
            [
              { title: "AT", value: (row) => time(row.at), timed: true },
              { title: "SUBSCRIPTION", value: (row) => row.subscription },
              { title: "MESSAGE", value: (row) => row.messageId },
              {
                title: "STATUS",
                value: (row) => row.status,
                paint: (row) => (row.status === "failed" ? paint.red : undefined)
              },
              { title: "RETRIES", value: (row) => String(row.retryCount), right: true },
              { title: "TOOK", value: (row) => millis(row.latencyMillis), right: true },
              { title: "ERROR", value: (row) => row.error, text: TEXT }
            ],
            paint,
            room
          )
        ])
  ].join("\n")
