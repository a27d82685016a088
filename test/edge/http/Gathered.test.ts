import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { gathered } from "../../../src/edge/http/Gathered.ts"

/** Pieces in one memory, as a socket gives them: the next overwrites the one before. */
const pieces = (size: number, count: number) => {
  const memory = new Uint8Array(65_536)
  const each = function* () {
    for (let i = 1; i <= count; i++) yield memory.subarray(0, size).fill(i % 251)
  }
  return Stream.fromIterable({ [Symbol.iterator]: each }, { chunkSize: 1 })
}

describe("Gathered", () => {
  for (const [size, count] of [
    [1, 300_000],
    [10_000, 30],
    [65_536, 1]
  ] as const)
    it.effect(`B1 nothing of ${count} pieces of ${size} bytes is kept but their bytes`, () =>
      Effect.gen(function* () {
        const bytes = yield* gathered(pieces(size, count), 1_000_000)
        const wrong = bytes.findIndex((byte, i) => byte !== (Math.floor(i / size) + 1) % 251)

        assert.deepStrictEqual([bytes.length, bytes.buffer.byteLength, wrong], [size * count, size * count, -1])
      })
    )

  it.effect("B1 one byte too many ends it, and is not kept", () =>
    Effect.gen(function* () {
      const whole = yield* gathered(pieces(1_000, 100), 100_000)
      const error = yield* Effect.flip(gathered(pieces(1_000, 1_000_000), 100_000 - 1))

      assert.strictEqual(whole.length, 100_000)
      assert.deepStrictEqual([error.name, error.message.includes("99999")], ["TooLarge", true])
    })
  )
})
