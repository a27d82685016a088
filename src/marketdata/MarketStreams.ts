/**
 * Market data as it comes, for those who listen: readers of topics, with what they are told as ticks.
 *
 *   MZ1  Whoever listens is told of what `Criteria` says, of the topics that were named or of all with market data that they may read, and of nothing else.
 *   MZ3  That it is live is told once, when all of its topics are. Where one of them ends, all end, with the reason.
 *   MZ4  Who can't take more is not written to by any of its topics but once; each goes on when there is room. BX12
 *   MZ6  When the node leaves, those who listen to market data end, with an error that asks them to come back; other readers of topics are not its own.
 *   MZ7  Who names symbols of which its topics have told nothing so far is told which those are, once, soon after it began, and is not refused. Where that
 *        can't be known, nothing is said.
 *   MZ2 and MZ5 in Decoding.ts
 */
import { Clock, Context, Effect, Layer, Option } from "effect"
import { requireTopic } from "../access/RequireTopic.ts"
import { mayTopic } from "../access/TopicRights.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Gap, Told as Read, Started } from "../fanout/Batch.ts"
import { Fanout } from "../fanout/Fanout.ts"
import type { Overflow, Sink } from "../fanout/Reader.ts"
import type { Start } from "../fanout/Start.ts"
import { counter } from "../telemetry/Metrics.ts"
import { MOST_TOPICS as PAGE, TopicStore } from "../topics/TopicStore.ts"
import { coveredBy } from "./Covered.ts"
import { type Criteria, filterOf } from "./Criteria.ts"
import { type Data, Decoding } from "./Decoding.ts"
import { Distributed } from "./Distributed.ts"
import { MarketStore } from "./MarketStore.ts"

/** In which it has to be known which symbols nothing was told of. MZ7 */
const PATIENCE = "2 seconds"
/** Topics of one listener. */
export const MOST_TOPICS = 16

export type Told =
  | Data
  | (Gap & { readonly topic: string })
  | (Started & { readonly topic: string })
  | { readonly kind: "live" }
  /** MZ7 */
  | { readonly kind: "unheard"; readonly symbols: ReadonlyArray<string> }

/** As `Sink` of readers. */
export interface Listener {
  readonly write: (told: Told) => boolean
  readonly drained: Sink["drained"]
  readonly end: Sink["end"]
}

export interface Wish {
  readonly criteria: Criteria
  /** None: all with market data. */
  readonly topics: ReadonlyArray<string>
  /** Where the partitions of a topic begin. */
  readonly start: (topic: string) => Start
  readonly overflow: Overflow
}

export class MarketStreams extends Context.Service<
  MarketStreams,
  {
    /** Gives what closes it. Fails `InvalidInput`, `NoMarketData`, and as `Fanout.open`. MZ1 */
    readonly open: (wish: Wish, listener: Listener) => Effect.Effect<() => void, HeraldError>
    /** Ends all and refuses new ones. MZ6 */
    readonly drain: Effect.Effect<void>
  }
>()("herald/marketdata/MarketStreams") {
  static readonly layer = (options: { readonly topics: ReadonlyArray<string> }) =>
    Layer.effect(MarketStreams, make(options))
}

const invalid = (message: string) => failure("InvalidInput", message)

const leaving = () => failure("Draining", "this server is leaving: go on with another")

/** One listener's readers. */
class Several {
  readonly #listener: Listener
  readonly #decoding: Decoding
  readonly #closes: Array<() => void> = []
  readonly #waiting: Array<() => void> = []
  #notLive: number
  over = false

  readonly #first: (data: Data) => void
  readonly #left: (one: Several) => void

  /** `first`: called with what nobody was told before; `left`: when it is over. */
  constructor(
    listener: Listener,
    topics: number,
    decoding: Decoding,
    { first, left }: { readonly first: (data: Data) => void; readonly left: (one: Several) => void }
  ) {
    this.#listener = listener
    this.#first = first
    this.#left = left
    this.#decoding = decoding
    this.#notLive = topics
  }

  of(topic: string): Sink {
    return {
      write: (told) => this.over || this.#write(topic, told),
      drained: (then) => {
        this.#waiting.push(then)
        if (this.#waiting.length > 1) return
        this.#listener.drained(() => {
          for (const each of this.#waiting.splice(0)) each() // MZ4
        })
      },
      end: (error) => this.end(error)
    }
  }

  end(error: HeraldError): void {
    if (this.over) return
    this.close()
    this.#listener.end(error) // MZ3
  }

