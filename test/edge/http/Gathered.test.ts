import { PassThrough } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { gathered, told } from "../../../src/edge/http/Gathered.ts"

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

  const listeners = (source: PassThrough) =>
    ["data", "end", "aborted", "error", "close"].map((event) => source.listenerCount(event))

  it.effect("B1 nothing of a body that says its length is kept but its bytes, and nobody listens to it any more", () =>
    Effect.gen(function* () {
      const source = new PassThrough()
      const before = listeners(source)
      const reading = yield* Effect.forkChild(told(source, 20_000), { startImmediately: true })
      const memory = Buffer.alloc(65_536, "x")
      for (let i = 0; i < 20_000; i++) source.write(memory.subarray(i, i + 1))
      source.end()
      const bytes = yield* Fiber.join(reading)

      assert.deepStrictEqual([bytes.length, bytes.buffer.byteLength], [20_000, 20_000])
      assert.isTrue(bytes.every((byte) => byte === 120))
      assert.deepStrictEqual(listeners(source), before)
    })
  )

  for (const [how, ends] of [
    ["ends before its length", (source: PassThrough) => source.end("1234")],
    ["is longer than it said", (source: PassThrough) => source.end("123456")],
    ["fails", (source: PassThrough) => source.destroy(new Error("reset"))],
    ["is closed without an end", (source: PassThrough) => source.destroy()],
    ["was broken off, and then ends", (source: PassThrough) => source.emit("aborted") && source.end("12345")]
  ] as const)
    it.effect(`HT7 a body that ${how} is none`, () =>
      Effect.gen(function* () {
        const source = new PassThrough()
        source.on("error", () => {})
        const reading = yield* Effect.forkChild(Effect.flip(told(source, 5)), { startImmediately: true })
        ends(source)
        const [during, after] = [yield* Fiber.join(reading), yield* Effect.flip(told(source.destroy(), 5))]

        assert.deepStrictEqual([during.name, after.name], ["InvalidInput", "InvalidInput"])
      })
    )
})
