/** What every store of market data must do. Run by Market.test.ts on memory and on PostgreSQL. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Leases } from "../../src/leases/Leases.ts"
import type { KeyedBar } from "../../src/marketdata/Bar.ts"
import { INTERVALS, type Interval, SESSIONS } from "../../src/marketdata/Calendar.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import { Gathering, type PlacedTrade, rolledUp } from "../../src/marketdata/Gathering.ts"
import { type BarQuery, MarketStore } from "../../src/marketdata/MarketStore.ts"
import { NOTHING, type Projection } from "../../src/marketdata/Projection.ts"
import type { StoredBar } from "../../src/marketdata/Series.ts"
import { millisOf } from "../../src/marketdata/Tick.ts"
import type { Place } from "../../src/topics/MessageId.ts"
import type { TopicStore } from "../../src/topics/TopicStore.ts"
import { dice } from "../support/Chance.ts"
import { fresh } from "../support/fresh.ts"
import { decimal, drawn, SECOND, shuffled, TEN, trade } from "../support/Trades.ts"
import { marketAgain } from "./MarketAgain.ts"
import { marketCloses } from "./MarketCloses.ts"
import { marketCuts } from "./MarketCuts.ts"
import { marketFeeds } from "./MarketFeeds.ts"
import { marketSweeps } from "./MarketSweeps.ts"

export type Test = <E>(name: string, body: () => Effect.Effect<void, E, MarketStore | Leases | TopicStore>) => void

const MINUTE = 60n * SECOND
const ALL = { from: 0, until: 4_000_000_000_000, limit: 10_000 }
let topics = 1_000_000
/** A partition that no other test has. */
export const partition = () => ({ topic: ++topics, partition: 0 })
export const symbol = () => fresh("S").replaceAll(/[^A-Za-z0-9]/g, "")

export const projection = (more: Partial<Projection>): Projection => ({
  ...{
    partition: { topic: 0, partition: 0 },
    name: "ticks",
    from: undefined,
    to: { epoch: 1, offset: 0 },
    watermark: 0n
  },
  ...NOTHING,
  ...more
})
export const of = (trades: ReadonlyArray<PlacedTrade>): Pick<Projection, "bars" | "newest"> => {
  const gathering = new Gathering()
  for (const one of trades) gathering.add(one)
  return { bars: rolledUp(gathering.minutes()), newest: gathering.newest() }
}
/** As texts: scales of sums differ by the order in which they were summed up. */
export const told = ({ exchange, session, start, bar }: Omit<StoredBar, "revision">) => ({
  ...{ exchange, session, start, open: bar.open, close: bar.close, high: bar.high, low: bar.low, trades: bar.trades },
  ...{ volume: decimalText(bar.volume), notional: decimalText(bar.notional) }
})
export const read = (of: string, interval: Interval, exchanges = ["KRAKEN", "NASDAQ"]) =>
  Effect.flatMap(MarketStore, (store) =>
    store.bars({ symbol: of, topics: ["*"], exchanges, interval, sessions: SESSIONS }, ALL)
  )
export const ordered = (bars: ReadonlyArray<KeyedBar>) =>
  [...bars].sort(
    (a, b) =>
      a.start - b.start ||
      (a.exchange < b.exchange
        ? -1
        : a.exchange > b.exchange
          ? 1
          : SESSIONS.indexOf(a.session) - SESSIONS.indexOf(b.session))
  )

