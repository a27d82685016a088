/** `herald subscription create|list|show|stats|update|seek|pause|stop|resume|delete`: who consumes the events of a topic, and how far they are. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RetryingList } from "../../../edge/http/subscriptions/Retrying.ts"
import type { Subscription, SubscriptionList, SubscriptionStats } from "../../../edge/http/subscriptions/Wire.ts"
import { defaults, types } from "../../../subscriptions/Subscription.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { idempotencyKey, invocation, message, optionalInt, optionalText, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { sinceText } from "../../Since.ts"
import { ago, TEXT, table } from "../../Table.ts"
import { seek } from "./Seek.ts"
import {
  factsOf,
  given,
  nameOf,
  paintOf,
  pathOf,
  retryingOf,
  spanned,
  statsOf,
  statusText,
  subscription,
  topic,
  wayOutOf
} from "./Told.ts"
import { update } from "./Update.ts"

const PAGE = 1_000
/** Subscriptions that are listed in all. */
const MOST = 10_000

const create = Command.make(
  "create",
  {
    topic,
    subscription,
    type: Flags.Literals("type", types).pipe(
      Flags.withDescription(
        "shared unless given: any consumer, in no order; key_shared: events of a key in order; failover, exclusive: one consumer has all"
      ),
      Flags.optional,
      Flags.map(Option.getOrUndefined)
    ),
    from: optionalText(
      "from",
      "latest unless given, earliest, a message id, a time, or how long ago, such as 5m",
      "where"
    ),
    filter: optionalText("filter", `Only events of which it is true, such as 'price > 100'`, "cel"),
    group: optionalText("group", "Names who consumes, for operators", "name"),
    maxAttempts: optionalInt("max-attempts", `How often an event is tried; ${defaults.maxAttempts} unless given`, "n"),
    deadLetterTopic: optionalText(
      "dead-letter-topic",
      "Where what fails too often or is rejected goes; without one that stops the subscription",
      "topic"
    ),
    ackTimeout: optionalText("ack-timeout", "How long a delivery may take; 30s unless given", "span"),
    backoff: optionalText(
      "backoff",
      "Until the next attempt, the last one repeats: 1s,5s,30s,1m,5m unless given",
      "spans"
    ),
    maxInFlight: optionalInt("max-in-flight", `Events without an answer; ${defaults.maxInFlight} unless given`, "n"),
    message,
    idempotencyKey
  },
  Effect.fn("Subscription.create")(function* ({ topic, subscription: name, group, ackTimeout, backoff, ...rest }) {
    const here = yield* invocation
    const shell = yield* Shell
    const { idempotencyKey, from: said, ...fields } = rest
    const from = said === undefined ? undefined : sinceText(said, yield* shell.now)
    const ackTimeoutMillis = ackTimeout === undefined ? undefined : yield* spanned("ack-timeout", ackTimeout)
    const backoffMillis =
      backoff === undefined ? undefined : yield* Effect.forEach(backoff.split(","), (one) => spanned("backoff", one))
    const body = { topic, name, ...given({ ...fields, from, consumerGroup: group, ackTimeoutMillis, backoffMillis }) }
    const answer = yield* here.call({ method: "POST", path: "/v1/subscriptions", body, idempotencyKey })
    const made = answer.body as Subscription
    yield* here.emit(made, (paint) => `${paint.green("created")} ${nameOf(made, paint)}\n${factsOf(made, paint)}`)
  })
).pipe(
  Command.withDescription("Create a subscription; from then on it misses nothing, whether anybody consumes or not"),
  Command.withExamples([
    {
      command: "herald subscription create orders billing --type key_shared --from earliest",
      description: "Everything there is, events of a key one after the other"
    },
    {
      command: "herald subscription create orders mail --dead-letter-topic orders/dead --max-attempts 5",
      description: "What fails five times is put aside, in a topic that is there"
    }
  ])
)

