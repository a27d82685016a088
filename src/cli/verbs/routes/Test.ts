/** `herald route test`: what the rules would make of an event. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { RouteTest } from "../../../edge/http/routes/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { invocation, optionalText } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { readValue } from "../../Input.ts"
import { TEXT, table } from "../../Table.ts"

const given = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

export const test = Command.make(
  "test",
  {
    topic: Argument.String("topic").pipe(Argument.withDescription("The topic that the event would be published to")),
    value: Argument.String("value").pipe(
      Argument.withDescription("Its payload: the text itself, @file, or - for standard input")
    ),
    key: optionalText("key", "Its key", "key"),
    header: Flags.KeyValuePair("header").pipe(
      Flags.withDescription("A header, may be repeated: --header source=shop"),
      Flags.withMetavar("name=value"),
      Flags.withDefault({} as Record<string, string>)
    )
  },
  Effect.fn("Route.test")(function* ({ topic, value, key, header }) {
    const here = yield* invocation
    const body = given({
      value: yield* readValue(value),
      key,
      headers: Object.keys(header).length === 0 ? undefined : header
    })
    const path = `/v1/topics/${segment(topic)}/route-test`
    const found = (yield* here.call({ method: "POST", path, body })).body as RouteTest
    yield* here.emit(found, (paint) =>
      found.rules.length === 0
        ? `no rule routes from ${printable(topic)}`
        : table(
            found.rules,
            [
              { title: "RULE", value: (row) => row.route, paint: () => paint.bold },
              { title: "PRIORITY", value: (row) => `${row.priority}${row.final ? " final" : ""}`, right: true },
              {
                title: "OUTCOME",
                value: (row) => row.is,
                paint: (row) => (row.is === "routed" ? paint.green : row.is === "error" ? paint.red : paint.yellow)
              },
              { title: "TO", value: (row) => (row.partition === null ? "-" : `${row.target}:${row.partition}`) },
              { title: "KEY", value: (row) => row.key ?? "-" },
              { title: "WHY", value: (row) => row.why, text: TEXT }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("Say what the rules would make of an event; nothing is published"),
  Command.withExamples([
    {
      command: `herald route test orders/eu '{"total": 5000, "customer": "c-1"}'`,
      description: "Which rules take it, and why"
    }
  ])
)
