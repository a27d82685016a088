import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import * as EphemeralMemory from "../../layers/Memory/topics/EphemeralLog.ts"
import { ephemeralKeeping } from "../../src/topics/EphemeralKeeping.ts"
import { EphemeralLog } from "../../src/topics/EphemeralLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { events, newTopic, textsOf } from "../support/Topics.ts"

const node = ephemeralKeeping.pipe(
  Layer.provideMerge(EphemeralMemory.layer({ partitionBytes: 1_048_576, allBytes: 4_194_304 })),
  Layer.provideMerge(Memory.layer)
)
const options = { maxBytes: 1_000, packed: false }

describe("what ephemeral topics keep", () => {
  it.effect(
    "MR4 what is older than the topic says ends, readers behind it are told, and other topics keep theirs",
    () =>
      Effect.gen(function* () {
        const { append, bounds, read } = yield* EphemeralLog
        const make = (millis: number | null) =>
          newTopic({ log: "ephemeral", retention: { millis, bytes: millis === null ? 1_048_576 : null } })
        const [short, long, sized] = [yield* make(60_000), yield* make(3_600_000), yield* make(null)]
        const all = [short, long, sized].map(({ id }) => id)
        const send = (text: string) =>
          Effect.forEach(all, (topic) =>
            append({ topic, partition: 0, events: events(text), compression: "zstd" as const, producing: undefined })
          )
        yield* send("a")
        yield* TestClock.adjust("50 seconds")
        yield* send("b")
        assert.deepStrictEqual(
          (yield* bounds(all)).map(({ first, next }) => [first, next]),
          [
            [0, 2],
            [0, 2],
            [0, 2]
          ]
        )
        yield* TestClock.adjust("20 seconds")
        const ends = yield* bounds(all)
        assert.deepStrictEqual(
          ends.map(({ first }) => first),
          [1, 0, 0]
        )
        const behind = (yield* read({ topic: short.id, partition: 0 }, { epoch: ends[0]!.epoch, offset: 0 }, options))!
        assert.deepStrictEqual(textsOf(behind.pieces), ["retention 0-1", "1=b"])
      }).pipe(Effect.provide(node))
  )

  it.effect("MR3 a topic that was deleted is gone for readers and publishers, and its room is given back", () =>
    Effect.gen(function* () {
      const { append, bounds, read, topics } = yield* EphemeralLog
      const { remove } = yield* TopicStore
      const [gone, stays] = [yield* newTopic({ log: "ephemeral" }), yield* newTopic({ log: "ephemeral" })]
      const batch = (topic: number) => ({
        topic,
        partition: 0,
        events: events("a"),
        compression: "zstd" as const,
        producing: undefined
      })
      yield* append(batch(gone.id))
      yield* append(batch(stays.id))
      const [before] = yield* bounds([gone.id])
      yield* remove(gone.name)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* bounds([gone.id]), [])
      assert.isUndefined(yield* read({ topic: gone.id, partition: 0 }, { epoch: before!.epoch, offset: 0 }, options))
      assert.deepStrictEqual(yield* append(batch(gone.id)), { is: "gone" })
      assert.deepStrictEqual(yield* topics, [stays.id])
      assert.strictEqual((yield* append(batch(stays.id))).is, "placed")
    }).pipe(Effect.provide(node))
  )
})
