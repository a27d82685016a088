import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ALLOWED, AllAmendments, Allowance, AT_ONCE, READ, SHARE } from "../../src/marketdata/Amendments.ts"
import type { Log } from "../../src/topics/TopicLog.ts"
import { begin, cancelled, counted, layer, test, told } from "../support/MarketFeed.ts"
import { newTopic } from "../support/Topics.ts"

/** Lets what can go on go on. */
const settle = Effect.repeat(
  Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
  { times: 50 }
)

describe("Amendments", () => {
  it("MJ6 time is used up by what is done, comes again at its share of what passes, and is never more than is allowed", () => {
    const allowance = new Allowance()
    assert.strictEqual(allowance.at(5_000), ALLOWED)
    assert.isTrue(allowance.spend(ALLOWED - READ))
    assert.isFalse(allowance.spend(READ))
    assert.strictEqual(allowance.at(5_000), 0)
    assert.strictEqual(allowance.at(6_000), 1_000_000 * SHARE)
    // A clock that goes back gives nothing, and takes nothing.
    assert.strictEqual(allowance.at(1_000), 1_000_000 * SHARE)
    assert.strictEqual(allowance.at(6_000), 1_000_000 * SHARE)
    assert.strictEqual(allowance.at(6_000_000), ALLOWED)
  })

  it.effect(
    "MJ6 a topic whose time is used up has its cancels counted as not done, until some has passed; another one has its own",
    () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.now())
        const { of, say, sayTo, written, id, name } = yield* begin
        const other = yield* newTopic()
        const all = new AllAmendments(60 * READ)
        const one = of(0, { id, name }, {}, {}, { amendments: all.of(id) })
        const beside = of(0, other, {}, {}, { amendments: all.of(other.id) })
        yield* say(...Array.from({ length: 40 }, (_, n) => told(`a${n}`, 1, n)))
        yield* sayTo(0, other.id)(told("b", 1, 1))
        yield* written(one)
        const [done, not] = [yield* counted("amended"), yield* counted("not amended")]
        const more = Effect.all([
          Effect.map(counted("amended"), (n) => n - done),
          Effect.map(counted("not amended"), (n) => n - not)
        ])
        yield* say(cancelled("a0", 1))
        yield* written(one)
        assert.deepStrictEqual(yield* more, [1, 0])
        yield* say(cancelled("a1", 1))
        yield* written(one)
        assert.deepStrictEqual(yield* more, [1, 1])
        yield* sayTo(0, other.id)(cancelled("b", 1))
        yield* written(beside)
        assert.deepStrictEqual(yield* more, [2, 1])
        yield* TestClock.adjust("1 second")
        yield* say(cancelled("a2", 1))
        yield* written(one)
        assert.deepStrictEqual(yield* more, [3, 1])
      }).pipe(Effect.provide(layer))
  )

  test(
    "MJ6 MJ11 while one topic reads again, others write and make anew; of the same one another partition waits, with all that came first written",
    Effect.gen(function* () {
      const { of, say, sayTo, written, id, name, volumes } = yield* begin
      const ann = yield* newTopic()
      const [go, asked] = [yield* Deferred.make<void>(), { eve: 0, beside: 0 }]
      const found =
        (log: Pick<Log, "find">, who: keyof typeof asked): Log["find"] =>
        (...at) => {
          asked[who]++
          return Effect.andThen(Deferred.await(go), log.find(...at))
        }
      const { log } = yield* begin
      const eve = of(0, { id, name }, { find: found(log, "eve") })
      const beside = of(1, { id, name }, { find: found(log, "beside") })
      const her = of(0, ann)
      yield* say(told("a", 1, 10), told("b", 2, 10), cancelled("a", 1))
      yield* sayTo(1)(told("c", 1, 10), told("d", 2, 10), cancelled("c", 1), told("e", 3, 10))
      yield* sayTo(0, ann.id)(told("f", 1, 10), told("g", 2, 10), cancelled("f", 1), told("h", 3, 10))
      const reading = yield* Effect.forkChild(written(eve))
      const waiting = yield* Effect.forkChild(written(beside))
      yield* settle
      assert.deepStrictEqual(asked, { eve: 1, beside: 0 })
      yield* written(her)
      assert.deepStrictEqual(yield* volumes(ann.name), ["2"])
      // Of each partition what came before its cancel.
      assert.deepStrictEqual(yield* volumes(name), ["4"])
      yield* Deferred.succeed(go, undefined)
      yield* Effect.andThen(Fiber.join(reading), Fiber.join(waiting))
      assert.deepStrictEqual(asked, { eve: 1, beside: 1 })
      assert.deepStrictEqual(yield* volumes(name), ["3"])
    })
  )

  it.effect("MJ6 of a node so many topics make minutes anew at once, and the next one when one of them is done", () =>
    Effect.gen(function* () {
      const all = new AllAmendments()
      const go = yield* Deferred.make<void>()
      const begun: Array<number> = []
      const fibers = yield* Effect.forEach(
        Array.from({ length: AT_ONCE + 2 }, (_, n) => n),
        (n) => {
          const work = Effect.andThen(
            Effect.sync(() => begun.push(n)),
            n === 0 ? Deferred.await(go) : Effect.never
          )
          return Effect.forkChild(all.of(n).inTurn(work))
        }
      )
      yield* settle
      assert.lengthOf(begun, AT_ONCE)
      yield* Deferred.succeed(go, undefined)
      yield* settle
      assert.lengthOf(begun, AT_ONCE + 1)
      // What is forgotten begins anew.
      const before = all.of(1)
      all.keep(new Set([1]))
      assert.strictEqual(all.of(1), before)
      all.keep(new Set())
      assert.notStrictEqual(all.of(1), before)
      yield* Effect.forEach(fibers, Fiber.interrupt)
    })
  )
})
