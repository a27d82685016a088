/** `herald market stream`: trades and quotes as they come. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type {
  DataType,
  Overflow,
  StreamMarketDataRequest
} from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { KINDS } from "../../../marketdata/Criteria.ts"
import { usage } from "../../CliFailure.ts"
import { invocation, optionalInt, optionalText, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { followMarket } from "./Follow.ts"
import { millisOf } from "./Times.ts"
import { type Came, lineOf } from "./Told.ts"
import { sayUnheard } from "./Unheard.ts"

/** For which symbols there are, where nothing is waited for. */
const PATIENCE = "5 seconds"
const OVERFLOWS = ["block", "conflate", "drop-oldest"] as const

const names = (name: string, description: string) => optionalText(name, `${description}, with commas between`, "A,B")
const namesIn = (text = ""): Array<string> => [
  ...new Set(
    text
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean)
  )
]

/** Where to begin; undefined: with what comes from now on. */
const startOf = Effect.fnUntraced(function* (from: string | undefined) {
  if (from === undefined || from === "latest") return undefined
  if (from === "earliest") return { $case: "earliest" as const, value: true }
  const shell = yield* Shell
  const millis = millisOf(from, yield* shell.now)
  if (typeof millis === "string")
    return yield* usage(`--from: ${millis}`, "Give earliest, latest, a time, or how long ago: 15m.")
  return { $case: "timeMs" as const, value: BigInt(millis) }
})

export const stream = Command.make(
  "stream",
  {
    symbols: Argument.String("symbol").pipe(
      Argument.withDescription("Which, at most 64; all unless given (herald market symbols)"),
      Argument.variadic()
    ),
    exchange: names("exchange", "Only of these"),
    type: names("type", `Only these of ${KINDS.join(", ")}`),
    currency: names("currency", "Only in these"),
    minPrice: optionalText("min-price", "Trades of at least that, quotes with a side of that", "decimal"),
    maxPrice: optionalText("max-price", "Trades of at most that, quotes with a side of that", "decimal"),
    minVolume: optionalText("min-volume", "Trades of at least that size", "decimal"),
    topic: names("topic", "Only of these topics; all with market data unless given"),
    from: optionalText("from", "earliest, latest (unless given), a time, or how long ago: 15m", "where"),
    overflow: Flags.Literals("overflow", OVERFLOWS).pipe(
      Flags.withDescription(
        "While this is slower than the market: block (unless given) gets all, later; conflate the newest of each symbol"
      ),
      Flags.optional,
      Flags.map(Option.getOrUndefined)
    ),
    json: yes("json", "As --output json: an object a line"),
    limit: optionalInt("limit", "End after so many", "n"),
    once: yes("once", "End with what there is, and don't wait for more")
  },
  Effect.fn("Market.stream")(function* ({ symbols, json, limit, once, ...asked }) {
    const here = yield* invocation
    const shell = yield* Shell
    const kinds = namesIn(asked.type).map((one) => KINDS.indexOf(one as (typeof KINDS)[number]) + 1)
    if (kinds.includes(0)) return yield* usage(`--type: ${asked.type} is none`, `Give one of ${KINDS.join(", ")}.`)
    if (limit !== undefined && limit < 1) return yield* usage("--limit is 1 or more", "Give another one.")
    const request: StreamMarketDataRequest = {
      ...{
        symbols: symbols.flatMap(namesIn),
        dataTypes: kinds as ReadonlyArray<number> as Array<DataType>,
        topics: namesIn(asked.topic)
      },
      filter: {
        ...{ exchanges: namesIn(asked.exchange), currencies: namesIn(asked.currency) },
        ...{ minPrice: asked.minPrice ?? "", maxPrice: asked.maxPrice ?? "", minVolume: asked.minVolume ?? "" }
      },
      overflow: OVERFLOWS.indexOf(asked.overflow ?? "block") as Overflow,
      start: yield* startOf(asked.from)
    }
    const show = (came: Came) =>
      json ? shell.out(JSON.stringify(came)) : here.emitNext(came, (paint) => lineOf(came, paint))
    const unheard = sayUnheard(request.symbols)
    yield* once ? Effect.timeoutOption(unheard, PATIENCE) : Effect.forkChild(unheard)
    yield* followMarket(here.target, { request, limit: limit ?? Number.POSITIVE_INFINITY, once }, show)
  })
).pipe(
  Command.withDescription(
    "Print trades and quotes as they come, over gRPC. Stays through restarts of the server; Ctrl-C ends it"
  ),
  Command.withShortDescription("See trades and quotes as they come"),
  Command.withExamples([
    { command: "herald market stream AAPL MSFT", description: "Two symbols, from now on" },
    {
      command: "herald market stream BTC-USD --type trade --min-volume 0.5 --from 15m",
      description: "Larger trades of the last quarter of an hour, and new ones"
    },
    {
      command: "herald market stream --exchange NASDAQ --from earliest --once --json > ticks.ndjson",
      description: "All that there is of one exchange, for a program"
    }
  ])
)
