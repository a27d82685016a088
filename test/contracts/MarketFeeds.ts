/** What partitions and topics tell of the same symbol, in every store of market data: part of `marketContract`. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { SESSIONS } from "../../src/marketdata/Calendar.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import type { PlacedQuote } from "../../src/marketdata/Gathering.ts"
import { INSTRUMENTS, MarketStore, SHARE, TELLING } from "../../src/marketdata/MarketStore.ts"
import type { Projection } from "../../src/marketdata/Projection.ts"
import { fresh } from "../support/fresh.ts"
import { SECOND, TEN, trade } from "../support/Trades.ts"
import { of, partition, projection, symbol, type Test } from "./MarketStores.ts"

const quote = (of: string, exchange: string): PlacedQuote => ({
  ...{ kind: "quote", symbol: of, exchange, currency: "", tsEvent: TEN, tsRecv: 0n, sequence: 0n, epoch: 1, offset: 0 },
  ...{ bid: undefined, ask: undefined }
})

/** A topic of its own that has told of these. */
const told = Effect.fnUntraced(function* (name: string, more: Partial<Projection>, at = partition()) {
  const { write } = yield* MarketStore
  assert.strictEqual((yield* write(projection({ partition: at, name, ...more }))).is, "written")
  return at
})

const volumes = (of: string, topics: ReadonlyArray<string>, exchanges = ["KRAKEN"]) =>
  Effect.gen(function* () {
    const { bars } = yield* MarketStore
    const query = { symbol: of, topics, exchanges, interval: "1d", sessions: SESSIONS } as const
    const rows = yield* bars(query, { from: 0, until: 4_000_000_000_000, limit: 9 })
    return rows.map(({ bar }) => `${decimalText(bar.volume)} ${bar.trades}`)
  })

