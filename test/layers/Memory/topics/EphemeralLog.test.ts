import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { layer } from "../../../../layers/Memory/topics/EphemeralLog.ts"
import { EphemeralLog } from "../../../../src/topics/EphemeralLog.ts"
import { keyHash } from "../../../../src/topics/Message.ts"
import type { Piece } from "../../../../src/topics/Piece.ts"
import { events, textsOf } from "../../../support/Topics.ts"

const options = { maxBytes: 1_000_000, packed: false }
const partition = { topic: 1, partition: 0 }
const send = (topic: number, size: number) =>
  Effect.flatMap(EphemeralLog, ({ append }) =>
    append({ topic, partition: 0, events: events("x".repeat(size)), compression: "zstd", producing: undefined })
  )

describe("EphemeralLog", () => {
  it.effect("MR1 a partition is bounded in bytes: what is oldest ends, and who is behind it is told", () =>
    Effect.gen(function* () {
      const { read, bounds } = yield* EphemeralLog
      for (let n = 0; n < 10; n++) yield* send(1, 1_000)
      const [found] = yield* bounds([1])
      assert.isAtMost(found!.bytes, 4_096)
      assert.deepStrictEqual([found!.first, found!.next], [8, 10])
      const { pieces } = (yield* read(partition, { epoch: found!.epoch, offset: 0 }, options))!
      assert.strictEqual(textsOf(pieces)[0], "retention 0-8")
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
        14_500
      )
      assert.strictEqual(all.filter(({ bytes }) => bytes > 0).length, 10)
    }).pipe(Effect.provide(layer({ partitionBytes: 100_000, allBytes: 14_500 })))
  )

  it.effect("MR1 events of no bytes are bounded as well, by what holds them", () =>
    Effect.gen(function* () {
      const { bounds } = yield* EphemeralLog
      for (let n = 0; n < 2_000; n++) {
        yield* send(1 + (n % 4), 0)
        yield* TestClock.adjust("1 millis")
      }
      const all = yield* bounds([1, 2, 3, 4])
      const kept = all.reduce((sum, { first, next }) => sum + next - first, 0)
      assert.isAtLeast(kept, 200)
      assert.isAtMost(kept, 250)
    }).pipe(Effect.provide(layer({ partitionBytes: 100_000, allBytes: 100_000 })))
  )

  it.effect("MR5 small batches that come at once are one segment, and what was read of it stays as it was", () =>
    Effect.gen(function* () {
      const { append, read, bounds } = yield* EphemeralLog
      const epoch = Effect.map(bounds([1]), ([found]) => found!.epoch)
      const put = (text: string) =>
        append({ topic: 1, partition: 0, events: events(text), compression: "zstd", producing: undefined })
      yield* put("a0")
      const early: Array<{ readonly texts: ReadonlyArray<string>; readonly pieces: ReadonlyArray<Piece> }> = []
      for (let n = 1; n < 600; n++) {
        yield* put(n % 3 === 0 ? `k:${n}` : `a${n}`)
        if (n % 50 !== 0) continue
        const { pieces } = (yield* read(partition, { epoch: yield* epoch, offset: 0 }, options))!
        early.push({ texts: textsOf(pieces), pieces })
      }
      const { pieces } = (yield* read(partition, { epoch: yield* epoch, offset: 0 }, options))!
      const texts = textsOf(pieces)
      assert.deepStrictEqual(texts.slice(0, 4), ["0=a0", "1=a1", "2=a2", "3=k:3"])
      assert.strictEqual(texts.length, 600)
      assert.isAtMost(pieces.length, 4)
      for (const one of early)
        assert.deepStrictEqual([textsOf(one.pieces), one.texts], [one.texts, texts.slice(0, one.texts.length)])
      const hashes = pieces.flatMap((piece) => (piece.is === "segment" ? [...(piece.hashes ?? [])] : []))
      assert.deepStrictEqual(
        hashes,
        texts.map((text) => (text.includes("k:") ? keyHash("k") : 0))
      )
      yield* TestClock.adjust("1 millis")
      yield* put("later")
      assert.strictEqual((yield* read(partition, { epoch: yield* epoch, offset: 600 }, options))!.pieces.length, 1)
    }).pipe(Effect.provide(layer({ partitionBytes: 1_000_000, allBytes: 1_000_000 })))
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
