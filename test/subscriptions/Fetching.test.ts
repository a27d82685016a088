import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { failure } from "../../src/errors/HeraldError.ts"
import { Fetching, readsOf } from "../../src/subscriptions/Fetching.ts"
import { beginAt } from "../../src/subscriptions/SavedCursor.ts"
import { HASHES } from "../../src/subscriptions/Share.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { finish } from "../support/Finish.ts"
import { eventsOf } from "../support/TestLog.ts"
import { Host } from "./Host.ts"

const frame = eventsOf(...Array.from({ length: 300 }, (_, n) => `k${n}:${n}`))
const segment = { is: "segment", base: 10, at: 5, codec: "none", ...frame } as const
const reads = (looked: Array<number>) =>
  readsOf(segment, { from: 60, partition: 0 }, (_event, _at, _partition, offset) => {
    looked.push(offset)
    return offset % 2 === 0
  })

describe("what is read for a subscription", () => {
  it("FJ4 may be left between two events that its filter looks at", () => {
    const looked: Array<number> = []
    let pauses = 0
    for (const _ of reads(looked)) assert.strictEqual(looked.length, ++pauses)
    assert.strictEqual(pauses, 250)
    assert.deepStrictEqual([looked[0], looked.at(-1)], [60, 309])
    const found = finish(reads([]))
    assert.deepStrictEqual([found.length, found[0]!.offset, found.at(-1)!.offset], [125, 60, 308])
    assert.isTrue(found.every(({ body }) => body.event.buffer.byteLength === body.event.length))
  })
})

describe("a partition that has ended", () => {
  it.effect("FJ3 is read again when somebody said, while it was read, that there may be more; and else is not", () =>
    Effect.gen(function* () {
      for (const heard of [true, false]) {
        let reads = 0
        const asked = yield* Deferred.make<void>()
        const answer = yield* Deferred.make<void>()
        const log = Layer.mock(TopicLog)({
          read: () =>
            Effect.gen(function* () {
              reads++
              yield* Deferred.succeed(asked, undefined)
              yield* Deferred.await(answer)
              return { epoch: 1, pieces: [], next: 0 }
            })
        })
        const fetching = new Fetching(Context.get(yield* Layer.build(log), TopicLog))
        const { serving } = new Host("shared").claim()
        const [cursor] = serving.machine.cursors
        const fetch = fetching.fetch(serving, new Map([[cursor!, 0]]), () => true)
        const first = yield* Effect.forkChild(fetch)
        yield* Deferred.await(asked)
        if (heard) fetching.grown({ topic: serving.subscription.topicId, partition: 0 })
        yield* Deferred.succeed(answer, undefined)
        assert.strictEqual((yield* Fiber.join(first)).some, heard)
        yield* fetch
        assert.strictEqual(reads, heard ? 2 : 1)
      }
    })
  )
})