export const marketFeeds = (test: Test) => {
  test("MX5 what is read of a symbol is of the topics that are asked for, together, and of no other", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [name, under] = [symbol(), fresh("md")]
      const on = (id: string, seconds: bigint, price: bigint) =>
        trade({ symbol: name, id, price, epoch: 1, tsEvent: TEN + seconds * SECOND })
      yield* told(`${under}/a`, { ...of([on("a", 0n, 10n), on("b", 2n, 30n)]), watermark: 5n })
      yield* told(`${under}/b`, { ...of([on("c", 1n, 99n), on("d", 3n, 20n)]), watermark: 3n })
      yield* told(`${under}c`, { ...of([on("e", 9n, 1n)]), quotes: [quote(name, "KRAKEN")] })
      const anywhere = { symbol: name, exchange: undefined, trust: [] }
      for (const [topics, all, latest, watermark] of [
        [[`${under}/a`], "2 2", "b", 5n],
        [[`${under}/b`], "2 2", "d", 3n],
        [[`${under}/*`], "4 4", "d", 3n],
        [[`${under}/b`, `${under}/a`, `${under}/*`], "4 4", "d", 3n],
        [["*"], "5 5", "e", undefined]
      ] as const) {
        assert.deepStrictEqual(yield* volumes(name, topics), [all], topics.join())
        const found = yield* store.latest({ symbol: name, topics }, ["KRAKEN"])
        assert.deepStrictEqual(
          found.trades.map(({ id }) => id),
          [latest]
        )
        assert.lengthOf(found.quotes, topics[0] === "*" ? 1 : 0)
        const told = yield* store.told({ ...anywhere, topics })
        assert.deepStrictEqual(new Set(told.flatMap(({ exchanges }) => exchanges)), new Set(["KRAKEN"]))
        const marks = told.map((one) => one.watermark)
        assert.strictEqual(
          marks.includes(undefined) ? undefined : marks.toSorted((a, b) => Number(a! - b!))[0],
          watermark
        )
      }
      const query = { symbol: name, topics: [`${under}/*`], exchanges: ["KRAKEN"] } as const
      const [minute] = yield* store.bars(
        { ...query, interval: "1m", sessions: SESSIONS },
        { from: 0, until: 4_000_000_000_000, limit: 9 }
      )
      const { open, close, high, low } = minute!.bar
      assert.deepStrictEqual([open?.price, high, low, close?.price, minute?.revision], [10n, 99n, 10n, 20n, 2])
      for (const topics of [[], [under], [`${under}/`], [`${under}/a/*`], [`${under}/%`], [`${under}/_`]]) {
        assert.deepStrictEqual(yield* volumes(name, topics), [], topics.join())
        assert.deepStrictEqual(yield* store.told({ ...anywhere, topics }), [], topics.join())
        assert.deepStrictEqual(yield* store.latest({ symbol: name, topics }, ["KRAKEN"]), { trades: [], quotes: [] })
        assert.deepStrictEqual(yield* store.listed({ topics, prefix: "", after: undefined, limit: 9 }), [])
      }
    }))

  test("MX5 what one partition puts in the place of its minute, or forgets, is nothing of another one", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [name, topic] = [symbol(), partition().topic]
      const on = (id: string, offset: number) => trade({ symbol: name, id, offset, epoch: 1 })
      const theirs = yield* told("theirs", of([on("a", 0), on("b", 1)]))
      yield* told("mine", {}, { topic, partition: 0 })
      yield* told("mine", of([on("c", 2)]), { topic, partition: 1 })
      const [minute] = of([on("c", 0)]).bars
      const key = { symbol: name, exchange: "KRAKEN" }
      const EMPTIED = { ...minute!, bar: { ...minute!.bar, trades: 0, volume: { unscaled: 0n, scale: 0 } } }
      const from = { epoch: 1, offset: 0 }
      yield* store.write(
        projection({
          ...{
            partition: { topic, partition: 0 },
            name: "mine",
            from,
            to: { epoch: 1, offset: 1 },
            instead: [EMPTIED]
          },
          again: of([on("c", 0)]).bars.map((bar) => ({ ...bar, end: bar.start + 86_400_000 })),
          forgotten: [{ ...key, session: "regular" }]
        })
      )
      assert.deepStrictEqual(yield* volumes(name, ["*"]), ["3 3"])
      assert.deepStrictEqual(yield* volumes(name, ["theirs"]), ["2 2"])
      const { trades } = yield* store.latest({ symbol: name, topics: ["*"] }, ["KRAKEN"])
      assert.deepStrictEqual(
        trades.map(({ id }) => id),
        ["c"]
      )
      assert.deepInclude(yield* store.cursor(theirs), { epoch: 1, offset: 0 })
    }))

  test("MX5 an exchange is found by its name among however many others, and lists have what was asked for, in pages", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [name, under] = [symbol(), fresh("md")]
      const many = Array.from({ length: 40 }, (_, n) => `A${String(n).padStart(2, "0")}`)
      yield* told(`${under}/eve`, { quotes: many.map((exchange) => quote(name, exchange)) })
      yield* told(`${under}/ann`, { ...of([trade({ symbol: name, exchange: "NASDAQ", epoch: 1 })]), watermark: 1n })
      const exchanges = (topics: ReadonlyArray<string>, exchange?: string) =>
        Effect.map(store.told({ symbol: name, topics, exchange, trust: [] }), (all) =>
          all.map(({ topic, exchanges }) => [topic.slice(under.length), ...exchanges])
        )
      assert.deepStrictEqual(yield* exchanges([`${under}/ann`]), [["/ann", "NASDAQ"]])
      assert.deepStrictEqual(yield* exchanges(["*"], "NASDAQ"), [["/ann", "NASDAQ"]])
      assert.deepStrictEqual(yield* exchanges(["*"], "A39"), [["/eve", "A39"]])
      assert.deepStrictEqual(yield* exchanges(["*"]), [
        ["/ann", "NASDAQ"],
        ["/eve", ...many.slice(0, 33)]
      ])
      const seen: Array<string> = []
      for (let after: { readonly symbol: string; readonly exchange: string } | undefined; ; ) {
        const page = yield* store.listed({ topics: [`${under}/*`], prefix: name.slice(0, -1), after, limit: 7 })
        seen.push(...page.map(({ symbol, exchange }) => `${symbol} ${exchange}`))
        if (page.length < 7) break
        after = page.at(-1)
      }
      assert.deepStrictEqual(
        seen,
        [...many, "NASDAQ"].map((exchange) => `${name} ${exchange}`)
      )
      const rest = { after: undefined, limit: 9 }
      assert.deepStrictEqual(yield* store.listed({ topics: ["*"], prefix: `${name}%`, ...rest }), [])
      assert.deepStrictEqual(yield* store.listed({ topics: [`${under}/ann`], prefix: name, ...rest }), [
        { symbol: name, exchange: "NASDAQ" }
      ])
    }))

  test("MX5 which symbols topics have told of is known of those topics alone, once something is known of each", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [a, b, c, under] = [symbol(), symbol(), symbol(), fresh("md")]
      yield* told(`${under}/a`, { quotes: [quote(a, "X"), quote(b, "X")] })
      yield* told(`${under}/b`, { quotes: [quote(c, "X"), quote(a, "Y")] })
      const heard = (...topics: ReadonlyArray<string>) =>
        Effect.map(
          store.heard(
            [a, c, `${a}'%`],
            topics.map((one) => `${under}/${one}`)
          ),
          (found) => found && [...found].sort()
        )
      assert.deepStrictEqual(yield* heard("a"), [a])
      assert.deepStrictEqual(yield* heard("b", "b"), [a, c].sort())
      assert.deepStrictEqual(yield* heard("a", "b"), [a, c].sort())
      assert.isUndefined(yield* heard("a", "none"))
      assert.isUndefined(yield* heard("*"))
      assert.deepStrictEqual(yield* store.heard([], [`${under}/a`]), [])
    }))

  test("MX5 who tells of a symbol is told in the order of trust, and of one trust by name, whoever told of it first; at most so many", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [name, under] = [symbol(), fresh("md")]
      const topics = Array.from({ length: TELLING + 2 }, (_, n) => `${under}/${n % 2 === 0 ? "b" : "a"}/${n}`)
      const named = topics.toSorted()
      for (const [n, topic] of topics.entries())
        yield* told(
          topic,
          { quotes: [quote(name, "X")], watermark: BigInt(n) },
          { topic: partition().topic, partition: n % 3 }
        )
      yield* told(`${under}/other`, { quotes: [quote(symbol(), "X")] })
      const who = (trust: ReadonlyArray<string>, of: ReadonlyArray<string> = [`${under}/*`]) =>
        Effect.map(store.told({ symbol: name, topics: of, exchange: undefined, trust }), (all) =>
          all.map(({ topic }) => topic)
        )
      assert.deepStrictEqual(yield* who([]), named.slice(0, TELLING))
      assert.deepStrictEqual(yield* who([`${under}/*`]), named.slice(0, TELLING))
      const even = named.filter((one) => one.startsWith(`${under}/b/`))
      const odd = named.filter((one) => one.startsWith(`${under}/a/`))
      assert.deepStrictEqual(yield* who([`${under}/b/*`]), [...even, ...odd].slice(0, TELLING))
      assert.deepStrictEqual(
        yield* who([topics[9]!, `${under}/b/*`, "*"]),
        [topics[9]!, ...even, ...odd.filter((one) => one !== topics[9])].slice(0, TELLING)
      )
      assert.deepStrictEqual(yield* who([], [topics[7]!, `${under}/a/1`]), [topics[1]!, topics[7]!])
      // Two partitions of one topic are one that tells, as far as the slower one.
      const [both] = [partition().topic]
      yield* told(
        `${under}c`,
        { quotes: [quote(name, "Y"), quote(name, "X")], watermark: 7n },
        { topic: both, partition: 0 }
      )
      yield* told(`${under}c`, { quotes: [quote(name, "X")], watermark: 3n }, { topic: both, partition: 1 })
      assert.deepStrictEqual(
        yield* store.told({ symbol: name, topics: [`${under}c`], exchange: undefined, trust: [] }),
        [{ topic: `${under}c`, exchanges: ["X", "Y"], watermark: 3n }]
      )
    }))

  test("MX3 a topic has its share of instruments, whatever its partitions; others have room, until there are as many as may be", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const SOME = 5_000
      const fill = Effect.fnUntraced(function* (topic: number, count: number) {
        let left = 0
        for (let n = 0; n < count; n += SOME) {
          const quotes = Array.from({ length: Math.min(SOME, count - n) }, (_, i) => quote(`S${n + i}`, "X"))
          const at = { topic, partition: n / SOME }
          const written = yield* store.write(projection({ partition: at, name: "many", quotes }))
          assert.strictEqual(written.is, "written")
          if (written.is === "written") left += written.left
        }
        return left
      })
      const eve = partition().topic
      assert.strictEqual(yield* fill(eve, SHARE + 3), 3)
      const name = symbol()
      const ann = yield* told("ann", of([trade({ symbol: name, epoch: 1 })]))
      assert.deepStrictEqual(yield* volumes(name, ["ann"]), ["1 1"])
      // What is known goes on, where there is no room for more.
      const more = { from: { epoch: 1, offset: 0 }, to: { epoch: 1, offset: 1 } }
      assert.deepStrictEqual(
        yield* store.write(
          projection({
            ...{ partition: { topic: eve, partition: 0 }, name: "many", ...more },
            ...of([trade({ symbol: "S7", exchange: "X", epoch: 1 }), trade({ symbol: "new", exchange: "X", epoch: 1 })])
          })
        ),
        { is: "written", left: 1 }
      )
      assert.deepStrictEqual(yield* volumes("S7", ["many"], ["X"]), ["1 1"])
      assert.deepStrictEqual(yield* volumes("new", ["many"], ["X"]), [])
      assert.isAtMost(SHARE, INSTRUMENTS / 4)
      assert.isDefined(yield* store.cursor(ann))
    }))
}
