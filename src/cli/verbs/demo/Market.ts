/**
 * `herald demo market`: a random market, published until one has seen enough.
 *
 *   DK1  As many events as `--rate` says are published, and fewer while the server does not keep up: at most `WAITING` wait for it.
 *   DK2  When it is ended, what is under way is waited for, and it is said how much was published. What is refused ends it, with the reason.
 *   DK3  A topic that is there and is none of market data is published to only where a person says so.
 */
import * as Context from "effect/Context"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Topics } from "../../../client/topics/Topics.ts"
import type { Topic } from "../../../edge/http/topics/Wire.ts"
import { catalogue } from "../../../errors/Catalogue.ts"
import { type MarketEvent, RandomMarket, USUAL } from "../../../marketdata/RandomMarket.ts"
import { SYMBOL } from "../../../marketdata/ReadTick.ts"
import { parseAddress } from "../../../net/Address.ts"
import { printable } from "../../../text/Printable.ts"
import { PARTITIONS } from "../../../topics/Topic.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"
import { invocation, optionalInt, optionalText, yes } from "../../Globals.ts"
import { refusedBy } from "../../Refused.ts"
import { Shell } from "../../Shell.ts"
import { cutLine } from "../../Table.ts"
import type { Target } from "../../Target.ts"
import { pathOf } from "../topics/Told.ts"

const TOPIC = "market-data/normalized/demo"
const [RATE, MOST_RATE] = [200, 100_000]
const MOST_SYMBOLS = 200
/** Milliseconds between two batches. */
const BEAT = 50
/** Events. DK1 */
const WAITING = 20_000
/** Beats between two lines of what is going on. */
const TOLD = 20

/** gRPC is loaded only by those who publish. */
export const OpenTopics = Context.Reference<(target: Target) => Promise<Topics>>("herald/cli/OpenTopics", {
  defaultValue: () => async (target) => {
    const { Topics } = await import("../../../client/topics/Topics.ts")
    return new Topics({ address: target.grpc, token: target.token, tls: target.tls }, {})
  }
})

interface Counted {
  published: number
  refused: CliFailure | undefined
}

const symbolsOf = (text: string | undefined) => {
  const symbols = text === undefined ? USUAL : [...new Set(text.split(",").map((one) => one.trim()))].filter(Boolean)
  if (symbols.length === 0) return usage("--symbols names none", "Give symbols such as AAPL,BTC-USD, or leave it out.")
  const wrong = symbols.find((one) => !SYMBOL.test(one))
  if (wrong !== undefined) return usage(`${printable(wrong)} is no symbol`, "Give symbols such as AAPL,BTC-USD.")
  return symbols.length > MOST_SYMBOLS
    ? usage(`${symbols.length} symbols are more than ${MOST_SYMBOLS}`, "Give fewer.")
    : symbols
}

/** Below it, unless MARKET_DATA_TOPICS of the server says otherwise, bars are made. */
const NORMALIZED = "market-data/normalized/"

/** What to type meanwhile, and afterwards. */
const nextOf = (topic: string, symbol: string) =>
  topic.startsWith(NORMALIZED)
    ? {
        see: `herald market stream ${symbol}`,
        after: `What Herald makes of it: herald market latest ${symbol}, herald market history ${symbol}`
      }
    : {
        see: `herald topic tail ${topic}`,
        after: `Bars are made of topics below ${NORMALIZED} (MARKET_DATA_TOPICS). The events: herald topic tail ${topic} --from earliest --once`
      }

const OURS = "A random market: herald demo market"

/** The topic, made where there is none. DK3 */
const made = Effect.fnUntraced(function* (topic: string, partitions: number | undefined, yes: boolean) {
  const here = yield* invocation
  const shell = yield* Shell
  const body = {
    name: topic,
    partitions: partitions ?? 4,
    retention: "1d",
    description: OURS
  }
  const asked = yield* Effect.result(here.call({ method: "GET", path: pathOf(topic) }))
  if (asked._tag === "Success") {
    const found = asked.success.body as Topic
    if (partitions !== undefined && partitions !== found.partitions)
      yield* shell.progress(
        `${printable(topic)} is there, with ${found.partitions} partitions: --partitions does nothing`
      )
    if (yes || topic.startsWith(NORMALIZED) || found.description === OURS) return
    const refused = usage(
      `${printable(topic)} is there, and is no topic of market data: nothing was published`,
      "Leave --topic out, or give a name that there is not; if trades are to be among its events, give --yes."
    )
    if (!shell.inputTerminal) return yield* refused
    const answer = yield* shell.ask(
      `${printable(topic)} is there, and is no topic of market data: random trades and quotes will be among its events for good.\nPublish to it? Type yes: `
    )
    if (answer.trim() !== "yes") return yield* refused
    return
  }
  if (asked.failure.code !== catalogue.NoSuchTopic.code) return yield* asked.failure
  yield* here.call({ method: "POST", path: "/v1/topics", body, once: true })
})

