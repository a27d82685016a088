import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as MarketStore from "../../layers/Memory/marketdata/MarketStore.ts"
import { State } from "../../layers/Memory/State.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import type { PlacedTrade } from "../../src/marketdata/Gathering.ts"
import { type AskedBars, type AskedList, MarketData } from "../../src/marketdata/MarketData.ts"
import { millisOf } from "../../src/marketdata/Tick.ts"
import { traded } from "../support/MarketDays.ts"
import { SECOND, TEN, trade } from "../support/Trades.ts"

const ten = millisOf(TEN)
const MINUTE = 60_000
const on = (minute: number, more: Partial<PlacedTrade> = {}) =>
  trade({ symbol: "AAPL", exchange: "NASDAQ", tsEvent: TEN + BigInt(minute) * 60n * SECOND, offset: minute, ...more })
const asked = { symbol: "AAPL", exchange: undefined, topic: undefined, session: "all" } as const
const bars = (more: Partial<AskedBars> = {}): AskedBars => ({
  ...{ ...asked, interval: "1m", from: ten, until: undefined, limit: 100, fill: "none", ...more }
})
const layer = MarketData.layer({ staleMillis: 60_000, topics: ["market-data/normalized/*"] }).pipe(
  Layer.provideMerge(MarketStore.layer.pipe(Layer.provide(State.layer)))
)
const test = <E>(
  name: string,
  body: Effect.Effect<void, E, Layer.Success<typeof layer>>,
  identity: Identity = system
) =>
  it.effect(name, () =>
    TestClock.setTime(ten + 10 * MINUTE).pipe(
      Effect.andThen(body),
      Effect.provide(layer),
      Effect.provideService(CurrentIdentity, identity)
    )
  )
const latest = (more: object = {}) => Effect.flatMap(MarketData, (data) => data.latest({ ...asked, ...more }))
const history = (more: Partial<AskedBars> = {}) => Effect.flatMap(MarketData, (data) => data.history(bars(more)))
const named = <A, E extends { readonly name: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ name }) => name)
const viewer: Identity = { ...system, role: "viewer", environments: ["production"], topics: ["market-data/open/*"] }

