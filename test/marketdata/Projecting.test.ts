import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import { failure } from "../../src/errors/HeraldError.ts"
import { skipped } from "../../src/fanout/Rows.ts"
import { AT_ONCE } from "../../src/marketdata/Projecting.ts"
import { REMEMBERED } from "../../src/marketdata/Ticks.ts"
import type { Piece } from "../../src/topics/Piece.ts"
import type { Log } from "../../src/topics/TopicLog.ts"
import { at, begin, cancelled, DAY, original, type Store, test, told } from "../support/MarketFeed.ts"

describe("Projecting", () => {
  test(
    "MJ1 MJ2 what two nodes read counts once, and so does a trade that the venue tells again, after a restart too",
    Effect.gen(function* () {
      const { make, say, written, bars, latest } = yield* begin
      const [one, other] = [make(), make()]
      yield* written(one)
      yield* say(told("a", 1, 10), "no tick", told("b", 2, 20), told("a", 1, 10))
      yield* written(one)
      yield* written(other)
      yield* say(told("b", 2, 20), told("c", 61, 5))
      yield* written(other)
      yield* written(one)
      yield* say(told("c", 61, 5))
      yield* written(make())
      assert.deepStrictEqual(yield* bars("1m"), [
        [10, 20, 10, 20, "2"],
        [5, 5, 5, 5, "1"]
      ])
      assert.deepStrictEqual(yield* bars("1d"), [[10, 20, 5, 5, "3"]])
      assert.deepStrictEqual(yield* latest, ["c"])
    })
  )

  test(
    "MJ2 what another node wrote is known to be there, also by one that looked for more since and found nothing",
    Effect.gen(function* () {
      const { make, say, written, bars } = yield* begin
      const [one, other] = [make(), make()]
      yield* say(told("a", 1, 10))
      yield* written(one)
      yield* say(told("b", 2, 20))
      yield* written(other)
      assert.isFalse(yield* one.step())
      yield* say(told("b", 2, 20), told("c", 3, 30))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 30, 10, 30, "3"]])
    })
  )

  test(
    "MJ4 ticks of the time to come, and of before bars are kept, count for nothing",
    Effect.gen(function* () {
      const { make, say, written, bars } = yield* begin
      yield* say(told("a", 1, 10), told("b", 10 * 86_400, 20), told("c", -40 * 86_400, 30))
      yield* written(make())
      assert.deepStrictEqual(yield* bars("1d"), [[10, 10, 10, 10, "1"]])
    })
  )

  test(
    "MJ4 what was far ahead when it came counts for nothing, also when it is read once more, later",
    Effect.gen(function* () {
      const { of, say, written, bars, log, id, name } = yield* begin
      const now = Date.now()
      const soon = (id: string, more: object = {}) => told(id, 0, 10, { ts_event: `${String(now)}000000`, ...more })
      // The first event came an hour ago, in whichever segments the log has them.
      const apart = (piece: Piece): ReadonlyArray<Piece> => {
        if (piece.is === "gap" || piece.base > 0) return [piece]
        const end = skipped(piece.bytes, 1)
        const first = { ...piece, count: 1, at: now - 3_600_000, bytes: piece.bytes.subarray(0, end) }
        const rest = { ...piece, base: 1, count: piece.count - 1, bytes: piece.bytes.subarray(end) }
        return rest.count === 0 ? [first] : [first, rest]
      }
      const read: Log["read"] = (partition, from, options) =>
        Effect.map(
          log.read(partition, from, options),
          (found) => found && { ...found, pieces: found.pieces.flatMap(apart) }
        )
      const one = of(0, { id, name }, { read })
      yield* say(soon("ahead"))
      yield* say(soon("right"), soon("wrong"))
      yield* written(one)
      const volume = Effect.map(bars("1d"), (all) => all.map((bar) => bar.at(-1)))
      assert.deepStrictEqual(yield* volume, ["2"])
      yield* say(soon("wrong", { type: "cancel", ts_original: `${String(now)}000000` }))
      yield* written(one)
      assert.deepStrictEqual(yield* volume, ["1"])
    })
  )

  test(
    "MJ1 what could not be written is read again, and none of it is taken for what came twice",
    Effect.gen(function* () {
      const { of, say, written, bars, id, name, store } = yield* begin
      let fails = 0
      const write: Store["write"] = (projection) =>
        projection.bars.length > 0 && fails-- > 0
          ? Effect.fail(failure("DatabaseUnavailable", "away"))
          : store.write(projection)
      const one = of(0, { id, name }, {}, { write })
      yield* written(one)
      yield* say(told("a", 1, 10), told("b", 2, 20))
      fails = 2
      for (let n = 0; n < 2; n++) assert.strictEqual((yield* Effect.flip(one.step())).name, "DatabaseUnavailable")
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 20, 10, 20, "2"]])
    })
  )

  test(
    "MJ4 the time to come moves nothing that says how far the feed is",
    Effect.gen(function* () {
      const { make, say, written, store, id } = yield* begin
      const far = `${String(at + 10 * DAY)}000000`
      yield* say(
        told("a", 1, 10),
        told("b", 10 * 86_400, 20),
        told("q", 10 * 86_400, 0, { type: "quote", bid: 1, bid_size: 1 }),
        told("a", 10 * 86_400, 0, { type: "cancel", ...original("a", 1) }),
        told("a", 0, 10, { type: "correction", ...original("a", 1), ts_event: far })
      )
      yield* written(make())
      const { watermark } = (yield* store.cursor({ topic: id, partition: 0 }))!
      assert.strictEqual(watermark, BigInt(at + 1_000) * 1_000_000n)
    })
  )

  test(
    "MJ2 a trade that came among the newest so many events counts once, and once more behind them, restarted or not",
    Effect.gen(function* () {
      const { make, say, written, bars } = yield* begin
      const others = (count: number) => Array.from({ length: count }, () => "x")
      const one = make()
      yield* say(told("a", 1, 10), ...others(REMEMBERED - 1), told("a", 1, 10), told("b", 1, 10))
      yield* written(one)
      yield* say(...others(REMEMBERED - 1), told("b", 1, 10), told("c", 1, 10))
      yield* written(make())
      assert.deepStrictEqual(
        (yield* bars("1d")).map((bar) => bar.at(-1)),
        ["3"]
      )
      yield* say(...others(REMEMBERED), told("c", 1, 10))
      yield* written(one)
      assert.deepStrictEqual(
        (yield* bars("1d")).map((bar) => bar.at(-1)),
        ["4"]
      )
    })
  )

  test(
    "MJ8 others have a turn between two events, however many are read at once: made bars of, remembered, and read again",
    Effect.gen(function* () {
      const { make, of, say, written, bars, id, name } = yield* begin
      const EVENTS = 400
      yield* say(...Array.from({ length: EVENTS }, (_, n) => told(`a${n}`, 1, 10)))
      // A millisecond for each look at the clock: a slice has eight of them.
      let time = performance.now()
      const clock = vi.spyOn(performance, "now").mockImplementation(() => time++)
      let [turns, over] = [0, false]
      const turn = () => {
        turns++
        if (!over) setImmediate(turn)
      }
      setImmediate(turn)
      const counting = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.map(
          Effect.andThen(
            Effect.sync(() => (turns = 0)),
            effect
          ),
          () => turns
        )
      const one = make()
      yield* one.step()
      assert.isAtLeast(yield* counting(one.step()), EVENTS / 10)
      yield* say(cancelled("a7", 1))
      // Of the events once more, and of the trades of the minute.
      assert.isAtLeast(yield* counting(one.step()), (2 * EVENTS) / 10)
      yield* say("x")
      assert.isAtLeast(yield* counting(of(0, { id, name }).step()), EVENTS / 10)
      over = true
      clock.mockRestore()
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 10, 10, 10, String(EVENTS - 1)]])
    })
  )

  test(
    "MJ11 what is written at once is bounded, whatever a read has, all of it is written once, and it is read once",
    Effect.gen(function* () {
      const { of, say, written, id, name, store, log } = yield* begin
      const sizes: Array<number> = []
      const write: Store["write"] = (projection) => {
        sizes.push(projection.quotes.length + projection.newest.length + projection.bars.length)
        return store.write(projection)
      }
      const COUNT = 2 * AT_ONCE + 10
      yield* say(...Array.from({ length: COUNT }, (_, n) => told(`a${n}`, 1, 10, { symbol: `S${n}` })))
      let reads = 0
      const read: Log["read"] = (...asked) =>
        Effect.tap(log.read(...asked), (found) => Effect.sync(() => (reads += found?.pieces.length ?? 0)))
      yield* written(of(0, { id, name }, { read }, { write }))
      assert.isAtLeast(sizes.filter((size) => size > 0).length, 3)
      assert.strictEqual(reads, 1)
      // A minute is in four bars.
      assert.isAtMost(Math.max(...sizes), 4 * AT_ONCE)
      const listed = yield* store.listed({ topics: [name], prefix: "S", after: undefined, limit: 10_000 })
      assert.lengthOf(listed, COUNT)
    })
  )
})
