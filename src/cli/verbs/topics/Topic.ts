/** `herald topic create|list|show|stats|update|delete|publish|tail`: named logs of events. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { TopicStatistics } from "../../../edge/http/topics/StatisticsWire.ts"
import type { ChangedTopic, Topic, TopicList, TopicStats } from "../../../edge/http/topics/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { COMPRESSIONS, LOGS } from "../../../topics/Topic.ts"
import { usage } from "../../CliFailure.ts"
import { idempotencyKey, invocation, message, optionalInt, optionalText, yes } from "../../Globals.ts"
import { readSchema } from "../../Input.ts"
import { Shell } from "../../Shell.ts"
import { ago, TEXT, table } from "../../Table.ts"
import { publish } from "./Publish.ts"
import { tail } from "./Tail.ts"
import { factsOf, pathOf, statsOf, topic } from "./Told.ts"
import { usedOf } from "./Used.ts"

const PAGE = 1_000
/** Topics that are listed in all. */
const MOST = 10_000

const retention = optionalText(
  "retention",
  "A time, a size of each partition, or both: 7d, 10GiB or 7d,10GiB",
  "policy"
)
const partitions = (description: string) => optionalInt("partitions", description, "n")
const description = optionalText("description", "What its events are", "text")
const schema = (more: string) =>
  optionalText("schema", `A JSON Schema that each event has to fit: the text itself or @file${more}`, "json")

const oneOf = <const A extends ReadonlyArray<string>>(name: string, values: A, description: string) =>
  Flags.Literals(name, values).pipe(
    Flags.withDescription(description),
    Flags.optional,
    Flags.map(Option.getOrUndefined)
  )

/** What was given. */
const given = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const create = Command.make(
  "create",
  {
    topic,
    partitions: partitions("1 to 256; 1 unless given. Events of one key are in one partition, in order"),
    retention,
    log: oneOf("log", LOGS, "Where events are: postgres unless given; ephemeral: in the memory of one node"),
    compression: oneOf("compression", COMPRESSIONS, "zstd unless given"),
    schema: schema(""),
    description,
    message,
    idempotencyKey
  },
  Effect.fn("Topic.create")(function* ({ topic: name, schema: text, message, idempotencyKey, ...rest }) {
    const here = yield* invocation
    const schema = yield* readSchema(text)
    const body = { name, ...given({ ...rest, schema: schema ?? undefined, message }) }
    const made = (yield* here.call({ method: "POST", path: "/v1/topics", body, idempotencyKey })).body as Topic
    yield* here.emit(
      made,
      (paint) => `${paint.green("created")} ${paint.bold(printable(made.name))}\n${factsOf(made, paint)}`
    )
  })
).pipe(
  Command.withDescription("Create a topic, a named log of events"),
  Command.withExamples([
    { command: "herald topic create orders --partitions 4 --retention 7d", description: "Kept for a week" },
    {
      command: "herald topic create market/ticks --schema @tick.json --retention 1d,10GiB",
      description: "Checked by a schema"
    }
  ])
)

