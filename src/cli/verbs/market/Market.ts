/**
 * `herald market symbols|latest|history|stream`: what Herald makes of trades and quotes.
 *
 *   HW1  Prices and sizes are shown digit by digit. Where there is more than was asked for, it is said how to go on.
 *   HW2  Bars without a time are the newest that there are, although nothing was traded of late: they end with the last trade.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { History, Latest, List } from "../../../edge/http/marketdata/Wire.ts"
import { INTERVALS, WIDTH } from "../../../marketdata/Calendar.ts"
import { SESSION_CHOICES } from "../../../marketdata/Series.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { invocation, optionalInt, optionalText } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { Shell } from "../../Shell.ts"
import { table } from "../../Table.ts"
import { stream } from "./Stream.ts"
import { millisOf } from "./Times.ts"
import { barsOf, latestOf } from "./Told.ts"

/** Of one request. */
const PAGE = 1_000
/** Bars, and symbols, of one run. */
const [USUAL, MOST] = [60, 100_000]

const symbol = Argument.String("symbol").pipe(
  Argument.withDescription("As the feed writes it: AAPL is not aapl (herald market symbols)")
)
const oneOf = <const A extends ReadonlyArray<string>>(name: string, values: A, description: string) =>
  Flags.Literals(name, values).pipe(
    Flags.withDescription(description),
    Flags.optional,
    Flags.map(Option.getOrUndefined)
  )
const exchange = optionalText("exchange", "Only of this one; all that there are unless given", "name")
const topic = optionalText("topic", "Only of this one; all that you may read unless given", "name")
const session = oneOf("session", SESSION_CHOICES, "Hours of the venue: all unless given")

const pathOf = (symbol: string, rest: string): string => `/v1/market-data/${segment(symbol)}/${rest}`