describe("MarketData", () => {
  test(
    "MU1 who may not read a topic is told of nothing in it, and who may read none is refused",
    Effect.gen(function* () {
      yield* traded("market-data/open/us", [on(0)])
      yield* traded("market-data/secret/us", [on(1, { exchange: "NYSE" }), on(1, { symbol: "HID" })])
      assert.strictEqual((yield* latest()).trade.exchange, "NASDAQ")
      assert.strictEqual(yield* named(latest({ exchange: "NYSE" })), "NoMarketData")
      assert.strictEqual(yield* named(latest({ symbol: "HID" })), "NoMarketData")
      assert.strictEqual((yield* history()).candles.length, 1)
      const none = Effect.provideService(latest(), CurrentIdentity, { ...viewer, topics: [] })
      assert.strictEqual(yield* named(none), "Forbidden")
      assert.strictEqual(yield* named(Effect.provideService(latest(), CurrentIdentity, undefined)), "Unauthenticated")
    }),
    viewer
  )

  test(
    "MU1 of one symbol in several topics each is told what the topics say that they may read, and nobody else changes or hides it",
    Effect.gen(function* () {
      const eve: Identity = { ...viewer, topics: ["market-data/eve"] }
      const as = <A, E, R>(identity: Identity, effect: Effect.Effect<A, E, R>) =>
        Effect.provideService(effect, CurrentIdentity, identity)
      const told = Effect.all([
        Effect.map(latest(), ({ trade }) => trade.id),
        Effect.map(history({ interval: "1d", from: 0 }), ({ candles }) =>
          candles.map(({ bar }) => [bar.open?.price, bar.high, decimalText(bar.volume), bar.trades])
        )
      ])
      yield* traded("market-data/open/us", [on(0, { id: "a", price: 10n }), on(1, { id: "b", price: 30n })])
      assert.strictEqual(yield* named(as(eve, told)), "NoMarketData")
      const before = yield* told
      const hidden = Array.from({ length: 40 }, (_, n) => on(8, { exchange: `A${n}`, id: "x" }))
      yield* traded("market-data/eve", [on(-1, { id: "first", price: 1n }), on(9, { id: "e", price: 99n }), ...hidden])
      assert.deepStrictEqual(yield* told, before)
      assert.deepStrictEqual(before, ["b", [[10n, 30n, "2", 2]]])
      assert.strictEqual(yield* named(as(eve, told)), "InvalidInput")
      const NASDAQ = { exchange: "NASDAQ" }
      const here = Effect.map(history({ ...NASDAQ, interval: "1d", from: 0 }), ({ candles }) => candles[0]!.bar.trades)
      assert.strictEqual(yield* as(eve, here), 2)
      assert.strictEqual(yield* as(system, here), 4)
      assert.strictEqual((yield* as(system, latest(NASDAQ))).trade.id, "e")
      // Who may read both says which one is meant. MU4
      assert.strictEqual(yield* named(as(system, told)), "InvalidInput")
      assert.strictEqual((yield* as(system, latest({ topic: "market-data/open/us" }))).trade.id, "b")
      assert.strictEqual(yield* named(latest({ topic: "market-data/eve" })), "NoMarketData")
    }),
    viewer
  )

  test(
    "MU1 lists have the symbols of topics that the asker may read, in pages that are full",
    Effect.gen(function* () {
      const symbols = ["A", "AB", "B", "C"]
      yield* traded("market-data/eve", [on(0, { symbol: "AA" }), on(0, { symbol: "B", exchange: "EVE" })])
      yield* traded(
        "market-data/open/us",
        symbols.map((symbol) => on(0, { symbol }))
      )
      const list = (more: Partial<AskedList> = {}) =>
        Effect.flatMap(MarketData, (data) =>
          data.list({ topic: undefined, prefix: "", after: undefined, limit: 2, ...more })
        )
      const first = yield* list()
      assert.deepStrictEqual(
        first.listed.map(({ symbol }) => symbol),
        ["A", "AB"]
      )
      const second = yield* list({ after: first.next })
      assert.deepStrictEqual(second, {
        listed: [
          { symbol: "B", exchange: "NASDAQ" },
          { symbol: "C", exchange: "NASDAQ" }
        ],
        next: undefined
      })
      assert.lengthOf((yield* list({ prefix: "A", limit: 9 })).listed, 2)
      assert.lengthOf((yield* list({ topic: "market-data/eve" })).listed, 0)
      const none = Effect.provideService(list(), CurrentIdentity, { ...viewer, topics: [] })
      assert.strictEqual(yield* named(none), "Forbidden")
    }),
    viewer
  )

  test(
    "MU4 topics of one trust whose hours differ are refused by their names, whoever told first and however many: none has another's answer",
    Effect.gen(function* () {
      const [us, eve] = ["market-data/normalized/us", "market-data/normalized/eve"]
      const hers = (of: string, more = "") =>
        traded(`${eve}${more}`, [on(1, { id: "e", symbol: of, exchange: "BINANCE", price: 99n })])
      const his = (of: string) => traded(us, [on(0, { id: "a", symbol: of })])
      yield* Effect.andThen(hers("SQUAT"), his("SQUAT"))
      yield* Effect.andThen(his("LATER"), hers("LATER"))
      yield* Effect.andThen(hers("MANY"), his("MANY"))
      for (let n = 0; n < 5; n++) yield* hers("MANY", `/${n}`)
      const sides = (eves: string) => `BINANCE (${eves}) and NASDAQ (${us})`
      for (const [symbol, eves] of [
        ["SQUAT", eve],
        ["LATER", eve],
        ["MANY", `${eve}, ${eve}/0, ${eve}/1, ${eve}/2 and 2 more`]
      ] as const) {
        const refused = yield* Effect.flip(history({ symbol }))
        assert.strictEqual(refused.name, "InvalidInput")
        assert.include(refused.message, `${symbol} is traded on ${sides(eves)}, which have other hours`)
        // Whoever says whom they mean has it, and prices have no hours.
        assert.deepInclude(yield* history({ symbol, topic: us }), { topics: [us], leftOut: [] })
        assert.deepInclude(yield* history({ symbol, exchange: "NASDAQ" }), { topics: [us], leftOut: [] })
        assert.include((yield* latest({ symbol })).topics, us)
      }
    })
  )

  test(
    "MU4 topics of one trust that have too many exchanges together, or are too many, are refused, whoever told first",
    Effect.gen(function* () {
      const [us, eve] = ["market-data/normalized/us", "market-data/normalized/eve"]
      const hers = (of: string, count: number) =>
        traded(
          eve,
          Array.from({ length: count }, (_, n) => on(2, { symbol: of, exchange: `A${n}` }))
        )
      const his = (of: string) => traded(us, [on(0, { id: "a", symbol: of })])
      yield* Effect.andThen(hers("SQUAT", 32), his("SQUAT"))
      yield* Effect.andThen(his("LATER"), hers("LATER", 40))
      yield* Effect.andThen(hers("FITS", 31), his("FITS"))
      for (const symbol of ["SQUAT", "LATER"]) {
        const refused = yield* Effect.flip(latest({ symbol }))
        assert.strictEqual(refused.name, "InvalidInput")
        assert.include(refused.message, `${symbol} is traded on more than 32 exchanges (${eve}, ${us})`)
        assert.deepInclude(yield* latest({ symbol, exchange: "A7" }), { topics: [eve], leftOut: [] })
        assert.deepInclude(yield* latest({ symbol, topic: us }), { topics: [us], leftOut: [] })
      }
      assert.deepInclude(yield* latest({ symbol: "FITS" }), { topics: [eve, us], leftOut: [] })
      for (let n = 0; n < 64; n++) {
        const name = `${eve}/${n < 9 ? "0" : ""}${n}`
        yield* traded(name, [on(1, { symbol: "MANY", price: 99n }), on(1, { symbol: "BELOW", price: 99n })])
      }
      yield* his("MANY")
      yield* traded("market-data/community/z", [on(0, { symbol: "BELOW" })])
      const tooMany = yield* Effect.flip(latest({ symbol: "MANY" }))
      assert.strictEqual(tooMany.name, "InvalidInput")
      assert.include(tooMany.message, `more than 64 topics tell of MANY (${eve}/00, ${eve}/01,`)
      // Those who are trusted less are not among them.
      const below = yield* latest({ symbol: "BELOW" })
      assert.lengthOf(below.topics, 64)
      assert.deepStrictEqual(below.leftOut, [{ topic: "market-data/community/z", why: "trust" }])
    })
  )

  test(
    "MU4 topics that the first patterns cover are trusted: what others tell of the same symbol is left out, and told of others",
    Effect.gen(function* () {
      yield* traded("market-data/eve", [on(5, { id: "e", price: 99n }), on(5, { symbol: "HERS" })])
      yield* traded("market-data/normalized/us", [on(0, { id: "a" })])
      const leftOut = [{ topic: "market-data/eve", why: "trust" }] as const
      const newest = yield* latest()
      assert.deepInclude(newest, { topics: ["market-data/normalized/us"], leftOut })
      assert.strictEqual(newest.trade.id, "a")
      const { candles, ...rest } = yield* history()
      assert.deepInclude(rest, { topics: ["market-data/normalized/us"], leftOut })
      assert.lengthOf(candles, 1)
      assert.deepInclude(yield* latest({ symbol: "HERS" }), { topics: ["market-data/eve"], leftOut: [] })
      assert.strictEqual((yield* latest({ topic: "market-data/eve" })).trade.id, "e")
    })
  )

  test(
    "MU2 the newest is of all exchanges and of the sessions that were asked for, and stale once it is old while its venue is open",
    Effect.gen(function* () {
      yield* traded("t", [on(9, { id: "a" }), on(8, { id: "b", exchange: "NYSE" }), on(-90, { id: "early" })])
      const newest = yield* latest()
      assert.deepInclude(newest, { market: "regular", age: MINUTE, stale: false })
      assert.strictEqual(newest.trade.id, "a")
      assert.strictEqual((yield* latest({ session: "extended" })).trade.id, "early")
      assert.isTrue((yield* latest({ session: "extended" })).stale)
      yield* TestClock.adjust(1)
      assert.isTrue((yield* latest()).stale)
      yield* TestClock.adjust("8 hours")
      assert.deepInclude(yield* latest(), { market: "post", stale: false })
    })
  )

  test(
    "MU3 pages go on where they ended, without a gap and without a bar twice, filled in or not",
    Effect.gen(function* () {
      yield* traded("t", [on(0), on(1), on(3), on(4), on(8)])
      for (const [fill, expected] of [
        ["none", [0, 1, 3, 4, 8]],
        ["previous", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
      ] as const)
        for (let limit = 1; limit <= 11; limit++) {
          const starts: Array<number> = []
          let from: number | undefined = ten
          while (from !== undefined) {
            const page: { candles: ReadonlyArray<{ start: number }>; next: number | undefined } = yield* history({
              from,
              limit,
              fill
            })
            assert.isAtMost(page.candles.length, limit)
            starts.push(...page.candles.map(({ start }) => (start - ten) / MINUTE))
            from = page.next
          }
          assert.deepStrictEqual(starts, [...expected], `${fill}, ${limit} a page`)
        }
      // The last price of before the page.
      const [first] = (yield* history({ from: ten + 6 * MINUTE, fill: "previous" })).candles
      assert.deepInclude(first!, { start: ten + 6 * MINUTE, filled: true })
      assert.strictEqual((yield* history({ from: undefined, limit: 7 })).candles.length, 3)
    })
  )

  test(
    "MU3 without a beginning and an end a page has the newest, although nothing was traded of late",
    Effect.gen(function* () {
      yield* traded("t", [on(0), on(1), on(2, { exchange: "NYSE" })])
      const starts = (more: Partial<AskedBars>) =>
        Effect.map(history({ from: undefined, ...more }), ({ candles }) =>
          candles.map(({ start }) => (start - ten) / MINUTE)
        )
      assert.deepStrictEqual(yield* starts({ limit: 2 }), [1, 2])
      assert.deepStrictEqual(yield* starts({ limit: 2, exchange: "NASDAQ" }), [0, 1])
      assert.deepStrictEqual(yield* starts({ limit: 2, until: ten + 10 * MINUTE }), [])
      assert.deepStrictEqual(yield* starts({ limit: 2, fill: "previous" }), [8, 9])
    })
  )

  test(
    "MW2 bars are final once the feed is past them, as far as its slowest exchange",
    Effect.gen(function* () {
      yield* traded("t", [on(0), on(1)], [], TEN + 75n * SECOND)
      assert.deepStrictEqual(
        (yield* history()).candles.map(({ final }) => final),
        [true, false]
      )
      yield* traded("slow", [on(0, { exchange: "NYSE" })], [], TEN)
      assert.deepStrictEqual(
        (yield* history()).candles.map(({ final }) => final),
        [false, false]
      )
    })
  )

  test(
    "MU3 what can't be is refused: symbols, times, and days of exchanges in two zones",
    Effect.gen(function* () {
      yield* traded("t", [on(0), on(0, { exchange: "KRAKEN" })])
      assert.strictEqual(yield* named(latest({ symbol: "../etc" })), "InvalidInput")
      assert.strictEqual(yield* named(latest({ exchange: "a b" })), "InvalidInput")
      assert.strictEqual(yield* named(latest({ symbol: "NONE" })), "NoMarketData")
      assert.strictEqual(yield* named(history()), "InvalidInput")
      assert.strictEqual(yield* named(history({ exchange: "KRAKEN", until: ten })), "InvalidInput")
      assert.strictEqual((yield* history({ exchange: "KRAKEN", interval: "1d", from: 0 })).candles.length, 1)
      assert.strictEqual((yield* history({ exchange: "KRAKEN", from: ten + 9_999 * MINUTE })).candles.length, 0)
    })
  )
})
