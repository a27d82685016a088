/** What a node remembers of topics, on a clock that jumps. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Layer } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import type { Topic } from "../../src/topics/Topic.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { unhandled } from "../support/unhandled.ts"

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

interface Its {
  topic: Topic | undefined
  /** What looks wait for that begin now. */
  hold: Deferred.Deferred<void> | undefined
  reads: number
  /** Whether looks die, or fail. */
  broken: boolean
  away: boolean
}

const stage = Effect.fnUntraced(function* () {
  const [time, clock] = yield* makeClock
  const its: Its = { topic: topicOf(1), hold: undefined, reads: 0, broken: false, away: false }
  const store = Layer.mock(TopicStore)({
    get: () =>
      Effect.suspend(() => {
        its.reads++
        if (its.broken) return Effect.die(new Error("a row that nobody can read"))
        if (its.away) return Effect.fail(failure("DatabaseUnavailable", "away"))
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

  it("TZ5 a defect of the store is an error of those who asked, and of nothing else; who asks next asks again", async () => {
    const steps = Effect.gen(function* () {
      const { find, its } = yield* stage()
      its.broken = true
      const exits = yield* Effect.all([Effect.exit(find("t")), Effect.exit(find("t"))], { concurrency: 2 })
      assert.deepStrictEqual(
        exits.map(({ _tag }) => _tag),
        ["Failure", "Failure"]
      )
      assert.strictEqual(its.reads, 1)
      its.broken = false
      assert.strictEqual((yield* find("t")).version, 1)
    }).pipe(Effect.scoped)
    assert.deepStrictEqual(await unhandled(() => Effect.runPromise(steps)), [])
  })

  it.effect("TZ6 what this node only doubts is looked up, and by no look that was under way before", () =>
    Effect.gen(function* () {
      const { find, doubted, its, time } = yield* stage()
      yield* find("t")
      doubted("t")
      assert.strictEqual((yield* find("t")).version, 1)
      assert.strictEqual(its.reads, 2)
      time.gone += 1_000
      const hold = yield* Deferred.make<void>()
      its.hold = hold
      const before = yield* Effect.forkChild(Effect.exit(find("t")), { startImmediately: true })
      its.hold = undefined
      its.topic = topicOf(1, { id: 8 })
      doubted("t")
      assert.strictEqual((yield* find("t")).id, 8)
      yield* Deferred.succeed(hold, undefined)
      const exit = yield* Fiber.join(before)
      assert.strictEqual(exit._tag === "Success" ? exit.value.id : undefined, 8)
      assert.strictEqual((yield* find("t")).id, 8)
      assert.strictEqual(its.reads, 4)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "TZ6 what is doubted while the store is away goes on counting, and is looked up again once it is back",
    () =>
      Effect.gen(function* () {
        const { find, doubted, its } = yield* stage()
        yield* find("t")
        its.away = true
        doubted("t")
        assert.strictEqual((yield* find("t")).version, 1)
        its.away = false
        its.topic = undefined
        assert.strictEqual((yield* Effect.flip(find("t"))).name, "NoSuchTopic")
      }).pipe(Effect.scoped)
  )
})
