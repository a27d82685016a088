/** What a node remembers of topics, on a clock that jumps. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Layer } from "effect"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import type { Topic } from "../../src/topics/Topic.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"

const topicOf = (version: number, change: Partial<Topic> = {}): Topic => ({
  ...{ id: 7, name: "t", log: "postgres", partitions: 1, compression: "zstd", schema: null, schemaVersion: 0 },
  ...{ retention: { millis: 86_400_000, bytes: null }, enabled: true, description: "", version },
  ...{ createdAt: 0, createdBy: "someone", updatedAt: 0 },
  ...change
})

/** Milliseconds of the clock on the wall, and of the one that only goes on. */
const makeClock = Effect.map(Clock.Clock, (clock) => {
  const its = { wall: 1_700_000_000_000, gone: 5_000 }
  const jumping: Clock.Clock = Object.assign(Object.create(clock), {
    currentTimeMillisUnsafe: () => its.wall,
    currentTimeMillis: Effect.sync(() => its.wall),
    monotonicTimeNanosUnsafe: () => BigInt(its.gone) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(its.gone) * 1_000_000n)
  })
  return [its, jumping] as const
})

const stage = Effect.fnUntraced(function* () {
  const [time, clock] = yield* makeClock
  const its: { topic: Topic | undefined; hold: Deferred.Deferred<void> | undefined; reads: number } = {
    ...{ topic: topicOf(1), hold: undefined, reads: 0 }
  }
  const store = Layer.mock(TopicStore)({
    get: () =>
      Effect.suspend(() => {
        its.reads++
        const found = its.topic
        return its.hold === undefined ? Effect.succeed(found) : Effect.as(Deferred.await(its.hold), found)
      })
  })
  const context = yield* Layer.build(Layer.provide(KnownTopics.layer, store)).pipe(
    Effect.provideService(Clock.Clock, clock)
  )
  const known = yield* Effect.provide(KnownTopics, context)
  return { ...known, its, time }
})

describe("topics that a node knows", () => {
  it.effect("TZ1 are known as of a second ago at most, also where the clock is set back an hour", () =>
    Effect.gen(function* () {
      const { find, its, time } = yield* stage()
      assert.isTrue((yield* find("t")).enabled)
      its.topic = topicOf(2, { enabled: false })
      Object.assign(time, { wall: time.wall - 3_600_000, gone: time.gone + 999 })
      assert.isTrue((yield* find("t")).enabled)
      time.gone += 1
      assert.isFalse((yield* find("t")).enabled)
      its.topic = undefined
      time.gone += 1_000
      assert.strictEqual((yield* Effect.flip(find("t"))).name, "NoSuchTopic")
      its.topic = topicOf(1, { id: 8 })
      Object.assign(time, { wall: time.wall - 3_600_000, gone: time.gone + 1_000 })
      assert.strictEqual((yield* find("t")).id, 8)
      assert.strictEqual(its.reads, 4)
    }).pipe(Effect.scoped)
  )

  it.effect("TZ4 a read that was under way while this node changed a topic brings nothing back", () =>
    Effect.gen(function* () {
      for (const change of [topicOf(2), undefined]) {
        const { find, changed, its, time } = yield* stage()
        yield* find("t")
        its.hold = yield* Deferred.make<void>()
        time.gone += 1_000
        const asks = yield* Effect.forEach([1, 2], () =>
          Effect.forkChild(Effect.exit(find("t")), { startImmediately: true })
        )
        changed("t", change)
        yield* Deferred.succeed(its.hold, undefined)
        for (const one of asks) {
          const exit = yield* Fiber.join(one)
          assert.strictEqual(exit._tag === "Success" ? exit.value.version : undefined, change?.version)
        }
        const later = yield* Effect.exit(find("t"))
        assert.strictEqual(later._tag === "Success" ? later.value.version : undefined, change?.version)
        assert.strictEqual(its.reads, 2)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("TZ4 of two changes of this node the newer one counts, whichever is told last", () =>
    Effect.gen(function* () {
      const { find, changed } = yield* stage()
      changed("t", topicOf(3))
      changed("t", topicOf(2))
      assert.strictEqual((yield* find("t")).version, 3)
      changed("t", topicOf(1, { id: 8 }))
      assert.strictEqual((yield* find("t")).id, 8)
    }).pipe(Effect.scoped)
  )
})
