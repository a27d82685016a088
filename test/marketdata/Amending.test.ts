import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type { Log } from "../../src/topics/TopicLog.ts"
import { anotherHistory, at, begin, cancelled, counted, DAY, original, test, told } from "../support/MarketFeed.ts"
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
    "MJ3 MB4 trades that come between two cancels, and one of them is taken back at once: bars have all of the others",
    Effect.gen(function* () {
      const { make, say, written, bars } = yield* begin
      const one = make()
      yield* say(told("a", 1, 10), told("b", 2, 20))
      yield* written(one)
      // Six minutes later: the first of a bar of five minutes, which comes and goes while another minute is made anew.
      yield* say(cancelled("b", 2), told("c", 361, 30), told("d", 362, 40), cancelled("c", 361))
      yield* written(one)
      for (const width of ["1m", "5m"] as const)
        assert.deepStrictEqual(yield* bars(width), [
          [10, 10, 10, 10, "1"],
          [40, 40, 40, 40, "1"]
        ])
      yield* say(told("e", 423, 50))
      yield* written(one)
      assert.deepStrictEqual((yield* bars("5m"))[1], [40, 50, 40, 50, "2"])
      assert.deepStrictEqual(yield* bars("1d"), [[10, 50, 10, 50, "3"]])
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
    "MJ10 MJ3 what is newest is never what was cancelled or corrected, also in what is read at once with it",
    Effect.gen(function* () {
      const { make, say, written, latest } = yield* begin
      yield* say(told("a", 1, 10), told("b", 2, 20), told("c", 70, 30), cancelled("c", 70), cancelled("b", 2))
      yield* written(make())
      assert.deepStrictEqual(yield* latest, ["a"])
    })
  )

  test(
    "MJ3 MJ10 where what is newest is taken back, the one before it is, also where the log is not read from so far back, or has it no more",
    Effect.gen(function* () {
      const { of, log, id, name, say, written, latest, newest } = yield* begin
      const epoch = (yield* log.bounds([id]))[0]!.epoch
      // As of a live feed: what came long before the minute is before the place that is found.
      let found = 2
      const find: Log["find"] = () => Effect.succeed({ epoch, offset: found })
      const one = of(0, { id, name }, { find })
      yield* say(told("a", 1, 10), told("b", 240, 15, { size: 7 }))
      // It came late: it is older than what came before it.
      yield* say(told("c", 300, 20), told("late", 120, 12))
      yield* written(one)
      yield* say(cancelled("c", 300, 310))
      yield* written(one)
      assert.deepStrictEqual(yield* newest, [["b", 15, "7"]])
      found = 1
      yield* say(cancelled("b", 240, 310))
      yield* written(one)
      assert.deepStrictEqual(yield* latest, ["late"])
      yield* log.trim({ topic: id, partition: 0 }, 3)
      found = 4
      yield* say(told("d", 400, 9), cancelled("late", 120, 500))
      yield* written(one)
      found = 6
      yield* say(told("e", 500, 9), cancelled("e", 500, 510))
      yield* written(one)
      assert.deepStrictEqual(yield* newest, [["d", 9, "1"]])
      yield* log.trim({ topic: id, partition: 0 }, 7)
      found = 8
      yield* say(told("f", 600, 9), cancelled("f", 600, 610))
      yield* written(one)
      assert.deepStrictEqual(yield* newest, [["", 9, "0"]])
    })
  )

  test(
    "MJ3 what another history of the partition told stays: a minute that reaches back to where this one began is not made anew",
    Effect.gen(function* () {
      const { of, log, id, say, written, bars } = yield* begin
      const one = of(0)
      yield* say(told("a", 1, 10), told("high", 2, 99))
      yield* written(one)
      const anew = of(0, undefined, yield* anotherHistory(log, id, 2))
      yield* say(told("b", 3, 20), told("c", 4, 30))
      yield* written(anew)
      yield* say(cancelled("c", 4))
      yield* written(anew)
      assert.deepStrictEqual(yield* bars("1m"), [[10, 99, 10, 30, "4"]])
      // One that began after it was known is its own.
      const far = 10 * 60
      yield* say(told("d", far, 1), told("e", far, 2), cancelled("e", far))
      const later = of(0, undefined, {
        ...(yield* anotherHistory(log, id, 2)),
        find: () => Effect.succeed({ epoch: 7, offset: 3 })
      })
      yield* written(later)
      assert.deepStrictEqual((yield* bars("1m"))[1], [1, 1, 1, 1, "1"])
    })
  )

  test(
    "MJ3 a history that ends while it is read again changes nothing",
    Effect.gen(function* () {
      const { of, log, id, say, written, bars } = yield* begin
      const one = of(0)
      yield* say(told("a", 1, 10), told("b", 2, 20))
      yield* written(one)
      const other = yield* anotherHistory(log, id, 0)
      // The first read is of the events that are new.
      const first = (once: Log["read"], then: Log["read"]): Log["read"] => {
        let reads = 0
        return (...asked) => (reads++ === 0 ? once : then)(...asked)
      }
      const found: Log["find"] = () => Effect.succeed({ epoch: 7, offset: 1 })
      yield* say(cancelled("b", 2))
      yield* of(0, undefined, { ...other, find: found, read: first(log.read, other.read) }).step()
      assert.deepStrictEqual(yield* bars("1m"), [[10, 20, 10, 20, "2"]])
      const renamed: Log["read"] = (...asked) => Effect.map(log.read(...asked), (its) => its && { ...its, epoch: 7 })
      yield* say(cancelled("b", 2))
      yield* of(0, undefined, { read: first(log.read, renamed) }).step()
      assert.deepStrictEqual(yield* bars("1m"), [[10, 20, 10, 20, "2"]])
    })
  )

  test(
    "MJ6 what needs more trades than may be kept is not done, and neither is what needs minutes that are gone",
    Effect.gen(function* () {
      const { of, say, written, bars, id, name } = yield* begin
      const tight = of(0, { id, name }, {}, {}, { amendedTrades: 20 })
      yield* say(...Array.from({ length: 20 }, (_, n) => told(`a${n}`, 1, n)))
      yield* written(tight)
      const [done, not] = [yield* counted("amended"), yield* counted("not amended")]
      yield* say(cancelled("a7", 1), told("a20", 1, 20))
      yield* written(tight)
      const volumes = Effect.map(bars("1d"), (all) => all.map((bar) => bar.at(-1)))
      assert.deepStrictEqual(yield* volumes, ["21"])
      yield* say(told("b", 61, 1), cancelled("b", 61))
      yield* written(tight)
      assert.deepStrictEqual(yield* volumes, ["21"])
      assert.strictEqual((yield* counted("amended")) - done, 1)
      // From noon of the day before on: of that day there are no whole bars of minutes.
      const keepMillis = Date.now() - (at - DAY / 2)
      const short = of(0, { id, name }, {}, {}, { keepMillis })
      yield* say(told("late", -18_000, 5), cancelled("late", -18_000))
      yield* written(short)
      assert.deepStrictEqual(yield* volumes, ["1", "21"])
      assert.strictEqual((yield* counted("not amended")) - not, 2)
      assert.strictEqual((yield* counted("amended")) - done, 1)
    })
  )
})
