/** `herald topic tail`: the events of a topic, and each new one as it comes. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Event, Events } from "../../../edge/http/topics/EventWire.ts"
import { printable } from "../../../text/Printable.ts"
import { render } from "../../CliFailure.ts"
import { invocation, optionalInt, optionalText, yes } from "../../Globals.ts"
import { disconnectedText } from "../../Refused.ts"
import { Shell } from "../../Shell.ts"
import { sinceText } from "../../Since.ts"
import { followTopic } from "./Follow.ts"
import { gapText } from "./Gaps.ts"
import { jsonLine, line, pathOf, topic } from "./Told.ts"

const PAGE = 1_000
/** Milliseconds that the server waits for an event, and that an answer may take. */
const [WAIT, ANSWER] = [10_000, 25_000]

const namesIn = (fields = ""): ReadonlyArray<string> =>
  fields
    .split(",")
    .map((field) => field.trim())
    .filter(Boolean)

export const tail = Command.make(
  "tail",
  {
    topic,
    from: optionalText(
      "from",
      "earliest, latest (unless given), a message id, a time such as 2026-11-27T06:00:00Z, or how long ago, such as 5m",
      "where"
    ),
    filter: optionalText(
      "filter",
      "Only events that it takes: CEL, such as 'price > 100.0 && exchange == \"NASDAQ\"'",
      "cel"
    ),
    fields: optionalText("fields", "Of JSON payloads only these fields, with commas between", "names"),
    partition: optionalInt("partition", "Only this one", "n"),
    keys: yes("keys", "Only the keys of events, without what they carry"),
    json: yes("json", "As --output json: an object a line"),
    limit: optionalInt("limit", "End after so many events", "n"),
    once: yes("once", "End with what there is, and don't wait for more")
  },
  Effect.fn("Topic.tail")(function* ({
    topic: name,
    from: said = "latest",
    filter,
    fields,
    partition,
    keys,
    json,
    limit,
    once
  }) {
    const shell = yield* Shell
    const here = yield* invocation
    const from = sinceText(said, yield* shell.now)
    const show = (event: Event) => {
      if (json || here.format === "json") return shell.out(jsonLine(event, keys))
      const { value: _, base64: __, ...bare } = event
      return here.emitNext(keys ? bare : event, (paint) => line(event, keys, paint))
    }
    if (filter !== undefined || fields !== undefined) {
      const following = { topic: name, from, partition, filter: filter ?? "", fields: namesIn(fields), once }
      return yield* followTopic(here.target, { ...following, limit: limit ?? Number.POSITIVE_INFINITY }, show)
    }
    let at = from
    let left = limit ?? Number.POSITIVE_INFINITY
    let [connected, down] = [false, false]
    while (left > 0) {
      const query = { from: at, partition, limit: Math.min(PAGE, left), wait: once ? 0 : WAIT, as: "text" }
      const asked = yield* Effect.result(
        here.call({ method: "GET", path: pathOf(name, "/events"), query, timeout: ANSWER })
      )
      if (asked._tag === "Failure") {
        // At `latest` nobody knows yet from where to go on.
        if (!asked.failure.retryable || once || at === "latest") return yield* asked.failure
        const { code, title, what } = asked.failure
        const short = `disconnected: ${printable(disconnectedText({ code, message: code === "" ? title : what }))}`
        const said = connected ? short : render(asked.failure, here.errorPaint)
        if (!down) yield* shell.progress(`${said}\nwaiting for it …`)
        down = true
        yield* Effect.sleep("1 second")
        continue
      }
      if (down) yield* shell.progress("connected again")
      ;[connected, down] = [true, false]
      const page = asked.success.body as Events
      for (const gap of page.gaps)
        yield* shell.progress(gapText({ partition: gap.partition }, gap.from, gap.to, gap.why))
      for (const event of page.events) yield* show(event)
      left -= page.events.length
      at = page.next
      if (once && page.live) return
    }
  })
).pipe(
  Command.withDescription(
    "Print the events of a topic, and each new one as it comes. Stays through restarts of the server; Ctrl-C ends it"
  ),
  Command.withShortDescription("See events as they come"),
  Command.withExamples([
    { command: "herald topic tail orders", description: "What is new from now on" },
    {
      command: "herald topic tail orders --from earliest --once --json > events.ndjson",
      description: "All that there is, for a program"
    },
    {
      command: "herald topic tail ticks --filter 'price > 100.0' --fields symbol,price",
      description: "Some events, and of them some fields; over gRPC"
    },
    {
      command: "herald topic tail orders --from 2026-11-27T06:00:00Z --keys",
      description: "Since a time, only the keys"
    },
    { command: "herald topic tail orders --from 5m", description: "The last five minutes, and what comes" }
  ])
)
