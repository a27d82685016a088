/** Minutes that are made anew at once, what that costs, and what one of them takes from others: nothing. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { skipped } from "../../src/fanout/Rows.ts"
import { type Amendments, BYTES, PASSED, READ } from "../../src/marketdata/Amendments.ts"
import type { Piece } from "../../src/topics/Piece.ts"
import type { Log } from "../../src/topics/TopicLog.ts"
import { at, begin, cancelled, counted, original, test, told } from "../support/MarketFeed.ts"

const LATER = 600

/** A log of which minutes ten minutes later begin at an offset, and those before at its first. */
const foundAt =
  (epoch: number, first: number, later: number): Log["find"] =>
  (_, time) =>
    Effect.succeed({ epoch, offset: time < at + 300_000 ? first : later })

describe("Amending together", () => {
  test(
    "MJ3 a minute of which the log has no more, or a hole, or too much, keeps no other from being made anew at once with it",
    Effect.gen(function* () {
      const { of, log, say, written, id, name, bars } = yield* begin
      const epoch = (yield* log.bounds([id]))[0]!.epoch
      let hole = 0
      // Whatever came at the same moment is one segment.
      const holed = (piece: Piece): ReadonlyArray<Piece> => {
        if (piece.is === "gap" || piece.base >= hole) return [piece]
        const gone = Math.min(piece.count, hole - piece.base)
        const base = piece.base + gone
        const rest = {
          ...piece,
          base,
          count: piece.count - gone,
          bytes: piece.bytes.subarray(skipped(piece.bytes, gone))
        }
        const gap: Piece = { is: "gap", from: piece.base, to: base, why: "corrupt" }
        return rest.count === 0 ? [gap] : [gap, rest]
      }
      const read: Log["read"] = (partition, from, options) =>
        Effect.map(
          log.read(partition, from, options),
          (found) =>
            found && {
              ...found,
              pieces: found.pieces.flatMap(holed).filter((piece) => piece.is === "segment" || piece.to > from.offset)
            }
        )
      let find = foundAt(epoch, 0, 2)
      const its = { read, find: ((...asked) => find(...asked)) satisfies Log["find"] }
      const one = of(0, { id, name }, its, {}, { amendedTrades: 4 })
      yield* say(told("a", 1, 10))
      yield* say(told("a2", 2, 10))
      yield* say(told("b", LATER, 20), told("c", LATER, 30), told("d", LATER, 40), told("e", LATER, 50))
      yield* written(one)
      const [done, not] = [yield* counted("amended"), yield* counted("not amended")]
      const volumes = Effect.map(bars("1m"), (all) => all.map((bar) => bar.at(-1)))
      assert.deepStrictEqual(yield* volumes, ["2", "4"])
      // Of both together there are too many trades, of each for itself there are not.
      yield* say(cancelled("a", 1, 700), cancelled("b", LATER, 700))
      yield* written(one)
      assert.deepStrictEqual(yield* volumes, ["1", "3"])
      hole = 2
      yield* say(cancelled("c", LATER, 700), cancelled("a2", 2, 700))
      yield* written(one)
      assert.deepStrictEqual(yield* volumes, ["1", "2"])
      hole = 0
      yield* log.trim({ topic: id, partition: 0 }, 1)
      find = foundAt(epoch, 1, 2)
      yield* say(cancelled("a2", 2, 700), cancelled("d", LATER, 700))
      yield* written(one)
      assert.deepStrictEqual(yield* volumes, ["1", "1"])
      assert.deepStrictEqual([(yield* counted("amended")) - done, (yield* counted("not amended")) - not], [4, 2])
    })
  )

  test(
    "MJ10 of however many the newest is taken back at once, the one before it is the newest, with all that was told of it",
    Effect.gen(function* () {
      const { of, log, store, say, written, id, name } = yield* begin
      const COUNT = 40
      const epoch = (yield* log.bounds([id]))[0]!.epoch
      const each = (make: (symbol: string) => string) => Array.from({ length: COUNT }, (_, n) => make(`S${n}`))
      yield* say(...each((symbol) => told(`${symbol}-old`, 1, 10, { symbol, size: 7 })))
      yield* say(...each((symbol) => told(`${symbol}-new`, LATER, 20, { symbol })))
      const one = of(0, { id, name }, { find: foundAt(epoch, 0, COUNT) })
      yield* written(one)
      yield* say(...each((symbol) => told("", 700, 0, { symbol, type: "cancel", ...original(`${symbol}-new`, LATER) })))
      yield* written(one)
      for (let n = 0; n < COUNT; n++) {
        const { trades } = yield* store.latest({ symbol: `S${n}`, topics: [name] }, ["KRAKEN"])
        assert.deepStrictEqual(
          trades.map(({ id, size }) => [id, size.unscaled]),
          [[`S${n}-old`, 7n]]
        )
      }
    })
  )

  test(
    "MJ10 what was read is not looked up once more: of none of them, where the newest was told behind the minute",
    Effect.gen(function* () {
      const { of, log, store, say, written, id, name } = yield* begin
      let lookUps = 0
      const read: Log["read"] = (...asked) => {
        if (asked[2].maxBytes === 1) lookUps++
        return log.read(...asked)
      }
      const one = of(0, { id, name }, { read })
      const symbols = Array.from({ length: 5 }, (_, n) => `S${n}`)
      yield* say(...symbols.flatMap((symbol) => [told("a", 1, 10, { symbol }), told("b", LATER, 20, { symbol })]))
      yield* written(one)
      yield* say(...symbols.map((symbol) => told("", 700, 0, { symbol, type: "cancel", ...original("a", 1) })))
      yield* written(one)
      for (const symbol of symbols)
        assert.deepStrictEqual(
          (yield* store.latest({ symbol, topics: [name] }, ["KRAKEN"])).trades.map(({ id }) => id),
          ["b"]
        )
      assert.strictEqual(lookUps, 0)
    })
  )

  test(
    "MJ10 what is newest as before keeps what is known of it, also where the log has it no more",
    Effect.gen(function* () {
      const { of, log, say, written, newest, id, name } = yield* begin
      const epoch = (yield* log.bounds([id]))[0]!.epoch
      const us = { exchange: "NASDAQ" }
      const one = of(0, { id, name }, { find: foundAt(epoch, 0, 2) })
      // Of the same exchange's minute nothing opens or closes.
      yield* say(told("a", 1, 10, { size: 7 }))
      yield* say("x", told("odd", LATER, 20, { ...us, conditions: ["I"] }), told("b", LATER, 20))
      yield* written(one)
      yield* say(cancelled("b", LATER, 700))
      yield* written(one)
      assert.deepStrictEqual(yield* newest, [["a", 10, "7"]])
      yield* log.trim({ topic: id, partition: 0 }, 1)
      yield* say(cancelled("b", LATER, 700))
      yield* written(one)
      assert.deepStrictEqual(yield* newest, [["a", 10, "7"]])
    })
  )

  test(
    "MJ6 each event that is read has its price, each that its bytes say is of others, and all bytes of what is read",
    Effect.gen(function* () {
      const { of, log, say, written, id, name } = yield* begin
      let [spent, bytes, scanned] = [0, 0, false]
      const amendments: Amendments = {
        allowance: {
          at: () => 1,
          spend: (micros) => {
            spent += micros
            return true
          }
        },
        inTurn: (effect) => {
          scanned = true
          return effect
        }
      }
      const read: Log["read"] = (...asked) =>
        Effect.tap(log.read(...asked), (found) =>
          Effect.sync(() => {
            for (const piece of found?.pieces ?? []) if (scanned && piece.is === "segment") bytes += piece.bytes.length
          })
        )
      const one = of(0, { id, name }, { read }, {}, { amendments })
      const [mine, others] = [{ symbol: "XBT1" }, { symbol: "ETH2" }]
      yield* say(
        ...Array.from({ length: 3 }, (_, n) => told(`a${n}`, 1, 10, mine)),
        ...Array.from({ length: 5 }, (_, n) => told(`b${n}`, 1, 10, others))
      )
      yield* written(one)
      assert.strictEqual(spent, 0)
      yield* say(told("", 70, 0, { ...mine, type: "cancel", ...original("a1", 1) }))
      yield* one.step()
      assert.isAbove(bytes, 0)
      assert.closeTo(spent, bytes / BYTES + 4 * READ + 5 * PASSED, 1e-6)
    })
  )
})