const list = Command.make(
  "list",
  {
    prefix: Argument.String("prefix").pipe(
      Argument.withDescription("Only names that begin with it"),
      Argument.withDefault("")
    )
  },
  Effect.fn("Topic.list")(function* ({ prefix }) {
    const here = yield* invocation
    const shell = yield* Shell
    const found: Array<Topic> = []
    let after: string | undefined
    do {
      const query = { prefix, limit: PAGE, after }
      const page = (yield* here.call({ method: "GET", path: "/v1/topics", query })).body as TopicList
      found.push(...page.topics)
      after = page.next ?? undefined
    } while (after !== undefined && found.length < MOST)
    const now = yield* shell.now
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? `there is no topic${prefix === "" ? "" : ` that begins with ${printable(prefix)}`}; make one with herald topic create`
        : table(
            found,
            [
              { title: "TOPIC", value: (row) => row.name, paint: () => paint.bold },
              { title: "PARTITIONS", value: (row) => String(row.partitions), right: true },
              { title: "RETENTION", value: (row) => row.retention },
              { title: "LOG", value: (row) => row.log },
              { title: "SCHEMA", value: (row) => (row.schema === null ? "-" : String(row.schemaVersion)), right: true },
              {
                title: "STATE",
                value: (row) => (row.enabled ? "enabled" : "disabled"),
                paint: (row) => (row.enabled ? undefined : paint.yellow)
              },
              { title: "CREATED", value: (row) => ago(row.createdAt, now) },
              { title: "DESCRIPTION", value: (row) => row.description, paint: () => paint.dim, text: TEXT }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List topics"),
  Command.withExamples([{ command: "herald topic list market/", description: "Those below market" }])
)

const show = Command.make(
  "show",
  { topic },
  Effect.fn("Topic.show")(function* ({ topic: name }) {
    const here = yield* invocation
    const found = (yield* here.call({ method: "GET", path: pathOf(name) })).body as Topic
    yield* here.emit(found, (paint) => `${paint.bold(printable(found.name))}\n${factsOf(found, paint)}`)
  })
).pipe(
  Command.withDescription("Show what a topic is"),
  Command.withExamples([{ command: "herald topic show orders", description: "Partitions, retention, schema" }])
)

const stats = Command.make(
  "stats",
  {
    topic,
    since: optionalText(
      "since",
      "How it was used since then, by time: 15m, 1h, 7d; docs/topics.md says what each figure is",
      "duration"
    )
  },
  Effect.fn("Topic.stats")(function* ({ topic: name, since }) {
    const here = yield* invocation
    if (since !== undefined) {
      const path = pathOf(name, "/statistics")
      const found = (yield* here.call({ method: "GET", path, query: { since } })).body as TopicStatistics
      return yield* here.emit(found, (paint) => usedOf(found, paint, here.room))
    }
    const found = (yield* here.call({ method: "GET", path: pathOf(name, "/stats") })).body as TopicStats
    yield* here.emit(found, (paint) => statsOf(found, paint, here.room))
  })
).pipe(
  Command.withDescription(
    "Show how far a topic's partitions go, and what the node that answers does with it; or how it was used, minute by minute: BACKLOG is of all its subscriptions, - where the log is not in PostgreSQL"
  ),
  Command.withShortDescription("Show how far a topic goes"),
  Command.withExamples([
    { command: "herald topic stats orders", description: "Offsets and bytes of each partition" },
    { command: "herald topic stats orders --since 1h", description: "Events a second, latencies, backlog, deliveries" }
  ])
)

const update = Command.make(
  "update",
  {
    topic,
    partitions: partitions("More than there are: keys then move between partitions"),
    retention,
    schema: schema("; none: events are not checked any more"),
    description,
    enable: yes("enable", "Events may be published again"),
    disable: yes("disable", "Nothing is published any more; what there is can be read"),
    expectedVersion: optionalInt("expected-version", "Fail unless this is its current version", "n"),
    message,
    idempotencyKey
  },
  Effect.fn("Topic.update")(function* (asked) {
    const { topic: name, schema: text, enable, disable, message, idempotencyKey, expectedVersion, ...rest } = asked
    const here = yield* invocation
    if (enable && disable) return yield* usage("--enable and --disable can't both be given", "Leave one of them out.")
    const change = given({
      ...rest,
      schema: yield* readSchema(text),
      enabled: enable ? true : disable ? false : undefined
    })
    if (Object.keys(change).length === 0)
      return yield* usage(
        "nothing is to be changed",
        "Say what: --partitions, --retention, --schema, --description, --enable or --disable."
      )
    const { body } = yield* here.call({
      method: "PATCH",
      path: pathOf(name),
      body: { ...change, ...given({ message, expectedVersion }) },
      idempotencyKey
    })
    const now = body as ChangedTopic
    yield* here.emit(now, (paint) =>
      [
        `${paint.green("updated")} ${paint.bold(printable(now.name))}`,
        factsOf(now, paint),
        ...now.unfit.map((one) => paint.yellow(`No longer fits, and stops: ${printable(one)}`))
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription("Change a topic; what is not named stays"),
  Command.withExamples([
    { command: "herald topic update orders --retention 30d", description: "Keep events longer" },
    { command: "herald topic update orders --disable --message 'moved to orders/v2'", description: "Take nothing more" }
  ])
)

const remove = Command.make(
  "delete",
  {
    topic,
    force: yes("force", "Although it has subscriptions, which end with it, or dead letters or routed events go to it"),
    yes: yes("yes", "Don't ask"),
    message,
    idempotencyKey
  },
  Effect.fn("Topic.delete")(function* ({ topic: name, force, yes, message, idempotencyKey }) {
    const here = yield* invocation
    const shell = yield* Shell
    if (!yes && shell.inputTerminal) {
      const found = (yield* here.call({ method: "GET", path: pathOf(name, "/stats") })).body as TopicStats
      const answer = yield* shell.ask(
        `${printable(name)} has ${found.events} events, which will be gone.\nDelete it? Type its name: `
      )
      if (answer.trim() !== name) return yield* usage("nothing was deleted", "Type the topic's name, or give --yes.")
    }
    const query = { force: force ? true : undefined, message }
    yield* here.call({ method: "DELETE", path: pathOf(name), query, idempotencyKey })
    yield* here.emit({ topic: name, deleted: true }, (paint) => `${paint.green("deleted")} ${printable(name)}`)
  })
).pipe(
  Command.withDescription("Delete a topic with all of its events"),
  Command.withExamples([{ command: "herald topic delete orders --yes", description: "Without a question" }])
)

export const topicVerb = Command.make("topic").pipe(
  Command.withDescription("Create, look at, change and delete topics; publish events to them and read them"),
  Command.withShortDescription("Named logs of events"),
  Command.withSubcommands([create, list, show, stats, update, remove, publish, tail])
)
