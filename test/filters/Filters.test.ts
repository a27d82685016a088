import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { NO_FIGURES, sinceThen, sumOf } from "../../src/filters/Figures.ts"
import { Filters, NAMED, type NotHeld } from "../../src/filters/Filters.ts"
import { BY_VALUE, EVERY_EVENT, INDEXED } from "../../src/filters/Index.ts"
import { UNDECLARED, variablesIn } from "../../src/filters/Variables.ts"
import { event } from "./Events.ts"

const held = (filters: Filters, text: string) => Result.getOrThrow(filters.hold(text))
const refused = (filters: Filters, text: string): NotHeld => {
  const found = filters.hold(text)
  assert.isTrue(Result.isFailure(found), text)
  return (found as Result.Failure<never, NotHeld>).failure
}
const trade = (symbol: string, price: number) => event({ payload: JSON.stringify({ symbol, price }) })
const evaluated = ({ counts }: Filters) => Object.values(counts).reduce((sum, count) => sum + count, 0)

describe("Filters", () => {
  it("IX4 of ten thousand filters, an event has those looked at that ask for its value", () => {
    const filters = new Filters(UNDECLARED)
    for (let n = 0; n < 10_000; n++) held(filters, `symbol == "S${n}" && price > ${n % 100}`)
    assert.strictEqual(filters.match(trade("S77", 50)).length, 0)
    assert.deepStrictEqual(
      filters.match(trade("S77", 78)).map(({ filter }) => filter.text),
      ['symbol == "S77" && price > 77']
    )
    assert.strictEqual(evaluated(filters), 2)
    assert.strictEqual(filters.match(trade("nobody's", 78)).length, 0)
    assert.strictEqual(evaluated(filters), 2)
  })

  it("IX9 of each filter it is known what became of every event, whatever it was found by", () => {
    const filters = new Filters(UNDECLARED)
    filters.match(trade("A", 1))
    const [found, other] = [held(filters, 'symbol == "A" && price > 10'), held(filters, 'venue == "X"')]
    filters.match(trade("A", 1))
    const late = held(filters, 'symbol == "A" && int(price) / 0 > 1')
    const some = held(filters, 'venue == "Y"')
    filters.match(trade("A", 20))
    filters.match(trade("B", 20))
    filters.match(event({ payload: '{"venue":"X"}' }))
    filters.match(event({ payload: "none" }))
    const none = NO_FIGURES
    const [symbol, venue] = [{ missingField: "symbol" }, { missingField: "venue" }]
    assert.deepStrictEqual(filters.figures(found), { ...none, looked: 5, matched: 1, missing: 2, ...symbol })
    assert.deepStrictEqual(filters.figures(other), { ...none, looked: 5, matched: 1, missing: 4, ...venue })
    assert.deepStrictEqual(filters.figures(late), { ...none, looked: 4, missing: 2, failed: 1, ...symbol })
    assert.deepStrictEqual(filters.figures(some), { ...none, looked: 4, missing: 3, ...venue })
    const all = { looked: 18, matched: 2, missing: 11, failed: 1, costly: 0, ...venue }
    assert.deepStrictEqual([filters.take(), filters.take()], [all, none])
    filters.release(other)
    filters.match(event({ payload: "none" }))
    assert.deepStrictEqual(filters.take(), { ...none, looked: 3, missing: 3, ...venue })
    assert.deepStrictEqual(filters.figures(some), { ...none, looked: 5, missing: 4, ...venue })
  })

  it("IX10 it is known which field the last event lacked that lacked one, however the filter was found", () => {
    const filters = new Filters(UNDECLARED)
    const own = held(filters, 'symbol == "A" && order.total > 3 && limit > 1')
    const lacked = (payload: object) => {
      const before = filters.figures(own)
      filters.match(event({ payload: JSON.stringify(payload) }))
      return sinceThen(filters.figures(own), before).missingField
    }
    assert.strictEqual(lacked({ symbol: "A", order: {} }), "limit")
    assert.strictEqual(lacked({ symbol: "A", limit: 2 }), "order")
    assert.strictEqual(lacked({ order: {}, limit: 2 }), "symbol")
    assert.strictEqual(lacked({ symbol: "A", order: { total: 4 }, limit: 2 }), "")
    assert.strictEqual(lacked({ symbol: "A", limit: 2 }), "order")
    const [a, b] = [filters.figures(own), { ...NO_FIGURES, looked: 1 }]
    assert.deepStrictEqual([sumOf(a, b).missingField, sumOf(b, a).missingField], ["order", "order"])
    assert.strictEqual(sumOf(a, { ...b, missing: 1, missingField: "x" }).missingField, "x")
  })

  it("IX6 is evaluated once for all who hold it, and is there while one of them does", () => {
    const filters = new Filters(UNDECLARED)
    const [one, other] = [held(filters, "price > 1"), held(filters, "price > 1")]
    assert.strictEqual(one, other)
    assert.deepStrictEqual([filters.size, filters.match(trade("A", 2)).length, evaluated(filters)], [1, 1, 1])
    filters.release(one)
    assert.strictEqual(filters.match(trade("A", 2)).length, 1)
    filters.release(one)
    assert.deepStrictEqual([filters.size, filters.bytes, filters.match(trade("A", 2)).length], [0, 0, 0])
    const anew = held(filters, "price > 1")
    filters.release(one)
    assert.deepStrictEqual([filters.size, filters.match(trade("A", 2))], [1, [anew]])
  })

  it("IX5 who comes when it is full is refused, and may come when somebody has gone", () => {
    const few = new Filters(UNDECLARED, { entries: 2, bytes: 1_000_000 })
    const first = held(few, "a > 1")
    held(few, "a > 2")
    assert.include(JSON.stringify(refused(few, "a > 3")), "2 different filters")
    held(few, "a > 1")
    few.release(first)
    assert.isTrue(Result.isFailure(few.hold("a > 3")))
    few.release(first)
    held(few, "a > 3")

    const small = new Filters(UNDECLARED, { entries: 100, bytes: 10_000 })
    let taken = 0
    while (Result.isSuccess(small.hold(`a > ${taken}`))) taken++
    assert.isAbove(taken, 1)
    assert.isAtMost(small.bytes, 10_000)
  })

  it("IX5 IX8 what one event can make them do is bounded, wherever they stand", () => {
    const every = new Filters(UNDECLARED)
    let n = 0
    while (Result.isSuccess(every.hold(`price > ${n}`))) n++
    assert.isAtMost(n * held(every, "price > 0").filter.load, EVERY_EVENT + 100)
    assert.property(refused(every, "other > 1"), "full")
    held(every, 'symbol == "A" && price > 1')

    const one = new Filters(UNDECLARED)
    let load = 0
    for (let m = 0; load < BY_VALUE + EVERY_EVENT; m++) {
      const found = one.hold(`symbol == "A" && price > ${m}`)
      if (Result.isFailure(found)) break
      load += found.success.filter.load
    }
    assert.isAtMost(load, BY_VALUE + EVERY_EVENT)
    held(one, 'symbol == "B" && price > 1')
  })

  it("IX5 IX7 values of few variables are looked up, and what asks for others is evaluated", () => {
    const filters = new Filters(UNDECLARED)
    for (let n = 0; n < INDEXED + 5; n++) held(filters, `f${n} == 1`)
    const payload = JSON.stringify(Object.fromEntries(Array.from({ length: INDEXED + 5 }, (_, n) => [`f${n}`, n % 2])))
    const texts = filters.match(event({ payload })).map(({ filter }) => filter.text)
    assert.sameMembers(texts, ["f1 == 1", "f3 == 1", "f5 == 1", "f7 == 1", "f9 == 1", "f11 == 1"])
  })

  it("IX5 names of fields are bounded together, and those that nobody names any more are forgotten", () => {
    const filters = new Filters(UNDECLARED)
    const all = Array.from({ length: NAMED }, (_, n) => held(filters, `"x" == f${n} && f${n} != "y"`))
    const full = refused(filters, "another > 1")
    assert.include(JSON.stringify(full), `${NAMED} fields`)
    held(filters, 'f1 == "z"')
    filters.release(all[0]!)
    held(filters, "another > 1")
    assert.strictEqual(filters.match(event({ payload: '{"another":2,"f0":"x","f1":"z"}' })).length, 2)
  })

  it("FZ9 what has no fields is counted once, and says nothing of others", () => {
    const filters = new Filters(UNDECLARED)
    held(filters, "price > 1")
    held(filters, 'key == "k"')
    for (const payload of ["", "no JSON", "[1]", '{"price":2', '"x"'])
      assert.strictEqual(
        filters.match(event({ payload, key: "k" })).filter(({ filter }) => filter.text.startsWith("key")).length,
        1
      )
    assert.strictEqual(filters.unreadable, 5)
    const limit = Error.stackTraceLimit
    held(filters, "price > 5 || nope > 5")
    filters.match(trade("A", 1))
    assert.deepStrictEqual([filters.counts.failed, Error.stackTraceLimit], [1, limit])
  })

  it("VB3 a schema of the same text is read once", () => {
    const text = JSON.stringify({ properties: { price: { type: "number" } } })
    assert.strictEqual(variablesIn(text), variablesIn(` ${text}`.slice(1)))
    assert.deepStrictEqual(variablesIn(text).fields, new Map([["price", "double"]]))
    assert.notStrictEqual(variablesIn(`${text} `), variablesIn(text))
    assert.strictEqual(variablesIn(null), UNDECLARED)
  })

  it("IX5 IX8 nobody has more than four fifths of a bound alone, and others come then", () => {
    const most = (hold: (n: number) => boolean) => {
      let n = 0
      while (n < 20_000 && hold(n)) n++
      return n
    }
    const filters = new Filters(UNDECLARED)
    const dear = (n: number) => `text.contains("${n}") || text.contains("x") || text.contains("y")`
    const own = most((n) => Result.isSuccess(filters.hold(dear(n), "eve")))
    assert.isAbove(own, 10)
    const others = most((n) => Result.isSuccess(filters.hold(dear(n + 20_000), "ann")))
    assert.isAtLeast(others, Math.floor(own / 4) - 1)
    assert.property(refused(filters, dear(99_999)), "full")

    const one = new Filters(UNDECLARED)
    const hot = (n: number) => `symbol == "A" && price > ${n}`
    // What doesn't fit under its value stands with what is found for every event.
    const eve = most((n) => Result.isSuccess(one.hold(hot(n), "eve")))
    const ann = most((n) => Result.isSuccess(one.hold(hot(n + 20_000), "ann")))
    assert.isAtLeast(ann, Math.floor(eve / 4) - 2)

    const few = new Filters(UNDECLARED, { entries: 10, bytes: 1_000_000 })
    assert.strictEqual(
      most((n) => Result.isSuccess(few.hold(`a > ${n}`, "eve"))),
      8
    )
    assert.strictEqual(
      most((n) => Result.isSuccess(few.hold(`b > ${n}`, "ann"))),
      2
    )

    const named = new Filters(UNDECLARED)
    const fields = most((n) => Result.isSuccess(named.hold(`f${n} == 1 && f${n} != 2`, "eve")))
    assert.strictEqual(fields, NAMED * 0.8)
    assert.isTrue(Result.isSuccess(named.hold("g == 1", "ann")))
  })

  it("IX8 what is made of events for readers is counted with what finds them, and given back", () => {
    const filters = new Filters(UNDECLARED)
    const reserved: Array<() => void> = []
    for (let end = filters.reserve(undefined, 500); end !== undefined; end = filters.reserve(undefined, 500))
      reserved.push(end)
    assert.strictEqual(reserved.length, EVERY_EVENT / 500)
    assert.property(refused(filters, "price > 1"), "full")
    const own = held(filters, 'symbol == "A"')
    let found = 0
    while (filters.reserve(own, 500, "eve") !== undefined) found++
    assert.strictEqual(found, Math.floor((BY_VALUE * 0.8) / 500))
    reserved.pop()!()
    held(filters, "price > 1")
  })
})
