/** What a node writes of its subscriptions at once, and what becomes of one of which nothing can be written. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { Unkeepable } from "../../src/errors/Unkeepable.ts"
import type { CursorStore, Flush, Flushed } from "../../src/subscriptions/CursorStore.ts"
import { Fetching } from "../../src/subscriptions/Fetching.ts"
import { makeWriting } from "../../src/subscriptions/Writing.ts"
import type { Log } from "../../src/topics/TopicLog.ts"
import { Host, nothingLost, receiptsOf } from "./Host.ts"

const hosted = Effect.fnUntraced(function* (id: string) {
  const host = new Host("shared", { id, maxInFlight: 10_000 })
  host.log.append(
    0,
    Array.from({ length: 3 }, (_, n) => [null, `e${n}`] as const)
  )
  host.claim()
  host.join("a", 10_000)
  yield* host.run(12)
  host.sent("a")
  host.answer("a", "accept", 0, Number(id))
  return host
})

const written = (flush: (all: ReadonlyArray<Flush>) => ReturnType<CursorStore["Service"]["flush"]>) => {
  const writes: Array<ReadonlyArray<string>> = []
  const given: Array<string> = []
  const store = {
    flush: (all: ReadonlyArray<Flush>) => {
      writes.push(all.map(({ id }) => id))
      return flush(all)
    },
    give: (_: string, shares: ReadonlyArray<{ readonly id: string }>) =>
      Effect.sync(() => void given.push(...shares.map(({ id }) => id)))
  } as unknown as CursorStore["Service"]
  const its = { now: 0 }
  return { its, writes, given, made: makeWriting({ run: "a", store, now: () => its.now, wake: () => {} }) }
}

describe("Writing", () => {
  it.effect("WO2 one that the store refuses, or that can't be saved, holds up no other, and is given up", () =>
    Effect.gen(function* () {
      const hosts = yield* Effect.forEach(["1", "2", "3", "4"], (id) => hosted(id))
      const bad = failure("Internal", "that can't be")
      const { made, given } = written((all) => (all.some(({ id }) => id === "2") ? bad : Effect.succeed(nothingLost)))
      const { dirty, flush } = yield* made
      const [broken] = [...hosts[2]!.serving.machine.cursors]
      broken!.save = () => {
        throw new Error("it can't be saved")
      }
      for (const { serving } of hosts) dirty.add(serving)
      yield* flush
      const told = hosts.map((host) => receiptsOf(host.sent("a")).join())
      assert.deepStrictEqual(told, ["durable 1", "lost 2", "lost 3", "durable 4"])
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(given.sort(), ["2", "3"])
      assert.deepStrictEqual(
        hosts.map(({ serving }) => serving.held.size),
        [1, 0, 0, 1]
      )
    })
  )

  it.effect("WO3 where all fail in the same way it is the store: they keep what they have, and are written later", () =>
    Effect.gen(function* () {
      for (const ids of [["1"], ["1", "2", "3"]]) {
        const hosts = yield* Effect.forEach(ids, (id) => hosted(id))
        let refuses = true
        const bad = failure("Internal", "nobody may write")
        const { made, given } = written(() => (refuses ? bad : Effect.succeed(nothingLost)))
        const { dirty, flush } = yield* made
        for (const { serving } of hosts) dirty.add(serving)
        for (let n = 0; n < 3; n++) assert.strictEqual((yield* Effect.flip(flush)).name, "Internal")
        assert.deepStrictEqual(given, [])
        assert.isTrue(hosts.every((host) => host.serving.held.size === 1 && receiptsOf(host.sent("a")).length === 0))
        refuses = false
        yield* flush
        assert.deepStrictEqual(
          hosts.map((host) => receiptsOf(host.sent("a")).join()),
          ids.map((id) => `durable ${id}`)
        )
        assert.strictEqual(dirty.size, 0)
      }
    })
  )

  it.effect(
    "WO2 WO3 what no store could take is given up, also when it is alone; with a store that refuses the rest that waits",
    () =>
      Effect.gen(function* () {
        const [one, two] = [yield* hosted("1"), yield* hosted("2")]
        const never = new Unkeepable({ message: "that can't be" })
        const { made, given } = written((all) =>
          all.some(({ id }) => id === "1") ? Effect.fail(never) : failure("Internal", "nobody may write")
        )
        const { dirty, flush } = yield* made
        for (const { serving } of [one, two]) dirty.add(serving)
        assert.strictEqual((yield* Effect.flip(flush)).name, "Internal")
        yield* TestClock.adjust(0)
        assert.deepStrictEqual([given, one.serving.held.size, two.serving.held.size], [["1"], 0, 1])
        const alone = yield* hosted("1")
        dirty.clear()
        dirty.add(alone.serving)
        yield* flush
        assert.strictEqual(alone.serving.held.size, 0)
      })
  )

  it.effect("WO2 what was gathered is written when one that can't be saved can't be given up either", () =>
    Effect.gen(function* () {
      const hosts = yield* Effect.forEach(["1", "2"], (id) => hosted(id))
      const writes: Array<ReadonlyArray<string>> = []
      const store = {
        flush: (all: ReadonlyArray<Flush>) =>
          Effect.sync(() => {
            writes.push(all.map(({ id }) => id))
            return nothingLost
          }),
        give: () => failure("DatabaseUnavailable", "away")
      } as unknown as CursorStore["Service"]
      const { dirty, flush } = yield* makeWriting({ run: "a", store, now: () => 0, wake: () => {} })
      const [broken] = [...hosts[1]!.serving.machine.cursors]
      broken!.save = () => {
        throw new Error("it can't be saved")
      }
      for (const { serving } of hosts) dirty.add(serving)
      yield* flush
      yield* flush
      assert.deepStrictEqual(writes, [["1"]])
      assert.deepStrictEqual(receiptsOf(hosts[0]!.sent("a")), ["durable 1"])
    })
  )

  it.effect(
    "WO4 what is about to be given up stays no more; where its write fails, nothing goes out before it is written anew",
    () =>
      Effect.gen(function* () {
        const host = yield* hosted("1")
        host.answer("a", "accept", 1, 2)
        host.answer("a", "accept", 2, 3)
        const { serving } = host
        const [cursor] = serving.machine.cursors
        const stand = (consumers: number) => {
          const nodes = consumers === 0 ? [] : [{ run: "a", consumers, lives: [] }]
          const shares = [{ share: 0, run: "a", token: 1n }]
          serving.stand({ subscription: serving.subscription, now: 0, stamp: "", nodes, shares }, "a", host.now)
        }
        stand(0)
        assert.isTrue(serving.leaving.has(0) && serving.isIdle(0))
        const asked = yield* Deferred.make<void>()
        const answer = yield* Deferred.make<Flushed, HeraldError>()
        const { made, given } = written(() =>
          Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer))
        )
        const { giveUp } = yield* made
        const giving = yield* Effect.forkChild(giveUp([[serving, [0]]]))
        yield* Deferred.await(asked)
        stand(1)
        assert.isTrue(serving.leaving.has(0), "it is going")
        const before = cursor!.durableMark
        yield* Deferred.fail(answer, failure("DatabaseUnavailable", "who knows whether it was written"))
        assert.isTrue(Exit.isFailure(yield* Fiber.await(giving)))
        assert.deepStrictEqual(given, [])
        stand(1)
        assert.isFalse(serving.leaving.has(0))
        host.log.append(0, [[null, "e3"]])
        host.fetching.grown(undefined)
        assert.deepStrictEqual([before > 3, yield* host.run(3, false)], [true, []])
        assert.isTrue(serving.isDirty)
        host.keep()
        assert.deepStrictEqual(yield* host.run(3, false), ["a:3"])
      })
  )

  it.effect("WO2 while the store is away all wait, and are written when it is back", () =>
    Effect.gen(function* () {
      const host = yield* hosted("1")
      let away = true
      const { made, writes } = written(() =>
        away ? failure("DatabaseUnavailable", "away") : Effect.succeed(nothingLost)
      )
      const { dirty, flush } = yield* made
      dirty.add(host.serving)
      assert.strictEqual((yield* Effect.flip(flush)).name, "DatabaseUnavailable")
      assert.deepStrictEqual(receiptsOf(host.sent("a")), [])
      away = false
      yield* flush
      assert.deepStrictEqual(receiptsOf(host.sent("a")), ["durable 1"])
      assert.strictEqual(dirty.size, 0)
      yield* flush
      assert.lengthOf(writes, 2)
    })
  )

  it.effect("WO5 one of which others have something locked is written later, stays, and holds up no other", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* hosted("1"), yield* hosted("2")]
      let locked = ["1"]
      const { its, made, writes, given } = written(() => Effect.succeed({ ...nothingLost, locked }))
      const { dirty, flush, giveUp } = yield* made
      for (const { serving } of [one, two]) dirty.add(serving)
      yield* flush
      yield* flush
      assert.deepStrictEqual(writes, [["1", "2"]])
      assert.deepStrictEqual([receiptsOf(one.sent("a")), receiptsOf(two.sent("a"))], [[], ["durable 2"]])
      const all = [one, two].map(({ serving }) => [serving, [0]] as const)
      assert.deepStrictEqual(yield* giveUp(all), { isLocked: true })
      assert.deepStrictEqual([given, one.serving.held.size, two.serving.held.size], [["2"], 1, 0])
      locked = []
      its.now += 1_000
      yield* flush
      assert.deepStrictEqual(receiptsOf(one.sent("a")), ["durable 1"])
      assert.isFalse(one.serving.isDirty)
    })
  )

  it.effect("WO5 others are written while the store takes shares back", () =>
    Effect.gen(function* () {
      const [one, two, three] = [yield* hosted("1"), yield* hosted("2"), yield* hosted("3")]
      const store = {
        flush: () => Effect.succeed(nothingLost),
        give: () => Effect.never
      } as unknown as CursorStore["Service"]
      const { dirty, flush, giveUp } = yield* makeWriting({ run: "a", store, now: () => 0, wake: () => {} })
      yield* Effect.forkChild(giveUp([[one.serving, [0]]]), { startImmediately: true })
      assert.strictEqual(one.serving.held.size, 0)
      const [broken] = [...three.serving.machine.cursors]
      broken!.save = () => {
        throw new Error("it can't be saved")
      }
      dirty.add(three.serving)
      const dropping = yield* Effect.forkChild(flush, { startImmediately: true })
      assert.isDefined(dropping.pollUnsafe(), "LZ5 nor does the loop that writes wait for it")
      assert.deepStrictEqual([three.serving.held.size, dirty.size], [0, 0])
      dirty.add(two.serving)
      yield* flush
      assert.deepStrictEqual(receiptsOf(two.sent("a")), ["durable 2"])
    })
  )

  it.effect("WO1 what is large goes in several writes, with more rest behind each", () =>
    Effect.gen(function* () {
      const hosts = yield* Effect.forEach(["1", "2", "3"], (id) => hosted(id))
      for (const { serving } of hosts) {
        const [cursor] = [...serving.machine.cursors]
        const { save } = cursor!
        cursor!.save = (clean) => ({ ...save.call(cursor, clean), ranges: new Uint8Array(4_000_000) })
      }
      const { made, writes } = written(() => Effect.succeed(nothingLost))
      const { dirty, flush } = yield* made
      for (const { serving } of hosts) dirty.add(serving)
      const [first, second, third] = [yield* flush, yield* flush, yield* flush]
      assert.deepStrictEqual(writes, [["1", "2"], ["3"]])
      assert.isAbove(first!, second!)
      assert.isAbove(second!, 100)
      assert.strictEqual(third, 20)
    })
  )

  it.effect("FJ3 what is said while a partition is read is not forgotten", () =>
    Effect.gen(function* () {
      const host = new Host("shared")
      host.claim()
      const [cursor] = [...host.serving.machine.cursors]
      let reads = 0
      const empty = { epoch: 1, pieces: [], next: 0 }
      const its: Fetching = new Fetching({
        read: () =>
          Effect.sync(() => {
            if (++reads === 1) its.grown({ topic: 1, partition: 0 })
            return empty
          })
      } as unknown as Log)
      const wants = new Map([[cursor!, 0]])
      assert.isTrue((yield* its.fetch(host.serving, wants, () => true)).some)
      assert.isFalse((yield* its.fetch(host.serving, wants, () => true)).some)
      assert.isFalse((yield* its.fetch(host.serving, wants, () => true)).some)
      assert.strictEqual(reads, 2)
      its.grown(undefined)
      yield* its.fetch(host.serving, wants, () => true)
      assert.strictEqual(reads, 3)
    })
  )
})
