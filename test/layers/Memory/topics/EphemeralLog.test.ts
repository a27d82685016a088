import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { layer } from "../../../../layers/Memory/topics/EphemeralLog.ts"
import { EphemeralLog } from "../../../../src/topics/EphemeralLog.ts"
import { events, textsOf } from "../../../support/Topics.ts"

const options = { maxBytes: 1_000_000, packed: false }
const partition = { topic: 1, partition: 0 }
const send = (topic: number, size: number) =>
  Effect.flatMap(EphemeralLog, ({ append }) =>
    append({ topic, partition: 0, events: events("x".repeat(size)), producing: undefined })
  )

describe("EphemeralLog", () => {
  it.effect("MR1 a partition is bounded in bytes: what is oldest ends, and who is behind it is told", () =>
    Effect.gen(function* () {
      const { read, bounds } = yield* EphemeralLog
      for (let n = 0; n < 10; n++) yield* send(1, 1_000)
      const [found] = yield* bounds([1])
      assert.isAtMost(found!.bytes, 4_096)
      assert.deepStrictEqual([found!.first, found!.next], [6, 10])
      const { pieces } = (yield* read(partition, { epoch: found!.epoch, offset: 0 }, options))!
      assert.strictEqual(textsOf(pieces)[0], "retention 0-6")
    }).pipe(Effect.provide(layer({ partitionBytes: 4_096, allBytes: 1_000_000 })))
  )

  it.effect("MR1 all of them together are bounded in bytes: the fullest gives way", () =>
    Effect.gen(function* () {
      const { bounds } = yield* EphemeralLog
      for (let n = 0; n < 4; n++) yield* send(1, 2_000)
      for (let topic = 2; topic < 12; topic++) yield* send(topic, 900)
      const all = yield* bounds(Array.from({ length: 12 }, (_, n) => n))
      assert.isAtMost(
        all.reduce((sum, { bytes }) => sum + bytes, 0),
        10_000
      )
      assert.strictEqual(all.filter(({ bytes }) => bytes > 0).length, 10)
    }).pipe(Effect.provide(layer({ partitionBytes: 100_000, allBytes: 10_000 })))
  )

  it.effect("MR2 another node begins with other epochs, and who comes from the one before is told", () =>
    Effect.gen(function* () {
      const epochs = Effect.gen(function* () {
        const { bounds } = yield* EphemeralLog
        yield* send(1, 10)
        return (yield* bounds([1]))[0]!.epoch
      })
      const limits = { partitionBytes: 4_096, allBytes: 10_000 }
      const before = yield* epochs.pipe(Effect.provide(layer(limits), { local: true }))
      yield* TestClock.adjust("10 seconds")
      yield* Effect.gen(function* () {
        const { read } = yield* EphemeralLog
        assert.isAbove(yield* epochs, before)
        const { pieces } = (yield* read(partition, { epoch: before, offset: 1 }, options))!
        assert.deepStrictEqual(textsOf(pieces), ["epoch 1-0", `0=${"x".repeat(10)}`])
      }).pipe(Effect.provide(layer(limits), { local: true }))
    })
  )
})