export const marketContract = (test: Test) => {
  test("MX1 what follows is written with how far it is; what was written, or leaves something out, changes nothing", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [at, name] = [partition(), symbol()]
      const bars = of([trade({ symbol: name })])
      const begin: Place = { epoch: 1, offset: 5 }
      const one: Place = { epoch: 1, offset: 6 }
      assert.isUndefined(yield* store.cursor(at))
      assert.deepStrictEqual(yield* store.write(projection({ partition: at, from: begin, to: one, ...bars })), {
        is: "moved",
        at: undefined
      })
      const first = projection({ partition: at, to: begin, watermark: 7n })
      assert.deepStrictEqual(yield* store.write(first), { is: "written", left: 0 })
      assert.deepStrictEqual(yield* store.write(first), { is: "moved", at: begin })
      const next = projection({ partition: at, from: begin, to: one, ...bars })
      assert.deepStrictEqual(yield* store.write(next), { is: "written", left: 0 })
      for (const from of [begin, { epoch: 1, offset: 4 }, { epoch: 1, offset: 7 }, { epoch: 2, offset: 6 }])
        assert.deepStrictEqual(yield* store.write({ ...next, from, to: { epoch: 2, offset: 9 } }), {
          is: "moved",
          at: one
        })
      assert.deepStrictEqual(yield* store.cursor(at), { ...one, partition: at, watermark: 7n, began: begin })
      const [bar] = yield* read(name, "1m")
      assert.strictEqual(decimalText(bar!.bar.volume), "1")
      assert.strictEqual(bar!.revision, 1)
      // Another history of the partition goes on where it says.
      yield* store.write(projection({ partition: at, from: one, to: { epoch: 2, offset: 0 }, watermark: 3n }))
      assert.deepStrictEqual(yield* store.cursor(at), {
        epoch: 2,
        offset: 0,
        partition: at,
        watermark: 7n,
        began: begin
      })
    }))

  test("MX1 of two nodes that write the same one does, and volume is counted once", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [at, name] = [partition(), symbol()]
      yield* store.write(projection({ partition: at }))
      for (let n = 0; n < 10; n++) {
        const batch = projection({
          ...{ partition: at, from: { epoch: 1, offset: n }, to: { epoch: 1, offset: n + 1 } },
          ...of([trade({ symbol: name, offset: n })])
        })
        const written = yield* Effect.all(
          Array.from({ length: 6 }, () => store.write(batch)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(written.filter(({ is }) => is === "written").length, 1)
      }
      for (const interval of INTERVALS) {
        const [bar, ...others] = yield* read(name, interval)
        assert.deepStrictEqual([decimalText(bar!.bar.volume), bar!.bar.trades, others.length], ["10", 10, 0])
      }
    }))

  test("MX2 bars of drawn trades are the same in any order and in any parts, from two partitions too", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      for (let seed = 1; seed <= 5; seed++) {
        const [name, { below }] = [symbol(), dice(seed)]
        const trades = drawn(seed, 200).map((one) => ({ ...one, symbol: name, epoch: 1 }))
        const mixed = shuffled(seed, trades)
        const places = [partition(), partition()].map((at) => ({ at, offset: 0 }))
        for (const { at } of places) yield* store.write(projection({ partition: at }))
        while (mixed.length > 0) {
          const place = places[below(2)]!
          const some = mixed.splice(0, 1 + below(40))
          const from = { epoch: 1, offset: place.offset }
          const to = { epoch: 1, offset: place.offset + some.length }
          const written = yield* store.write(projection({ partition: place.at, from, to, ...of(some) }))
          assert.strictEqual(written.is, "written")
          place.offset += some.length
        }
        const whole = of(trades)
        for (const interval of INTERVALS)
          assert.deepStrictEqual(
            (yield* read(name, interval)).map(told),
            ordered(whole.bars.filter((bar) => bar.interval === interval)).map(told),
            `seed ${seed}, ${interval}`
          )
        const { trades: latest } = yield* store.latest({ symbol: name, topics: ["*"] }, ["KRAKEN", "NASDAQ"])
        assert.sameDeepMembers(
          latest.map(({ exchange, session, id, price }) => [exchange, session, id, price]),
          whole.newest.map(({ session, trade: { exchange, id, price } }) => [exchange, session, id, price])
        )
      }
    }))

  test("MX2 numbers of all sizes come back as they went in", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [at, name] = [partition(), symbol()]
      const most = 2n ** 63n - 1n
      const one = trade({
        ...{
          symbol: name,
          id: "a",
          currency: "USD",
          conditions: ["@", "\"'\\"],
          tsRecv: most,
          sequence: most,
          epoch: 2 ** 32 - 1
        },
        ...{ offset: Number.MAX_SAFE_INTEGER - 1, price: -most, size: { unscaled: most, scale: 18 } }
      })
      const quote = { bid: { price: -1n, size: decimal("0.5") }, ask: undefined, currency: "USD" } as const
      const told = {
        ...{ exchange: "KRAKEN", symbol: name, tsEvent: TEN, tsRecv: 1n, sequence: 1n, epoch: 1, offset: 1 },
        ...quote
      }
      yield* store.write(
        projection({ partition: at, to: { epoch: 1, offset: 1 }, ...of([one]), quotes: [{ kind: "quote", ...told }] })
      )
      const { kind: _, ...latest } = one
      assert.deepStrictEqual(yield* store.latest({ symbol: name, topics: ["*"] }, ["KRAKEN"]), {
        trades: [{ ...latest, session: "regular" }],
        quotes: [told]
      })
      const [row] = yield* read(name, "1d")
      assert.strictEqual(row!.bar.open!.price, -most)
      assert.strictEqual(row!.bar.open!.offset, Number.MAX_SAFE_INTEGER - 1)
      assert.strictEqual(decimalText(row!.bar.volume), decimalText({ unscaled: most, scale: 18 }))
      assert.strictEqual(decimalText(row!.bar.notional), decimalText({ unscaled: -most * most, scale: 27 }))
    }))

  test("MX2 pages have all of so many starts, of those exchanges and sessions, and the bar before has a price", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [at, name] = [partition(), symbol()]
      const on = (minute: number, more: Partial<PlacedTrade> = {}) =>
        trade({
          symbol: name,
          exchange: "NASDAQ",
          tsEvent: TEN + BigInt(minute) * MINUTE,
          offset: minute,
          epoch: 1,
          ...more
        })
      const trades = [on(0), on(0, { exchange: "KRAKEN" }), on(1), on(2, { conditions: ["I"] }), on(5), on(-120)]
      yield* store.write(projection({ partition: at, to: { epoch: 1, offset: 8 }, watermark: TEN, ...of(trades) }))
      const anywhere = { topics: ["*"], exchange: undefined, trust: [] }
      assert.deepStrictEqual(yield* store.told({ ...anywhere, symbol: name }), [
        { topic: "ticks", exchanges: ["KRAKEN", "NASDAQ"], watermark: TEN }
      ])
      assert.deepStrictEqual(yield* store.told({ ...anywhere, symbol: symbol() }), [])
      const ten = millisOf(TEN)
      const query: BarQuery = {
        ...{ symbol: name, topics: ["*"], exchanges: ["NASDAQ", "KRAKEN"], interval: "1m" },
        sessions: ["regular"]
      }
      const range = { from: ten, until: ten + 6 * 60_000, limit: 2 }
      const starts = (rows: ReadonlyArray<StoredBar>) => rows.map(({ start }) => (start - ten) / 60_000)
      assert.deepStrictEqual(starts(yield* store.bars(query, range)), [0, 0, 1])
      assert.deepStrictEqual(
        starts(yield* store.bars({ ...query, exchanges: ["NASDAQ"] }, { ...range, limit: 9 })),
        [0, 1, 2, 5]
      )
      assert.deepStrictEqual(
        starts(yield* store.bars(query, { ...range, until: ten + 5 * 60_000, limit: 9 })),
        [0, 0, 1, 2]
      )
      assert.deepStrictEqual(starts(yield* store.bars({ ...query, sessions: ["pre"] }, { ...range, from: 0 })), [-120])
      assert.deepStrictEqual(starts(yield* store.before(query, { from: 0, until: ten + 5 * 60_000 })), [1])
      assert.deepStrictEqual(starts(yield* store.before(query, { from: 0, until: ten + 60_000 })), [0, 0])
      assert.deepStrictEqual(yield* store.before(query, { from: 0, until: ten }), [])
    }))

  marketAgain(test)
  marketFeeds(test)
  marketCloses(test)
  marketCuts(test)
  marketSweeps(test)
}