const symbols = Command.make(
  "symbols",
  {
    prefix: Argument.String("prefix").pipe(
      Argument.withDescription("Only symbols that begin with it"),
      Argument.withDefault("")
    ),
    topic
  },
  Effect.fn("Market.symbols")(function* ({ prefix, topic }) {
    const here = yield* invocation
    const found: Array<(typeof List.Type)["data"][number]> = []
    let cursor: string | undefined
    do {
      const query = { prefix, topic, limit: PAGE, cursor }
      const page = (yield* here.call({ method: "GET", path: "/v1/market-data", query })).body as typeof List.Type
      found.push(...page.data)
      cursor = page.cursor ?? undefined
    } while (cursor !== undefined && found.length < MOST)
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? `there is no market data${prefix === "" ? "" : ` of symbols that begin with ${printable(prefix)}`}; herald demo market makes some`
        : table(
            found,
            [
              { title: "SYMBOL", value: (row) => row.symbol, paint: () => paint.bold },
              { title: "EXCHANGE", value: (row) => row.exchange }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List the symbols of which there are trades, and their exchanges"),
  Command.withExamples([
    { command: "herald market symbols", description: "All that you may read" },
    { command: "herald market symbols BTC-", description: "Those that begin with BTC-" }
  ])
)

const latest = Command.make(
  "latest",
  { symbol, exchange, topic, session },
  Effect.fn("Market.latest")(function* ({ symbol, ...query }) {
    const here = yield* invocation
    const found = (yield* here.call({ method: "GET", path: pathOf(symbol, "latest"), query })).body as Latest
    yield* here.emit(found, (paint) => latestOf(found, paint))
  })
).pipe(
  Command.withDescription(
    "Show what was traded last, the newest quote there, how old it is, and whether that is too old"
  ),
  Command.withShortDescription("Show what was traded last"),
  Command.withExamples([
    { command: "herald market latest AAPL", description: "On whichever exchange was last" },
    {
      command: "herald market latest AAPL --session regular --output json",
      description: "For a program: prices are texts"
    }
  ])
)

const timeOf = Effect.fnUntraced(function* (name: string, text: string | undefined) {
  if (text === undefined) return undefined
  const shell = yield* Shell
  const millis = millisOf(text, yield* shell.now)
  return typeof millis === "number"
    ? millis
    : yield* usage(
        `--${name}: ${millis}`,
        `Write it as --${name} 2026-01-31T09:30:00Z, or --${name} 90m for 90 minutes ago.`
      )
})

/** The same command, going on behind what was shown. */
const goingOn = (symbol: string, flags: Readonly<Record<string, string | number | undefined>>): string =>
  [
    "herald market history",
    symbol,
    ...Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]))
  ].join(" ")

const history = Command.make(
  "history",
  {
    symbol,
    start: optionalText(
      "start",
      "From then on: a time, or how long ago, such as 90m; unless given as many bars as fit before --end, or before the last trade",
      "time"
    ),
    end: optionalText("end", "Until then, which is not in it; now, or the last trade, unless given", "time"),
    interval: oneOf("interval", INTERVALS, "Of one bar: 1m unless given"),
    limit: optionalInt("limit", `At most so many bars, 1 to ${MOST}; ${USUAL} unless given`, "n"),
    cursor: optionalText("cursor", "Go on where an answer ended", "text"),
    fill: oneOf("fill", ["none", "previous"], "previous: flat bars where nothing was traded; none unless given"),
    session,
    exchange,
    topic
  },
  Effect.fn("Market.history")(function* ({ symbol, start, end, interval = "1m", limit = USUAL, cursor, ...rest }) {
    const here = yield* invocation
    const shell = yield* Shell
    if (limit < 1 || limit > MOST) return yield* usage(`--limit ${limit} is not 1 to ${MOST}`, "Give another one.")
    if (cursor !== undefined && start !== undefined)
      return yield* usage("--cursor says where to begin, and so does --start", "Leave one of them out.")
    const until = yield* timeOf("end", end)
    const from = yield* timeOf("start", start)
    const before = cursor === undefined && from === undefined && limit > PAGE
    const barsUntil = Effect.fnUntraced(function* (until: number | undefined) {
      const first = before ? (until ?? (yield* shell.now)) - limit * WIDTH[interval] : from
      let found: History | undefined
      let at = cursor
      do {
        const had: number = found?.count ?? 0
        const query = {
          ...{ interval, limit: Math.min(PAGE, limit - had), cursor: at, ...rest },
          ...{ start_time: at === undefined ? first : undefined, end_time: until }
        }
        const page = (yield* here.call({ method: "GET", path: pathOf(symbol, "history"), query })).body as History
        found = { ...page, data: [...(found?.data ?? []), ...page.data], count: had + page.count }
        at = page.cursor ?? undefined
        if (limit > PAGE && shell.errorTerminal) yield* shell.live(`${found.count} bars`)
      } while (at !== undefined && found.count < limit)
      if (limit > PAGE && shell.errorTerminal) yield* shell.live("")
      return found
    })
    let all = yield* barsUntil(until)
    // On a Saturday the newest bars are Friday's. HW2
    if (cursor === undefined && from === undefined && until === undefined && all.count < limit) {
      const { exchange, topic, session } = rest
      const query = { exchange, topic, session }
      const newest = yield* Effect.option(here.call({ method: "GET", path: pathOf(symbol, "latest"), query }))
      const traded = newest._tag === "None" ? Number.NaN : Date.parse((newest.value.body as Latest).timestamp)
      const width = WIDTH[interval]
      if (traded < (yield* shell.now) - width) all = yield* barsUntil((Math.floor(traded / width) + 1) * width)
    }
    const next = goingOn(symbol, {
      interval,
      limit,
      ...rest,
      end: until === undefined ? undefined : new Date(until).toISOString(),
      cursor: all.cursor ?? undefined
    })
    yield* here.emit(all, (paint) =>
      all.count === 0
        ? `there are no bars of ${printable(symbol)} then; see herald market latest ${printable(symbol)}`
        : [
            barsOf(all.data, paint, here.room),
            ...(all.has_more ? [paint.dim(`there are more: ${printable(next)}`)] : [])
          ].join("\n")
    )
  })
).pipe(
  Command.withDescription(
    "Show bars of a symbol, in the order of their time. One that is not final may change, and one that is does so where a trade comes late"
  ),
  Command.withShortDescription("Show bars of a symbol"),
  Command.withExamples([
    { command: "herald market history AAPL", description: "The last hour by the minute" },
    {
      command: "herald market history AAPL --start 2026-01-05 --end 2026-01-31 --interval 1d --session regular",
      description: "Days of a month"
    },
    {
      command: "herald market history BTC-USD --start 7d --interval 1h --limit 1000 --output json",
      description: "A week by the hour, for a program: prices are texts, has_more and cursor say how to go on"
    }
  ])
)

export const marketVerb = Command.make("market").pipe(
  Command.withDescription("Look at market data: what was traded last, bars, and trades and quotes as they come"),
  Command.withShortDescription("Trades, quotes and bars"),
  Command.withSubcommands([symbols, latest, history, stream])
)
