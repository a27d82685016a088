/** What is told of subscriptions and of their dead letters. */
import * as Argument from "effect/cli/Argument"
import * as Effect from "effect/Effect"
import type { RetryingList } from "../../../edge/http/subscriptions/Retrying.ts"
import type { DeadLetter, Subscription, SubscriptionStats } from "../../../edge/http/subscriptions/Wire.ts"
import { spanOf, spanText } from "../../../text/Amounts.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { segment } from "../../Http.ts"
import type { Paint } from "../../Paint.ts"
import { facts, TEXT, table, time } from "../../Table.ts"

export const topic = Argument.String("topic").pipe(Argument.withDescription("The topic (herald topic list)"))
export const subscription = Argument.String("subscription").pipe(
  Argument.withDescription("Its name (herald subscription list <topic>)")
)

/** "500ms", or as `spanOf`. */
const millisOf = (text: string): number | string => {
  const found = /^(\d{1,9})ms$/.exec(text.trim())
  return found === null ? spanOf(text) : Number(found[1])
}

export const spanned = (name: string, text: string) => {
  const millis = millisOf(text)
  return typeof millis === "number"
    ? Effect.succeed(millis)
    : Effect.fail(usage(`--${name}: ${millis}`, `Write it as --${name} 30s; below a second as 500ms.`))
}

export const given = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

export const pathOf = (topic: string, subscription: string, rest = ""): string =>
  `/v1/subscriptions/${segment(topic)}/${segment(subscription)}${rest}`

/** "50ms", "1m30s". */
export const millisText = (millis: number): string => (millis % 1_000 === 0 ? spanText(millis) : `${millis}ms`)

export const nameOf = ({ topic, name }: Pick<Subscription, "topic" | "name">, paint: Paint): string =>
  `${paint.bold(printable(name))} of ${printable(topic)}`

export const statusText = ({ status, pausedUntil }: Pick<Subscription, "status" | "pausedUntil">): string =>
  pausedUntil === null ? status : `${status} until ${time(pausedUntil)}`

export const paintOf = ({ status }: Pick<Subscription, "status">, paint: Paint): ((text: string) => string) =>
  status === "active" ? paint.green : status === "error" ? paint.red : paint.yellow

export const factsOf = (found: Subscription, paint: Paint): string =>
  facts(
    [
      ["type", found.type],
      ["status", statusText(found)],
      ["reason", found.reason],
      ["began with", found.from],
      ["filter", found.filter],
      ["group", found.consumerGroup],
      ["attempts", String(found.maxAttempts)],
      ["dead letters", found.deadLetterTopic === "" ? "none: what fails too often stops it" : found.deadLetterTopic],
      ["ack timeout", millisText(found.ackTimeoutMillis)],
      ["back-off", found.backoffMillis.map(millisText).join(", ")],
      ["in flight", `at most ${found.maxInFlight}`],
      ["created", `${time(found.createdAt)} by ${found.createdBy}`],
      ["last active", time(found.lastActivityAt)],
      ["version", String(found.version)],
      ["id", found.id]
    ],
    paint
  )

/** What leads out of an error: a line each, below what is told of it; "" where there is none. */
export const wayOutOf = ({ topic, name, status, deadLetterTopic }: Subscription, paint: Paint): string => {
  if (status !== "error") return ""
  const its = `${printable(topic)} ${printable(name)}`
  const resume = `herald subscription resume ${its}`
  const lines =
    deadLetterTopic === ""
      ? [
          `If an event stopped it, say where those go: herald subscription update ${its} --dead-letter-topic <topic>`,
          `Nothing goes out until it is resumed, then: ${resume}`
        ]
      : [`Nothing goes out until it is resumed: ${resume}`]
  return lines.map((line) => `\n${paint.yellow(line)}`).join("")
}

export const statsOf = (found: SubscriptionStats, paint: Paint, room: number): string =>
  [
    nameOf(found.subscription, paint),
    facts(
      [
        ["status", statusText(found.subscription)],
        ["reason", found.subscription.reason],
        ["backlog", String(found.backlog)],
        ["to be retried", String(found.failed)],
        ["dead letters", String(found.deadLetters)],
        ["they wait", found.deadLettersWait],
        ["consumers", String(found.consumers)]
      ],
      paint
    ),
    table(
      found.partitions,
      [
        { title: "PARTITION", value: (row) => String(row.partition), right: true },
        { title: "FLOOR", value: (row) => String(row.floor), right: true },
        { title: "END", value: (row) => String(row.end), right: true },
        { title: "BACKLOG", value: (row) => String(row.backlog), right: true },
        { title: "HOLES", value: (row) => String(row.holes), right: true },
        { title: "EPOCH", value: (row) => String(row.epoch), right: true }
      ],
      paint,
      room
    )
  ].join("\n") + wayOutOf(found.subscription, paint)

export const retryingOf = ({ retrying }: RetryingList, paint: Paint, room: number): string =>
  retrying.length === 0
    ? "nothing is tried again"
    : table(
        retrying,
        [
          { title: "EVENT", value: (row) => row.eventId },
          { title: "ATTEMPTS", value: (row) => String(row.attempts), right: true },
          { title: "DUE", value: (row) => time(row.dueAt), timed: true },
          { title: "NEXT IS LAST", value: (row) => (row.lastAttempt ? "yes" : "") },
          { title: "SAID LAST", value: (row) => row.cause, paint: () => paint.dim, text: TEXT }
        ],
        paint,
        room
      )

const payloadText = ({ value, base64 }: DeadLetter): string =>
  base64 !== undefined ? base64 : typeof value === "string" ? value : JSON.stringify(value)

export const letterOf = (found: DeadLetter, paint: Paint): string =>
  [
    paint.bold(`dead letter ${found.id}`),
    facts(
      [
        ["event", found.eventId],
        ["why", found.reason === "rejected" ? "a consumer rejected it" : "it failed as often as it may"],
        ["attempts", String(found.attempts)],
        ["said last", found.cause],
        ["dead-letter topic", found.deadLetterTopic],
        ["which refuses it", found.refused],
        ["key", found.key ?? ""],
        ["published", found.publishedAt === null ? "" : time(found.publishedAt)],
        ["came here", time(found.at)],
        ...Object.entries(found.headers).map(([name, value]) => [`header ${name}`, value] as const)
      ],
      paint
    ),
    printable(payloadText(found), true)
  ].join("\n")
