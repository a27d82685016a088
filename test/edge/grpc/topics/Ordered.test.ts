import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { PublishStreamResponse } from "#proto/herald/topics/v1/topics.ts"
import { Ordered } from "../../../../src/edge/grpc/topics/Ordered.ts"

const answer = (id: number): PublishStreamResponse => ({ id: BigInt(id), outcome: undefined, creditBytes: 1n })
const start = (takes = () => true) => {
  const sent: Array<number> = []
  let drained = () => {}
  let now = 0
  const answers = new Ordered(
    {
      write: ({ id }) => {
        sent.push(Number(id))
        return takes()
      },
      drained: (then) => {
        drained = then
      }
    },
    { window: 2, bytes: 100 },
    () => now
  )
  return { answers, sent, drain: () => drained(), at: (millis: number) => (now = millis) }
}

describe("answers of a stream", () => {
  it("TQ1 are given in the order of what they answer", () => {
    const { answers, sent } = start()
    const slots = [1, 2, 3].map((bytes) => answers.take(bytes))
    answers.give(slots[2]!, answer(2))
    answers.give(slots[1]!, answer(1))
    assert.deepStrictEqual(sent, [])
    answers.give(slots[0]!, answer(0))
    assert.deepStrictEqual(sent, [0, 1, 2])
  })

  it.effect("TQ2 nothing more is read while too many, or too many bytes, have no answer", () =>
    Effect.gen(function* () {
      const { answers } = start()
      yield* answers.room
      const first = answers.take(100)
      const waiting = yield* Effect.forkChild(answers.room, { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      answers.give(first, answer(0))
      yield* Fiber.join(waiting)
      answers.take(1)
      answers.take(1)
      const stopped = yield* Effect.forkChild(answers.room, { startImmediately: true })
      assert.isUndefined(stopped.pollUnsafe())
      answers.stop()
      yield* Fiber.join(stopped)
    })
  )

  it("TQ3 whoever takes none is known, and for how long", () => {
    const { answers, sent, drain, at } = start(() => false)
    const [one, two] = [answers.take(1), answers.take(1)]
    answers.give(one, answer(0))
    answers.give(two, answer(1))
    at(5_000)
    assert.deepStrictEqual([sent, answers.stuckFor], [[0], 5_000])
    drain()
    assert.deepStrictEqual(sent, [0, 1])
    drain()
    assert.strictEqual(answers.stuckFor, 0)
  })
})
