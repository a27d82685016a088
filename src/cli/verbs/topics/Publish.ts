/**
 * `herald topic publish`: one event, or one a line.
 *
 *   XV1  Of many events it is seen how many are published, and where one of them fails it is said how many were before it.
 *   XV2  A payload that begins like JSON and is none is published, and said to be so.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Published } from "../../../edge/http/topics/EventWire.ts"
import type { OpenedProducer } from "../../../edge/http/topics/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { BATCH_EVENTS } from "../../../topics/Limits.ts"
import { CliFailure, usage } from "../../CliFailure.ts"
import { type Invocation, invocation, optionalInt, optionalText, yes } from "../../Globals.ts"
import { readFile, readValue } from "../../Input.ts"
import { Shell } from "../../Shell.ts"
import { pathOf, topic } from "./Told.ts"

/** What each event has. */
interface Sent {
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Characters of one request. */
const ROOM = 1_048_576

/** Requests with as many events as they may have. */
const batches = (events: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const all: Array<Array<string>> = []
  let room = 0
  for (const event of events) {
    const last = all.at(-1)
    if (last === undefined || event.length > room || last.length >= BATCH_EVENTS) {
      all.push([event])
      room = ROOM - event.length
    } else {
      last.push(event)
      room -= event.length
    }
  }
  return all
}

/** One line that is an event, as JSON text: its value stays as it stands there. */
const eventOn = Effect.fnUntraced(function* (line: string, at: number, rest: Sent) {
  const { readCarrier, Written } = yield* Effect.promise(() => import("../../../values/Written.ts"))
  const read = readCarrier(line, "value")
  if (read._tag === "Failure")
    return yield* usage(
      `line ${at} can't be read: ${read.failure}`,
      "Give a JSON object on each line, with value or base64."
    )
  const said = Object(read.success) as Readonly<Record<string, unknown>>
  const { value, base64, key = rest.key, headers = rest.headers, occurredAt } = said
  if (!("value" in said || "base64" in said))
    return yield* usage(
      `line ${at} has neither value nor base64`,
      "Give a JSON object on each line, as herald topic tail --json prints it."
    )
  const payload =
    value === undefined
      ? `"base64":${JSON.stringify(base64)}`
      : `"value":${value instanceof Written ? (value.type === "string" ? JSON.stringify(value.text) : value.text) : "null"}`
  const others = {
    ...(key === undefined || key === null ? {} : { key }),
    ...(headers === undefined ? {} : { headers }),
    ...(occurredAt === undefined || occurredAt === null ? {} : { occurredAt })
  }
  return `{${[payload, ...Object.entries(others).map(([name, its]) => `"${name}":${JSON.stringify(its)}`)].join(",")}}`
})

/** Lines of a file: the whole text of one is its payload, or with `json` an event as `herald topic tail --json` prints it. */
const eventsIn = (text: string, json: boolean, rest: Sent) =>
  Effect.forEach(
    text.split(/\r?\n/).flatMap((line, index) => (line === "" ? [] : [[line, index + 1] as const])),
    ([line, at]) => (json ? eventOn(line, at, rest) : Effect.succeed(JSON.stringify({ ...rest, value: line })))
  )

/** What was perhaps meant to be JSON: a consumer finds out otherwise. XV2 */
const isBroken = (text: string): boolean => {
  if (!/^\s*[{[]/.test(text)) return false
  try {
    JSON.parse(text)
    return false
  } catch {
    return true
  }
}

const opened = Effect.fnUntraced(function* (here: Invocation, name: string, producer: string, partition: number) {
  const { body } = yield* here.call({
    method: "POST",
    path: pathOf(name, "/producers"),
    body: { producer },
    once: true
  })
  const { epoch, sequences } = body as OpenedProducer
  return { epoch, next: (sequences.find((one) => one.partition === partition)?.sequence ?? 0) + 1 }
})

/** `before`: events that were published with batches before this one. */
const some = (
  failed: Published["failed"],
  { of, before }: { readonly of: number; readonly before: number }
): CliFailure => {
  const [{ problem }] = failed as [Published["failed"][number]]
  const left = failed.reduce((sum, { events }) => sum + events.length, 0)
  return new CliFailure({
    code: problem.code,
    title: problem.title,
    what: `${left} of ${of} events were not published: ${problem.detail}${before === 0 ? "" : ` (${before} before them are)`}`,
    why: problem.cause,
    fix: problem.fix,
    exit: 7,
    trace: "",
    retryable: false,
    retryAfter: 0
  })
}

/** Where whoever publishes a file again goes on. */
const behind = (failure: CliFailure, before: number, of: number): CliFailure =>
  before === 0
    ? failure
    : new CliFailure({ ...failure, what: `${failure.what}\nThe first ${before} of ${of} events are published` })

export const publish = Command.make(
  "publish",
  {
    topic,
    value: Argument.String("value").pipe(
      Argument.withDescription("The payload: the text itself, @file, or - for standard input"),
      Argument.optional,
      Argument.map(Option.getOrUndefined)
    ),
    key: optionalText("key", "Events of one key are in one partition, in order", "text"),
    header: Flags.KeyValuePair("header").pipe(
      Flags.withDescription("A header, may be repeated: --header source=shop"),
      Flags.withMetavar("name=value"),
      Flags.withDefault({} as Record<string, string>)
    ),
    lines: optionalText("lines", "An event for each line of a file, or - for standard input", "file"),
    json: yes("json", "With --lines: each line is an object with value (or base64), and key, headers, occurredAt"),
    partition: optionalInt("partition", "This one, whatever the key is", "n"),
    producer: optionalText(
      "producer",
      "Publish as this producer: what is sent again because an answer was lost is there once",
      "id"
    )
  },
  Effect.fn("Topic.publish")(function* ({ topic: name, value, key, header, lines, json, partition, producer }) {
    const here = yield* invocation
    const shell = yield* Shell
    if ((value === undefined) === (lines === undefined))
      return yield* usage("either a value or --lines has to be given", "Give the payload, or --lines file.")
    if (json && lines === undefined) return yield* usage("--json says what lines are", "Give --lines file, too.")
    const rest: Sent = {
      ...(key === undefined ? {} : { key }),
      ...(Object.keys(header).length === 0 ? {} : { headers: header })
    }
    const text = lines === undefined ? yield* readValue(value!) : yield* readFile(lines)
    const events = lines === undefined ? [JSON.stringify({ ...rest, value: text })] : yield* eventsIn(text, json, rest)
    const broken = json ? 0 : (lines === undefined ? [text] : text.split(/\r?\n/)).filter(isBroken).length
    if (broken > 0)
      yield* shell.progress(
        `note: ${lines === undefined ? "the value begins like JSON and is none" : `${broken} of ${events.length} lines begin like JSON and are none`}; published as text`
      )
    if (events.length === 0) return yield* usage(`${lines} has no events`, "Give an event on each line.")
    const as = producer === undefined ? undefined : yield* opened(here, name, producer, partition ?? 0)
    const placed: Array<Published["placed"][number]> = []
    let sequence = as?.next ?? 0
    let before = 0
    for (const batch of batches(events)) {
      const query = {
        partition: partition ?? (as === undefined ? undefined : 0),
        ...(as === undefined ? {} : { producer, epoch: as.epoch, sequence })
      }
      const asked = { method: "POST", path: pathOf(name, "/events"), query, once: as === undefined } as const
      const { body } = yield* here
        .call({ ...asked, json: `{"events":[${batch.join(",")}]}` })
        .pipe(Effect.mapError((failure) => behind(failure, before, events.length)))
      const done = body as Published
      placed.push(...done.placed)
      if (done.failed.length > 0) return yield* some(done.failed, { of: events.length, before })
      sequence += batch.length
      before += batch.length
      if (shell.errorTerminal && batch.length < events.length)
        yield* shell.live(`${before} of ${events.length} events published`)
    }
    if (shell.errorTerminal) yield* shell.live("")
    const count = placed.reduce((sum, one) => sum + one.count, 0)
    yield* here.emit(
      { topic: name, events: count, placed },
      (paint) =>
        `${paint.green("published")} ${count === 1 ? printable(placed[0]?.id ?? "1 event") : `${count} events in ${new Set(placed.map((one) => one.partition)).size} partition(s)`}`
    )
  })
).pipe(
  Command.withDescription(
    "Publish events to a topic: one, or one for each line of a file. Done when they are as durable as the topic's log"
  ),
  Command.withShortDescription("Publish events to a topic"),
  Command.withExamples([
    { command: `herald topic publish orders '{"total":99.9}' --key o-17`, description: "One event" },
    {
      command: "herald topic publish orders --lines events.ndjson --json",
      description: "As herald topic tail --json prints them"
    },
    {
      command: "tail -f app.log | herald topic publish logs --lines -",
      description: "What comes in, once it has ended"
    }
  ])
)
