import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type { Log } from "../../src/topics/TopicLog.ts"
import { at, begin, cancelled, counted, DAY, original, test, told } from "../support/MarketFeed.ts"
import { newTopic } from "../support/Topics.ts"

describe("Amending", () => {
  test(
    "MJ3 a trade that is cancelled or corrected leaves nothing of what it was, in minutes, days and what is newest",
    Effect.gen(function* () {
      const { make, say, written, bars, latest } = yield* begin
      const one = make()
      yield* say(told("a", 1, 10), told("high", 2, 99), told("b", 3, 20), told("c", 61, 30), told("late", 62, 77))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 99, 10, 77, "5"]])
      yield* say(told("high", 70, 0, { type: "cancel", ...original("high", 2) }), told("d", 4, 15))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1m"), [
        [10, 20, 10, 15, "3"],
        [30, 77, 30, 77, "2"]
      ])
      yield* say(told("late", 80, 31, { type: "correction", ...original("late", 62), size: 4 }))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 31, 10, 31, "8"]])
      assert.deepStrictEqual(yield* latest, ["late"])
    })
  )

  test(
    "MJ3 MX5 a cancel in one topic, or one partition, takes nothing of what others told, and forgets nothing of theirs",
    Effect.gen(function* () {
      const { of, say, sayTo, written, bars, latest, make } = yield* begin
      const other = yield* newTopic()
      const [mine, beside, theirs] = [make(), of(1), of(0, other)]
      const all = Effect.forEach([mine, beside, theirs], written)
      yield* all
      yield* say(told("a1", 1, 10), told("a2", 2, 11))
      yield* sayTo(0, other.id)(told("b1", 3, 99), told("b2", 70, 50))
      yield* all
      yield* say(cancelled("a2", 2))
      yield* all
      assert.deepStrictEqual(yield* bars("1m"), [
        [10, 99, 10, 99, "2"],
        [50, 50, 50, 50, "1"]
      ])
      assert.deepStrictEqual(yield* latest, ["b2"])
      // As where partitions were added: the symbol is in another one now.
      yield* sayTo(1)(cancelled("a1", 1), cancelled("b1", 3))
      yield* sayTo(0, other.id)(cancelled("a1", 1))
      yield* all
      assert.deepStrictEqual(yield* bars("1d"), [[10, 99, 10, 50, "3"]])
      assert.deepStrictEqual(yield* latest, ["b2"])
    })
  )

  test(
    "MJ3 MJ7 a cancel changes the minute that it names where its trade is in it, and is counted as not done where it isn't",
    Effect.gen(function* () {
      const { make, say, written, bars } = yield* begin
      const one = make()
      yield* say(told("a", 1, 10), told("b", 2, 20), told("c", 61, 30))
      yield* written(one)
      const [done, not] = [yield* counted("amended"), yield* counted("not amended")]
      yield* say(cancelled("none", 2), cancelled("c", 2), cancelled("b", 200))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 30, 10, 30, "3"]])
      assert.strictEqual((yield* counted("not amended")) - not, 3)
      yield* say(cancelled("b", 2))
      yield* say(cancelled("b", 2))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 30, 10, 30, "2"]])
      assert.strictEqual((yield* counted("amended")) - done, 2)
    })
  )

  test(
    "MJ2 MJ3 what counts once counts once when its minute is made anew: by its id, or else by its number",
    Effect.gen(function* () {
      const { make, say, written, bars } = yield* begin
      const one = make()
      const numbered = (sequence: number, price: number) => told(undefined, 1, price, { sequence: String(sequence) })
      yield* say(
        numbered(7, 10),
        numbered(7, 10),
        told(" ".trim() || undefined, 1, 10),
        told("#7", 1, 12),
        told("x", 2, 11)
      )
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1m"), [[10, 12, 10, 11, "4"]])
      yield* say(told("far", 10 * 86_400, 1), cancelled("x", 2))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1m"), [[10, 12, 10, 10, "3"]])
    })
  )

  test(
    "MJ3 a minute of which the log has no more, or has a hole, stays as it was",
    Effect.gen(function* () {
      const { of, say, written, bars, log, id, name } = yield* begin
      let hole = false
      const read: Log["read"] = (partition, from, options) =>
        Effect.map(log.read(partition, from, options), (found) => {
          const [first, ...more] = found?.pieces ?? []
          if (!hole || first?.is !== "segment" || from.offset > 0) return found
          return { ...found!, pieces: [{ is: "gap", from: 0, to: first.base + first.count, why: "corrupt" }, ...more] }
        })
      const one = of(0, { id, name }, { read })
      yield* say(told("a", 1, 10), told("b", 2, 20))
      yield* say(told("c", 3, 30))
      yield* written(one)
      hole = true
      yield* say(cancelled("c", 3))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 30, 10, 30, "3"]])
      hole = false
      yield* log.trim({ topic: id, partition: 0 }, 1)
      yield* say(cancelled("b", 2))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 30, 10, 30, "3"]])
    })
  )

  test(
    "MJ3 what is newest is never what was cancelled or corrected, also in what is read at once with it",
    Effect.gen(function* () {
      const { make, say, written, latest } = yield* begin
      yield* say(told("a", 1, 10), told("b", 2, 20), told("c", 70, 30), cancelled("c", 70), cancelled("b", 2))
      yield* written(make())
      assert.deepStrictEqual(yield* latest, ["a"])
    })
  )

  test(
    "MJ6 so many bytes may be read again, and what is read for the first time allows more of it",
    Effect.gen(function* () {
      const { of, say, written, bars, id, name } = yield* begin
      const one = of(0, { id, name }, {}, {}, { amendingBytes: 40_000 })
      yield* say(...Array.from({ length: 100 }, (_, n) => told(`a${n}`, 1, n)))
      yield* written(one)
      const [done, not] = [yield* counted("amended"), yield* counted("not amended")]
      let cancels = 0
      while ((yield* counted("not amended")) === not && cancels < 50) {
        yield* say(cancelled(`a${cancels++}`, 1))
        yield* written(one)
      }
      const amended = (yield* counted("amended")) - done
      assert.isAbove(amended, 1)
      assert.strictEqual(amended, cancels - 1)
      assert.deepStrictEqual(
        (yield* bars("1d")).map((bar) => bar.at(-1)),
        [String(100 - amended)]
      )
      yield* say(...Array.from({ length: 100 }, (_, n) => told(`b${n}`, 61, n)))
      yield* written(one)
      yield* say(cancelled("a99", 1))
      yield* written(one)
      assert.strictEqual((yield* counted("amended")) - done, amended + 1)
    })
  )

  test(
    "MJ6 what needs more than may be read at once is not done, and neither is what needs minutes that are gone",
    Effect.gen(function* () {
      const { of, say, written, bars, id, name } = yield* begin
      const tight = of(0, { id, name }, {}, {}, { amendingBytes: 2_000 })
      yield* say(...Array.from({ length: 20 }, (_, n) => told(`a${n}`, 1, n)))
      yield* written(tight)
      const [done, not] = [yield* counted("amended"), yield* counted("not amended")]
      yield* say(cancelled("a7", 1))
      yield* written(tight)
      const volumes = Effect.map(bars("1d"), (all) => all.map((bar) => bar.at(-1)))
      assert.deepStrictEqual(yield* volumes, ["20"])
      // From noon of the day before on: of that day there are no whole bars of minutes.
      const keepMillis = Date.now() - (at - DAY / 2)
      const short = of(0, { id, name }, {}, {}, { keepMillis })
      yield* say(told("late", -18_000, 5), cancelled("late", -18_000))
      yield* written(short)
      assert.deepStrictEqual(yield* volumes, ["1", "20"])
      assert.strictEqual((yield* counted("not amended")) - not, 2)
      assert.strictEqual((yield* counted("amended")) - done, 0)
    })
  )
})
