/** `herald route add|list|show|update|enable|disable|delete|test`: rules by which events of topics are routed to other topics. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Route, RouteList, RouteStats } from "../../../edge/http/routes/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { idempotencyKey, invocation, message, optionalInt, optionalText, yes } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import type { Paint } from "../../Paint.ts"
import { facts, TEXT, table, time } from "../../Table.ts"
import { test } from "./Test.ts"

const name = Argument.String("name").pipe(Argument.withDescription("The rule's name (herald route list)"))
const from = Flags.String("from").pipe(
  Flags.withDescription("The topic that it routes from, or a name and /* for all topics below it"),
  Flags.withMetavar("topic")
)
const to = Flags.String("to").pipe(Flags.withDescription("The topic that it routes to"), Flags.withMetavar("topic"))
const condition = optionalText("when", "Only events of which this is true, in CEL, as --filter elsewhere", "condition")
const key = optionalText(
  "key",
  "The key that events get, such as {exchange}:{symbol}; they keep theirs without it",
  "template"
)
const priority = optionalInt("priority", "The rule with the greatest goes first; 0 unless given", "n")
const description = optionalText("description", "What it is for", "text")
const flag = yes
const final = flag("final", "Events that it takes go through no rule behind it")

const pathOf = (route: string, rest = ""): string => `/v1/routes/${segment(route)}${rest}`

const given = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const stateOf = ({ status, error }: Pick<Route, "status" | "error">): string =>
  status === "error" ? `error: ${error}` : status

const factsOf = (found: Route, paint: Paint): string =>
  facts(
    [
      ["from", found.source],
      ["to", found.target],
      ["when", found.condition === "" ? "always" : found.condition],
      ["key", found.key === "" ? "as it is" : found.key],
      ["priority", `${found.priority}${found.final ? ", final" : ""}`],
      ["state", stateOf(found)],
      ["description", found.description],
      ["version", String(found.version)],
      ["created", `${time(found.createdAt)} by ${found.createdBy}`]
    ],
    paint
  )

const add = Command.make(
  "add",
  {
    name: Argument.String("name").pipe(Argument.withDescription("Letters, digits and . _ -")),
    from,
    to,
    when: condition,
    key,
    priority,
    final,
    earliest: flag("earliest", "Begin with the oldest events that there are, instead of those that come now"),
    disabled: flag("disabled", "Route nothing until it is enabled"),
    description,
    message,
    idempotencyKey
  },
  Effect.fn("Route.add")(function* ({ name, from, to, when, earliest, disabled, final, idempotencyKey, ...rest }) {
    const here = yield* invocation
    const more = { condition: when, start: earliest ? "earliest" : undefined, enabled: disabled ? false : undefined }
    const body = given({ name, source: from, target: to, final: final || undefined, ...more, ...rest })
    const made = (yield* here.call({ method: "POST", path: "/v1/routes", body, idempotencyKey })).body as Route
    yield* here.emit(
      made,
      (paint) => `${paint.green("added")} ${paint.bold(printable(made.name))}\n${factsOf(made, paint)}`
    )
  })
).pipe(
  Command.withDescription("Add a rule that routes events of a topic to another one, too"),
  Command.withExamples([
    {
      command: "herald route add big-orders --from 'orders/*' --to big-orders --when 'total > 1000' --key '{customer}'",
      description: "Large orders by customer, to a topic that is there"
    }
  ])
)

const list = Command.make(
  "list",
  {},
  Effect.fn("Route.list")(function* () {
    const here = yield* invocation
    const { routes } = (yield* here.call({ method: "GET", path: "/v1/routes" })).body as RouteList
    yield* here.emit(routes, (paint) =>
      routes.length === 0
        ? "there is no routing rule; make one with herald route add"
        : table(
            routes,
            [
              { title: "RULE", value: (row) => row.name, paint: () => paint.bold },
              { title: "PRIORITY", value: (row) => `${row.priority}${row.final ? " final" : ""}`, right: true },
              { title: "FROM", value: (row) => row.source },
              { title: "TO", value: (row) => row.target },
              { title: "WHEN", value: (row) => (row.condition === "" ? "-" : row.condition), text: TEXT },
              { title: "KEY", value: (row) => (row.key === "" ? "-" : row.key) },
              {
                title: "STATE",
                value: (row) => stateOf(row),
                text: TEXT,
                paint: (row) =>
                  row.status === "active" ? undefined : row.status === "error" ? paint.red : paint.yellow
              }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List the rules, in the order in which events go through them"),
  Command.withExamples([{ command: "herald route list", description: "All of them" }])
)

const show = Command.make(
  "show",
  { name },
  Effect.fn("Route.show")(function* ({ name }) {
    const here = yield* invocation
    const route = (yield* here.call({ method: "GET", path: pathOf(name) })).body as Route
    const stats = (yield* here.call({ method: "GET", path: pathOf(name, "/stats") })).body as RouteStats
    const sums: ReadonlyArray<readonly [string, string]> = [
      ["waits", stats.waits],
      ["behind", stats.lag === 1 ? "1 event" : `${stats.lag} events`],
      ["routed", String(stats.routed)],
      ["skipped", String(stats.skipped)],
      ["refused", String(stats.refused)],
      ["missed", stats.missed === 0 ? "0" : `${stats.missed}: gone before they were routed`],
      ["left out", stats.left.length === 0 ? "" : `${stats.left.join(", ")}: in memory only`]
    ]
    yield* here.emit({ ...route, stats }, (paint) =>
      [
        paint.bold(printable(route.name)),
        factsOf(route, paint),
        facts(sums, paint),
        ...(route.status === "error"
          ? [
              paint.yellow(
                `When what is wrong is mended, turn it on again: herald route enable ${printable(route.name)}`
              )
            ]
          : []),
        ...stats.refusals.map((one) =>
          printable(
            `refused ${one.topic ?? "a topic that is gone"}:${one.partition}:${one.epoch}:${one.offset}: ${one.why}`
          )
        )
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription("Show a rule, how far it is, and what it refused"),
  Command.withExamples([
    { command: "herald route show big-orders", description: "Its source, target, how many events it routed" }
  ])
)

const changed = Effect.fnUntraced(function* (
  name: string,
  body: object,
  done: string,
  idempotencyKey: string | undefined
) {
  const here = yield* invocation
  const now = (yield* here.call({ method: "PATCH", path: pathOf(name), body, idempotencyKey })).body as Route
  yield* here.emit(now, (paint) => `${paint.green(done)} ${paint.bold(printable(now.name))}\n${factsOf(now, paint)}`)
})

const update = Command.make(
  "update",
  {
    name,
    to: optionalText("to", "The topic that it routes to", "topic"),
    when: condition,
    key,
    priority,
    final: flag("final", "Events that it takes go through no rule behind it"),
    notFinal: flag("not-final", "They go through the rules behind it, too"),
    description,
    message,
    idempotencyKey
  },
  Effect.fn("Route.update")(function* ({ name, to, when, final, notFinal, message, idempotencyKey, ...rest }) {
    if (final && notFinal) return yield* usage("--final and --not-final exclude each other", "Give one of them.")
    const change = given({ target: to, condition: when, final: final ? true : notFinal ? false : undefined, ...rest })
    if (Object.keys(change).length === 0)
      return yield* usage(
        "there is nothing to change",
        "Give --to, --when, --key, --priority, --final or --description."
      )
    yield* changed(name, { ...change, ...given({ message }) }, "changed", idempotencyKey)
  })
).pipe(
  Command.withDescription("Change a rule; what is left out stays. --when '' and --key '' take away what was there"),
  Command.withExamples([
    { command: "herald route update big-orders --when 'total > 5000'", description: "Fewer events from now on" }
  ])
)

const enable = Command.make(
  "enable",
  { name, skip: flag("skip", "Go on with what comes now, and leave out what came meanwhile"), message, idempotencyKey },
  Effect.fn("Route.enable")(({ name, skip, message, idempotencyKey }) =>
    changed(name, given({ enabled: true, skip: skip || undefined, message }), "enabled", idempotencyKey)
  )
).pipe(
  Command.withDescription("Turn a rule on, or on again after an error; it goes on where it was"),
  Command.withExamples([{ command: "herald route enable big-orders", description: "Its target is there again" }])
)

const disable = Command.make(
  "disable",
  { name, message, idempotencyKey },
  Effect.fn("Route.disable")(({ name, message, idempotencyKey }) =>
    changed(name, given({ enabled: false, message }), "disabled", idempotencyKey)
  )
).pipe(
  Command.withDescription("Turn a rule off; it keeps its position"),
  Command.withExamples([
    {
      command: "herald route disable big-orders --message 'until the flood is over'",
      description: "It keeps its place"
    }
  ])
)

const remove = Command.make(
  "delete",
  { name, message, idempotencyKey },
  Effect.fn("Route.delete")(function* ({ name, message, idempotencyKey }) {
    const here = yield* invocation
    yield* here.call({
      method: "DELETE",
      path: pathOf(name),
      query: given({ message }) as Record<string, string>,
      idempotencyKey
    })
    yield* here.emit({ deleted: name }, (paint) => `${paint.green("deleted")} ${paint.bold(printable(name))}`)
  })
).pipe(
  Command.withDescription("Delete a rule; what it routed stays"),
  Command.withExamples([{ command: "herald route delete big-orders", description: "For good" }])
)

export const routeVerb = Command.make("route").pipe(
  Command.withDescription("Rules that route events of topics to other topics"),
  Command.withSubcommands([add, list, show, update, enable, disable, remove, test])
)