describe("a partition that can't be read", () => {
  /** `bad`: never answers, or fails at once. */
  const stage = Effect.fnUntraced(function* (bad: "hangs" | "fails", count = 3) {
    const sick = new Set([0])
    /** They fail at once, whatever the others do. */
    const failing = new Set<number>()
    const asked: Array<number> = []
    const log = Layer.mock(TopicLog)({
      read: ({ partition }, { epoch, offset }) =>
        Effect.suspend(() => {
          asked.push(partition)
          if (failing.has(partition) || (sick.has(partition) && bad === "fails"))
            return failure("TopicLogUnavailable", "no leader")
          if (sick.has(partition)) return Effect.never
          const event = { is: "segment", base: offset, at: 5, codec: "none", ...eventsOf("k:v") } as const
          return Effect.succeed({ epoch, pieces: [event], next: offset + 1 })
        })
    })
    const fetching = new Fetching(Context.get(yield* Layer.build(log), TopicLog))
    const host = new Host("shared", { maxInFlight: 1_000 })
    const { serving } = host
    const { id, epoch } = serving.subscription
    const partitions = Array.from({ length: count }, (_, partition) => partition)
    const cursors = partitions.map((partition) => ({
      ...{ slice: { partition, from: 0, to: HASHES }, saved: beginAt(1, 0) }
    }))
    serving.claimed({ id, epoch, share: 0, token: 1n, cursors }, new Map(partitions.map((its) => [its, 9])))
    const look = () => {
      const wants = new Map([...serving.machine.cursors].map((cursor) => [cursor, cursor.scan]))
      return fetching.fetch(serving, wants, () => true)
    }
    const read = (): ReadonlyArray<number> => [...serving.machine.cursors].map((cursor) => cursor.scan)
    /** Each partition has an event that its consumer doesn't want. */
    const reject = Effect.gen(function* () {
      sick.clear()
      host.join("a")
      yield* look()
      serving.poll(host.now)
      host.keep()
      for (const { session, token, events } of serving.poll(host.now).deliveries)
        for (const { offset } of events)
          serving.answer(session, [{ kind: "reject", token, first: offset, last: offset }], undefined, host.now)
      serving.poll(host.now)
      assert.lengthOf([...serving.machine.dead], count)
    })
    return { host, sick, failing, asked, fetching, serving, look, read, reject }
  })

  for (const bad of ["hangs", "fails"] as const)
    it.effect(
      `FJ5 that ${bad} holds up no other, and is tried again a while later${bad === "fails" ? ", or when its log has more" : ""}`,
      () =>
        Effect.gen(function* () {
          const { sick, asked, fetching, serving, look, read } = yield* stage(bad)
          const first = yield* Effect.forkChild(look(), { startImmediately: true })
          yield* TestClock.adjust(bad === "hangs" ? "5 seconds" : 0)
          const { some, failed } = yield* Fiber.join(first)
          assert.deepStrictEqual([some, failed?.name], [true, bad === "hangs" ? "Timeout" : "TopicLogUnavailable"])
          assert.deepStrictEqual(read(), [0, 1, 1])
          for (let n = 2; n < 5; n++) {
            assert.isDefined((yield* look()).failed)
            assert.deepStrictEqual(read(), [0, n, n])
          }
          assert.lengthOf(
            asked.filter((partition) => partition === 0),
            1
          )
          sick.clear()
          yield* TestClock.adjust(bad === "hangs" ? "10 seconds" : "400 millis")
          assert.isUndefined((yield* look()).failed)
          assert.deepStrictEqual(read(), [1, 5, 5])
          sick.add(0)
          const again = yield* Effect.forkChild(look(), { startImmediately: true })
          yield* TestClock.adjust(bad === "hangs" ? "5 seconds" : 0)
          yield* Fiber.join(again)
          sick.clear()
          for (const hint of [{ topic: serving.subscription.topicId, partition: 0 }, undefined]) fetching.grown(hint)
          assert.strictEqual((yield* look()).failed === undefined, bad === "fails")
          yield* TestClock.adjust("10 seconds")
          assert.isUndefined((yield* look()).failed)
          assert.isAbove(read()[0]!, 1)
        })
    )

  it.effect("FJ5 a log that hangs keeps a look for one read, and what was not begun comes first in the next", () =>
    Effect.gen(function* () {
      const { sick, asked, look, read } = yield* stage("hangs", 12)
      for (let partition = 0; partition < 11; partition++) sick.add(partition)
      const timed = Effect.gen(function* () {
        const before = asked.length
        const fiber = yield* Effect.forkChild(look(), { startImmediately: true })
        yield* TestClock.adjust("5 seconds")
        assert.isDefined(fiber.pollUnsafe(), "it is over")
        return asked.slice(before)
      })
      assert.deepStrictEqual(yield* timed, [0, 1, 2, 3])
      assert.deepStrictEqual((yield* timed).slice(0, 4), [4, 5, 6, 7])
      assert.deepStrictEqual(yield* timed, [8, 9, 10, 11])
      assert.strictEqual(read()[11], 1)
      assert.deepStrictEqual(yield* timed, [11], "all others rest")
    })
  )

  it.effect("FJ5 one that fails at once cuts no rest short of one that hangs", () =>
    Effect.gen(function* () {
      const { failing, asked, look } = yield* stage("hangs")
      const first = yield* Effect.forkChild(look(), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(first)
      failing.add(1)
      const before = asked.length
      for (let n = 0; n < 9; n++) {
        yield* look()
        yield* TestClock.adjust("1 second")
      }
      assert.notInclude(asked.slice(before), 0)
    })
  )

  it.effect("FJ5 nor do its dead letters hold up those of others", () =>
    Effect.gen(function* () {
      const { sick, fetching, serving, reject } = yield* stage("fails")
      yield* reject
      const { dead } = serving.machine
      sick.add([...dead][0]![1].slice.partition)
      assert.isFalse(yield* fetching.bury(serving))
      assert.lengthOf([...dead], 1)
      sick.clear()
      yield* TestClock.adjust("400 millis")
      yield* fetching.bury(serving)
      assert.isEmpty([...dead])
    })
  )

  it.effect("FJ5 nor do those of more partitions than one look reads", () =>
    Effect.gen(function* () {
      const { sick, asked, fetching, serving, reject } = yield* stage("fails", 6)
      yield* reject
      const { dead } = serving.machine
      for (const partition of [...dead.values()].slice(0, 5).map(({ slice }) => slice.partition)) sick.add(partition)
      assert.isTrue(yield* fetching.bury(serving))
      assert.isFalse(yield* fetching.bury(serving))
      assert.lengthOf([...dead], 5)
      const before = asked.length
      assert.isFalse(yield* fetching.bury(serving), "there is nothing to be done before one has rested")
      assert.lengthOf(asked, before)
    })
  )

  it.effect("FJ5 dead letters of a log that hangs keep a look for one read", () =>
    Effect.gen(function* () {
      const { sick, asked, fetching, serving, reject } = yield* stage("hangs")
      yield* reject
      for (const partition of [0, 1]) sick.add(partition)
      const before = asked.length
      const looks: Array<number> = []
      for (let n = 0; n < 3; n++) {
        const fiber = yield* Effect.forkChild(fetching.bury(serving), { startImmediately: true })
        yield* TestClock.adjust("5 seconds")
        assert.isFalse(yield* Fiber.join(fiber))
        looks.push(asked.length - before)
      }
      assert.deepStrictEqual(looks, [1, 3, 3], "both rest in the third")
      assert.lengthOf([...serving.machine.dead], 2)
    })
  )
})