const list = Command.make(
  "list",
  {
    topic: Argument.String("topic").pipe(
      Argument.withDescription("Only those of this topic; of all otherwise"),
      Argument.optional,
      Argument.map(Option.getOrUndefined)
    )
  },
  Effect.fn("Subscription.list")(function* ({ topic }) {
    const here = yield* invocation
    const shell = yield* Shell
    const found: Array<Subscription> = []
    let after: string | undefined
    do {
      const query = { topic, limit: PAGE, after }
      const page = (yield* here.call({ method: "GET", path: "/v1/subscriptions", query })).body as SubscriptionList
      found.push(...page.subscriptions)
      after = page.next ?? undefined
    } while (after !== undefined && found.length < MOST)
    const now = yield* shell.now
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? `there is no subscription${topic === undefined ? "" : ` of ${printable(topic)}`}; make one with herald subscription create`
        : table(
            found,
            [
              { title: "TOPIC", value: (row) => row.topic },
              { title: "SUBSCRIPTION", value: (row) => row.name, paint: () => paint.bold },
              { title: "TYPE", value: (row) => row.type },
              { title: "STATUS", value: statusText, paint: (row) => paintOf(row, paint) },
              { title: "GROUP", value: (row) => row.consumerGroup },
              { title: "LAST ACTIVE", value: (row) => ago(row.lastActivityAt, now) },
              { title: "REASON", value: (row) => row.reason, paint: () => paint.dim, text: TEXT }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List subscriptions"),
  Command.withExamples([{ command: "herald subscription list orders", description: "Those of one topic" }])
)

const show = Command.make(
  "show",
  { topic, subscription },
  Effect.fn("Subscription.show")(function* ({ topic, subscription }) {
    const here = yield* invocation
    const found = (yield* here.call({ method: "GET", path: pathOf(topic, subscription) })).body as Subscription
    yield* here.emit(found, (paint) => `${nameOf(found, paint)}\n${factsOf(found, paint)}${wayOutOf(found, paint)}`)
  })
).pipe(
  Command.withDescription("Show what a subscription is"),
  Command.withExamples([
    { command: "herald subscription show orders billing", description: "Its type, status, limits" }
  ])
)

const stats = Command.make(
  "stats",
  { topic, subscription, retrying: yes("retrying", "Instead: which events failed and are tried again, and why") },
  Effect.fn("Subscription.stats")(function* ({ topic, subscription, retrying }) {
    const here = yield* invocation
    if (retrying) {
      const query = { limit: PAGE }
      const found = yield* here.call({ method: "GET", path: pathOf(topic, subscription, "/retrying"), query })
      return yield* here.emit(found.body, (paint) => retryingOf(found.body as RetryingList, paint, here.room))
    }
    const { body } = yield* here.call({ method: "GET", path: pathOf(topic, subscription, "/stats") })
    yield* here.emit(body, (paint) => statsOf(body as SubscriptionStats, paint, here.room))
  })
).pipe(
  Command.withDescription("Show how far a subscription is: backlog, retries, dead letters, consumers"),
  Command.withShortDescription("Show how far a subscription is"),
  Command.withExamples([
    { command: "herald subscription stats orders billing", description: "By partition" },
    {
      command: "herald subscription stats orders billing --retrying",
      description: "Events that failed, with what was said last"
    }
  ])
)

const changing = (name: string, verb: string, description: string, example: string) =>
  Command.make(
    name,
    { topic, subscription, message, idempotencyKey },
    Effect.fn(`Subscription.${name}`)(function* ({ topic, subscription, message, idempotencyKey }) {
      const here = yield* invocation
      const path = pathOf(topic, subscription, `/${name}`)
      const { body } = yield* here.call({ method: "POST", path, body: given({ message }), idempotencyKey })
      yield* here.emit(body, (paint) => `${paint.green(verb)} ${nameOf(body as Subscription, paint)}`)
    })
  ).pipe(
    Command.withDescription(description),
    Command.withExamples([{ command: `herald subscription ${name} orders billing`, description: example }])
  )

const resume = changing(
  "resume",
  "resumed",
  "Resume a subscription, out of a pause, a stop or an error whose cause is gone",
  "It hands out events again"
)

const stop = changing(
  "stop",
  "stopped",
  "Stop a subscription: its consumers are sent away, and none is let in until it is resumed; nothing is lost",
  "Its position, retries and dead letters stay"
)

const pause = Command.make(
  "pause",
  {
    topic,
    subscription,
    for: optionalText("for", "For so long, such as 10m; until it is resumed otherwise", "span"),
    message,
    idempotencyKey
  },
  Effect.fn("Subscription.pause")(function* ({ topic, subscription, for: span, message, idempotencyKey }) {
    const here = yield* invocation
    const forMillis = span === undefined ? undefined : yield* spanned("for", span)
    const path = pathOf(topic, subscription, "/pause")
    const answer = yield* here.call({ method: "POST", path, body: given({ forMillis, message }), idempotencyKey })
    const now = answer.body as Subscription
    yield* here.emit(now, (paint) => `${paint.yellow(statusText(now))} ${nameOf(now, paint)}`)
  })
).pipe(
  Command.withDescription("Pause a subscription: nothing goes out, and nothing is lost"),
  Command.withExamples([
    { command: "herald subscription pause orders billing --for 10m", description: "It goes on by itself" }
  ])
)

const remove = Command.make(
  "delete",
  { topic, subscription, yes: yes("yes", "Don't ask"), message, idempotencyKey },
  Effect.fn("Subscription.delete")(function* ({ topic, subscription, yes, message, idempotencyKey }) {
    const here = yield* invocation
    const shell = yield* Shell
    if (!yes && shell.inputTerminal) {
      const path = pathOf(topic, subscription, "/stats")
      const found = (yield* here.call({ method: "GET", path })).body as SubscriptionStats
      const answer = yield* shell.ask(
        `${printable(subscription)} has ${found.backlog} events to do and ${found.deadLetters} dead letters; its position will be gone.\nDelete it? Type its name: `
      )
      if (answer.trim() !== subscription)
        return yield* usage("nothing was deleted", "Type the subscription's name, or give --yes.")
    }
    yield* here.call({ method: "DELETE", path: pathOf(topic, subscription), query: { message }, idempotencyKey })
    yield* here.emit(
      { topic, subscription, deleted: true },
      (paint) => `${paint.green("deleted")} ${printable(subscription)}`
    )
  })
).pipe(
  Command.withDescription("Delete a subscription with its position and its dead letters"),
  Command.withExamples([
    { command: "herald subscription delete orders billing --yes", description: "Without a question" }
  ])
)

export const subscriptionVerb = Command.make("subscription").pipe(
  Command.withDescription("Subscriptions: who consumes the events of a topic, and how far they are"),
  Command.withShortDescription("Who consumes the events of a topic"),
  Command.withSubcommands([create, list, show, stats, update, seek, pause, stop, resume, remove])
)
