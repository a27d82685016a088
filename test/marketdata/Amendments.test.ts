import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import {
  ALLOWED,
  AllAmendments,
  Allowance,
  AT_ONCE,
  AT_ONCE_OF_OWNER,
  GONE,
  OF_NODE,
  OF_OWNER,
  READ,
  REMEMBERED,
  SHARE
} from "../../src/marketdata/Amendments.ts"
import type { Log } from "../../src/topics/TopicLog.ts"
import { begin, cancelled, counted, layer, test, told } from "../support/MarketFeed.ts"
import { newTopic } from "../support/Topics.ts"

/** Microseconds. */
const SLICE = 10_000
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
        const one = of(0, { id, name }, {}, {}, { amendments: all.of({ name, createdBy: "eve" }) })
        const beside = of(0, other, {}, {}, { amendments: all.of({ name: other.name, createdBy: "ann" }) })
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

  it.effect(
    "MJ6 of a node so many topics make minutes anew at once, fewer of one owner, and others come before the rest",
    () =>
      Effect.gen(function* () {
        const all = new AllAmendments()
        const [begun, go]: [Array<string>, Deferred.Deferred<void>] = [[], yield* Deferred.make<void>()]
        const begin = (createdBy: string, name: string) => {
          const work = Effect.andThen(
            Effect.sync(() => begun.push(name)),
            name === "eve0" ? Deferred.await(go) : Effect.never
          )
          return Effect.forkChild(all.of({ name, createdBy }).inTurn(work))
        }
        for (let n = 0; n < AT_ONCE + 2; n++) yield* begin("eve", `eve${n}`)
        yield* settle
        assert.lengthOf(begun, AT_ONCE_OF_OWNER)
        yield* begin("ann", "ann0")
        yield* settle
        assert.deepStrictEqual(begun.splice(0), ["eve0", "eve1", "eve2", "ann0"])
        for (let owner = 0; owner < AT_ONCE; owner++) yield* begin(`other${owner}`, `other${owner}`)
        yield* settle
        assert.lengthOf(begun.splice(0), AT_ONCE - 4)
        yield* Deferred.succeed(go, undefined)
        yield* settle
        assert.deepStrictEqual(begun, ["other4"])
      })
  )

  it("MJ6 whoever has however many topics has an owner's part of what a node gives, and what is left of it is others'", () => {
    const all = new AllAmendments()
    const [at, named] = [1_000, (name: string, createdBy: string) => all.of({ name, createdBy }).allowance]
    /** How much of it could be used up, in microseconds. */
    const used = (createdBy: string, topics: number, now = at) => {
      let micros = 0
      for (let n = 0; n < topics; n++) {
        const allowance = named(`${createdBy}/${n}`, createdBy)
        for (let may = allowance.at(now) > 0; may; micros += SLICE) may = allowance.spend(SLICE)
      }
      return micros
    }
    assert.strictEqual(used("eve", 1), ALLOWED)
    assert.strictEqual(used("eve", 100), OF_OWNER.allowed - ALLOWED)
    // A node has no more than that at once, and from then on its share.
    assert.strictEqual(used("ann", 1), OF_NODE.allowed - OF_OWNER.allowed)
    assert.strictEqual(used("bob", 1), 0)
    const whole = 8_000_000
    assert.approximately(used("eve", 100, at + 8_000), whole * OF_OWNER.share, SLICE)
    assert.approximately(used("bob", 100, at + 8_000), whole * (OF_NODE.share - OF_OWNER.share), SLICE)
    assert.strictEqual(used("zoe", 1, at + 8_000), 0)
    // Two of them leave something, and a topic something of its owner's.
    assert.isBelow(2 * OF_OWNER.share, OF_NODE.share)
    assert.isAbove(OF_OWNER.share, SHARE)
  })

  it("MJ6 a topic that is deleted and made anew goes on with what it had left, and so does who made it, for a while", () => {
    const all = new AllAmendments()
    const [MINUTE, eve] = [60_000, { name: "md/eve", createdBy: "eve" }]
    const left = (of = eve, now = 0) => all.of(of).allowance.at(now)
    all.keep(new Set(["md/eve", "md/ann"]), 0)
    assert.strictEqual(left(), ALLOWED)
    assert.isFalse(all.of(eve).allowance.spend(ALLOWED))
    assert.isTrue(left({ name: "md/eve/2", createdBy: "eve" }) > 0)
    all.of({ name: "md/eve/2", createdBy: "eve" }).allowance.spend(OF_OWNER.allowed - ALLOWED)
    all.keep(new Set(["md/ann"]), 0)
    assert.strictEqual(left(), 0)
    // Nor with another name, nor as somebody else's of that name.
    assert.strictEqual(left({ name: "md/eve/3", createdBy: "eve" }), 0)
    assert.strictEqual(left({ name: "md/eve", createdBy: "bob" }), 0)
    all.keep(new Set(["md/ann"]), 0)
    all.keep(new Set(["md/ann"]), REMEMBERED - MINUTE)
    assert.strictEqual(all.size, 5)
    // What comes back is not gone.
    all.keep(new Set(["md/ann", "md/eve"]), REMEMBERED - MINUTE)
    all.keep(new Set(["md/ann", "md/eve"]), REMEMBERED)
    assert.strictEqual(all.size, 2)
    all.keep(new Set(["md/ann"]), REMEMBERED)
    all.keep(new Set(["md/ann"]), 2 * REMEMBERED)
    assert.strictEqual(all.size, 0)
    assert.strictEqual(left(eve, 2 * REMEMBERED), ALLOWED)
  })

  it("MJ6 of those that are deleted it remembers so many, those that went last, and who made them", () => {
    const all = new AllAmendments()
    const made = (n: number) => ({ name: `md/${n}`, createdBy: "eve" })
    all.of(made(-1)).allowance.spend(OF_OWNER.allowed)
    for (let n = 0; n < GONE + 9; n++) all.of(made(n))
    all.keep(new Set(), 1_000)
    assert.strictEqual(all.size, GONE + 1)
    assert.isAtMost(all.of(made(GONE + 9)).allowance.at(1_000), 0)
  })
})
