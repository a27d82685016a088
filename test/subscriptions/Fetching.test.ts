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
  const stage = Effect.fnUntraced(function* (bad: "hangs" | "fails") {
    const sick = new Set([0])
    const asked: Array<number> = []
    const log = Layer.mock(TopicLog)({
      read: ({ partition }, { epoch, offset }) =>
        Effect.suspend(() => {
          asked.push(partition)
          if (sick.has(partition)) return bad === "hangs" ? Effect.never : failure("TopicLogUnavailable", "no leader")
          const event = { is: "segment", base: offset, at: 5, codec: "none", ...eventsOf("k:v") } as const
          return Effect.succeed({ epoch, pieces: [event], next: offset + 1 })
        })
    })
    const fetching = new Fetching(Context.get(yield* Layer.build(log), TopicLog))
    const host = new Host("shared", { maxInFlight: 1_000 })
    const { serving } = host
    const { id, epoch } = serving.subscription
    const cursors = [0, 1, 2].map((partition) => ({
      ...{ slice: { partition, from: 0, to: HASHES }, saved: beginAt(1, 0) }
    }))
    serving.claimed({ id, epoch, share: 0, token: 1n, cursors }, new Map([0, 1, 2].map((its) => [its, 9])))
    const look = () => {
      const wants = new Map([...serving.machine.cursors].map((cursor) => [cursor, cursor.scan]))
      return fetching.fetch(serving, wants, () => true)
    }
    const read = (): ReadonlyArray<number> => [...serving.machine.cursors].map((cursor) => cursor.scan)
    return { host, sick, asked, fetching, serving, look, read }
  })

  for (const bad of ["hangs", "fails"] as const)
    it.effect(`FJ5 that ${bad} holds up no other, and is tried again a while later, or when its log has more`, () =>
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
        fetching.grown({ topic: serving.subscription.topicId, partition: 0 })
        assert.isUndefined((yield* look()).failed)
        assert.strictEqual(read()[0], 2)
      })
    )

  it.effect("FJ5 nor do its dead letters hold up those of others", () =>
    Effect.gen(function* () {
      const { host, sick, fetching, serving, look } = yield* stage("fails")
      sick.clear()
      host.join("a")
      yield* look()
      serving.poll(host.now)
      host.keep()
      for (const { session, token, events } of serving.poll(host.now).deliveries)
        for (const { offset } of events)
          serving.answer(session, [{ kind: "reject", token, first: offset, last: offset }], undefined, host.now)
      serving.poll(host.now)
      const { dead } = serving.machine
      assert.lengthOf([...dead], 3)
      sick.add([...dead][0]![1].slice.partition)
      assert.isFalse(yield* fetching.bury(serving))
      assert.lengthOf([...dead], 1)
      sick.clear()
      yield* TestClock.adjust("400 millis")
      yield* fetching.bury(serving)
      assert.isEmpty([...dead])
    })
  )
})