const publishing = Effect.fnUntraced(function* (
  topic: string,
  market: RandomMarket,
  { rate, limit, symbols }: { readonly rate: number; readonly limit: number; readonly symbols: ReadonlyArray<string> },
  counted: Counted
) {
  const shell = yield* Shell
  const { target } = yield* invocation
  const address = parseAddress(target.grpc)
  if ("wrong" in address)
    return yield* usage(`${target.grpc} ${address.wrong}`, "Give --grpc or HERALD_GRPC as host:port.")
  const open = yield* OpenTopics
  const topics = yield* Effect.acquireRelease(
    Effect.promise(() => open(target)),
    (topics) => Effect.promise(() => topics.close())
  )
  const id = `herald-demo/${shell.hostname}/${shell.pid}`.slice(0, 128)
  const producer = yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => topics.topic(topic).producer({ id }), catch: (error) => refusedBy(target, error) }),
    (producer) => Effect.promise(() => producer.close())
  )
  let owed = 0
  let drawn = 0
  let closed = false
  for (let beat = 0; drawn < limit; beat++) {
    if (counted.refused !== undefined) return yield* counted.refused
    owed = Math.min(owed + (rate * BEAT) / 1_000, WAITING - producer.waiting, limit - drawn)
    const events: Array<MarketEvent> = []
    const now = BigInt(yield* shell.now) * 1_000_000n
    for (; owed >= 1; owed--) {
      const event = market.next(now)
      if (event !== undefined) events.push(event)
      else closed = true
      drawn++
    }
    if (events.length > 0)
      producer.send(events).then(
        () => {
          counted.published += events.length
        },
        (error: unknown) => {
          counted.refused ??= refusedBy(target, error)
        }
      )
    if (beat % TOLD === 0 && shell.errorTerminal) {
      const prices = symbols.slice(0, 4).map((symbol) => `${symbol} ${market.priceOf(symbol)}`)
      const also = closed ? "  some exchanges are closed" : ""
      const said = `${counted.published} events  ${prices.join("  ")}${also}`
      yield* shell.live(cutLine(printable(said), shell.columns() - 1))
      closed = false
    }
    yield* Effect.sleep(BEAT)
  }
  yield* Effect.promise(() => producer.flush())
  if (counted.refused !== undefined) return yield* counted.refused
})

export const market = Command.make(
  "market",
  {
    topic: Flags.String("topic").pipe(
      Flags.withDescription(`Where it is published; made where there is none. ${TOPIC} unless given`),
      Flags.withMetavar("name"),
      Flags.withDefault(TOPIC)
    ),
    symbols: optionalText("symbols", `With commas between: ${USUAL.join(",")} unless given`, "A,B"),
    rate: optionalInt("rate", `Events a second, 1 to ${MOST_RATE}; ${RATE} unless given`, "n"),
    seed: optionalInt("seed", "The same seed makes the same market, at the same times; random unless given", "n"),
    partitions: optionalInt("partitions", "Of the topic, where it is made: 4 unless given", "n"),
    limit: optionalInt("limit", "End after so many events", "n"),
    hours: yes("hours", "Trade shares only while New York does; coins always"),
    yes: yes("yes", "Don't ask, although the topic is there and is none of market data")
  },
  Effect.fn("Demo.market")(function* ({ topic, symbols: text, rate = RATE, seed, partitions, limit, hours, yes }) {
    const shell = yield* Shell
    const here = yield* invocation
    const symbols = symbolsOf(text)
    if (!Array.isArray(symbols)) return yield* symbols as CliFailure
    if (rate < 1 || rate > MOST_RATE)
      return yield* usage(`--rate ${rate} is not 1 to ${MOST_RATE}`, "Give another rate.")
    const its = seed ?? (yield* shell.now) % 1_000_000
    if (partitions !== undefined && (partitions < 1 || partitions > PARTITIONS))
      return yield* usage(`--partitions ${partitions} is not 1 to ${PARTITIONS}`, "Give another number.")
    yield* made(topic, partitions, yes)
    const { see, after } = nextOf(topic, symbols[0] ?? "")
    yield* shell.progress(
      `publishing a random market to ${topic}, seed ${its}; Ctrl-C ends it. See it in another terminal: ${see}`
    )
    const counted: Counted = { published: 0, refused: undefined }
    const random = new RandomMarket({ symbols, seed: its, hours })
    const options = { rate, limit: limit ?? Number.POSITIVE_INFINITY, symbols }
    yield* Effect.scoped(publishing(topic, random, options, counted)).pipe(
      Effect.ensuring(
        Effect.andThen(
          shell.errorTerminal ? shell.live("") : Effect.void,
          Effect.suspend(() => shell.progress(`${counted.published} events published\n${after}`))
        )
      )
    )
    yield* here.emit({ topic, seed: its, events: counted.published }, (paint) => paint.green("done"))
  })
).pipe(
  Command.withDescription(
    "Publish a random market to a topic: trades and quotes of several symbols as venues tell them, some of which are taken back or corrected. Herald makes " +
      "bars of it. Stays through restarts of the server; Ctrl-C ends it"
  ),
  Command.withShortDescription("Publish a random market"),
  Command.withExamples([
    { command: "herald demo market", description: "Some shares and coins, 200 events a second" },
    { command: "herald demo market --symbols AAPL,BTC-USD --rate 2000 --seed 7", description: "The same each time" },
    { command: "herald market history AAPL", description: "What Herald makes of it" }
  ])
)