  #write(topic: string, told: Read): boolean {
    switch (told.kind) {
      case "batch":
        return this.#batch(this.#decoding.of(topic, told))
      case "live":
        this.#notLive--
        return this.#notLive > 0 || this.#listener.write(told) // MZ3
      case "filtered":
        return true
      default:
        return this.#listener.write({ ...told, topic })
    }
  }

  #batch(data: Data): boolean {
    if (data.ticks.length > 0 && data.notified.count++ === 0) this.#first(data) // MO1
    return this.#listener.write(data)
  }

  /** MZ7 */
  unheard(symbols: ReadonlyArray<string>): void {
    if (!this.over) this.#listener.write({ kind: "unheard", symbols })
  }

  opened(close: () => void): void {
    if (this.over) close()
    else this.#closes.push(close)
  }

  close(): void {
    this.over = true
    this.#left(this)
    for (const close of this.#closes.splice(0)) close()
  }
}

const make = Effect.fnUntraced(function* ({ topics: patterns }: { readonly topics: ReadonlyArray<string> }) {
  const fanout = yield* Fanout
  const store = yield* TopicStore
  const market = yield* MarketStore
  const { prefix, covers } = coveredBy(patterns)
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  const distributed = yield* Distributed
  const listening = new Set<Several>()
  let draining = false
  const decoding = new Decoding(() => skippedTotal.updateUnsafe(1, context))

  const first = (data: Data): void => {
    data.notified.at = clock.currentTimeMillisUnsafe()
    distributed.note(data)
  }

  /** MZ1 */
  const topicsFor = Effect.fnUntraced(function* (asked: ReadonlyArray<string>) {
    const identity = yield* requireTopic("topics.read", undefined)
    if (asked.length > MOST_TOPICS) return yield* invalid(`topics: ${asked.length} are more than ${MOST_TOPICS}`)
    if (asked.length > 0) return [...new Set(asked)]
    const found: Array<string> = []
    for (let after = "", more = true; more && found.length <= MOST_TOPICS; ) {
      const page = yield* store.list(prefix, after, PAGE)
      for (const { name } of page.topics) if (covers(name) && mayTopic(identity, "topics.read", name)) found.push(name)
      after = page.topics.at(-1)?.name ?? after
      more = page.more
    }
    if (found.length === 0)
      return yield* failure(
        "NoMarketData",
        `there is no topic with market data (MARKET_DATA_TOPICS: ${patterns.join(",")}) that ${identity.name} may read`
      )
    if (found.length > MOST_TOPICS)
      return yield* invalid(
        `topics: more than ${MOST_TOPICS} have market data, such as ${found[0]}: name those that are meant`
      )
    return found
  })

  /** MZ7 */
  const unheard = (symbols: ReadonlyArray<string>, topics: ReadonlyArray<string>) =>
    Effect.timeoutOption(market.heard(symbols, topics), PATIENCE).pipe(
      Effect.map((found) => {
        const heard = Option.getOrUndefined(found)
        return heard === undefined ? [] : symbols.filter((symbol) => !heard.includes(symbol))
      }),
      Effect.orElseSucceed((): ReadonlyArray<string> => [])
    )

  const open = Effect.fn("MarketStreams.open")(function* (
    { criteria, topics: asked, start, overflow }: Wish,
    listener: Listener
  ) {
    const made = filterOf(criteria)
    if ("wrong" in made) return yield* invalid(made.wrong)
    const { filter } = made
    const topics = yield* topicsFor(asked)
    if (draining) return yield* leaving()
    const several = new Several(listener, topics.length, decoding, { first, left: (one) => listening.delete(one) })
    listening.add(several)
    const each = Effect.forEach(
      topics,
      (topic) => {
        const wish = { topic, start: start(topic), partitions: [], filter, fields: [], overflow, unpacks: false }
        return Effect.map(fanout.open(wish, several.of(topic)), (close) => several.opened(close))
      },
      { discard: true }
    )
    // Who may not read one of them was refused by now.
    const all = Effect.gen(function* () {
      yield* each
      if (criteria.symbols.length === 0) return
      const symbols = yield* unheard([...new Set(criteria.symbols)], topics)
      if (symbols.length > 0) several.unheard(symbols)
    })
    yield* Effect.onError(all, () => Effect.sync(() => several.close()))
    return () => several.close()
  })

  const drain = Effect.sync(() => {
    draining = true
    for (const one of [...listening]) one.end(leaving()) // MZ6
  })

  return MarketStreams.of({ open, drain })
})

const skippedTotal = counter(
  "herald_market_stream_skipped_total",
  "events of topics that listeners of market data were not told, as they are no ticks"
)
