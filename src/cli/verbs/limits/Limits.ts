/** `herald limits show`: what limits whoever asks, and what is used of it. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Limits } from "../../../edge/http/limits/Wire.ts"
import { env, invocation } from "../../Globals.ts"
import { table } from "../../Table.ts"

interface Row {
  readonly limit: string
  readonly of: string
  readonly used: string
  readonly most: string
}

const shown = (of: number | null): string => (of === null ? "not told" : String(of))

const rowsOf = ({ principal, environment, rates, streams, keys, bytes }: Limits): ReadonlyArray<Row> => [
  ...rates.map(({ limit, requestsPerSecond, burst, left }) => ({
    limit: limit.replace(/^principal/, "requests"),
    of: principal,
    used: `${burst - left} of ${burst} at once`,
    most: `${requestsPerSecond} a second`
  })),
  {
    limit: "streams",
    of: principal,
    used: String(streams.ofPrincipal.used),
    most: `${streams.ofPrincipal.limit} a node`
  },
  ...(streams.ofEnvironment === null
    ? []
    : [
        {
          limit: "streams",
          of: environment,
          used: String(streams.ofEnvironment.used),
          most: `${streams.ofEnvironment.limit} a node`
        }
      ]),
  { limit: "keys", of: environment, used: shown(keys.used), most: String(keys.limit) },
  { limit: "bytes", of: environment, used: shown(bytes.used), most: String(bytes.limit) }
]

const show = Command.make(
  "show",
  { env },
  Effect.fn("Limits.show")(function* ({ env }) {
    const here = yield* invocation
    const query = { environment: here.environment(env) }
    const { body } = yield* here.call({ method: "GET", path: "/v1/limits", query })
    const found = body as Limits
    yield* here.emit(found, (paint) =>
      table(
        rowsOf(found),
        [
          { title: "LIMIT", value: ({ limit }) => limit, paint: () => paint.bold },
          { title: "OF", value: ({ of }) => of },
          { title: "USED", value: ({ used }) => used, right: true },
          { title: "MOST", value: ({ most }) => most, right: true }
        ],
        paint,
        here.room
      )
    )
  })
).pipe(
  Command.withDescription("Show what limits this token in an environment, and what is used of it"),
  Command.withExamples([
    { command: "herald limits show --env production", description: "Requests, streams, keys, bytes" }
  ])
)

export const limits = Command.make("limits").pipe(
  Command.withDescription("See limits and quotas, and what is used of them"),
  Command.withSubcommands([show])
)
