import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { PublishResult } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { Answers, BYTES, WINDOW } from "../../../../src/edge/grpc/publishing/Answers.ts"
import { turn } from "../../../support/turn.ts"

const made = () => {
  const sent: Array<ReadonlyArray<PublishResult>> = []
  let takes = true
  let drain: (() => void) | undefined
  let now = 0
  const way = {
    write: (results: Array<PublishResult>) => {
      sent.push(results)
      return takes
    },
    drained: (then: () => void) => {
      drain = then
    }
  }
  const answers = new Answers(way, () => now)
  return {
    answers,
    later: (millis: number) => {
      now += millis
    },
    sent,
    block: () => {
      takes = false
    },
    drained: () => {
      takes = true
      drain?.()
    }
  }
}
const result = (): PublishResult => ({ outcome: undefined })

describe("Answers", () => {
  it("PM1 go out in the order of their items, whatever was done first, and together where they can", async () => {
    const { answers, sent } = made()
    const slots = [0, 1, 2, 3].map(() => answers.take(1))
    const results = slots.map(result)
    answers.give(slots[1]!, results[1]!)
    answers.give(slots[2]!, results[2]!)
    await turn()
    assert.deepStrictEqual(sent, [])
    answers.give(slots[0]!, results[0]!)
    await turn()
    assert.deepStrictEqual(sent, [results.slice(0, 3)])
    answers.give(slots[3]!, results[3]!)
    await turn()
    assert.strictEqual(sent.flat().length, 4)
    assert.isTrue(sent.flat().every((one, n) => one === results[n]))
  })

  it.effect("PM3 so many items have no answer yet, or so many bytes of them, until there is room", () =>
    Effect.gen(function* () {
      for (const [entries, bytes] of [
        [WINDOW, 1],
        [1, BYTES]
      ] as const) {
        const { answers } = made()
        yield* answers.room
        const slots = Array.from({ length: entries }, () => answers.take(bytes))
        const room = yield* Effect.forkChild(answers.room, { startImmediately: true })
        assert.isUndefined(room.pollUnsafe())
        answers.give(slots[0]!, result())
        yield* Fiber.join(room)
      }
    })
  )

  it.effect("PM3 a client that does not read its answers makes no room", () =>
    Effect.gen(function* () {
      const { answers, sent, block, drained } = made()
      block()
      const first = answers.take(1)
      answers.give(first, result())
      yield* Effect.promise(turn)
      const slots = Array.from({ length: WINDOW }, () => answers.take(1))
      for (const slot of slots) answers.give(slot, result())
      yield* Effect.promise(turn)
      const room = yield* Effect.forkChild(answers.room, { startImmediately: true })
      assert.isUndefined(room.pollUnsafe())
      assert.strictEqual(sent.flat().length, 1)
      drained()
      yield* Fiber.join(room)
      yield* answers.all
      assert.strictEqual(sent.flat().length, 1 + WINDOW)
    })
  )

  it("PM8 its client is stuck while it takes nothing of what waits, and not before or after", async () => {
    const { answers, block, drained, later } = made()
    later(1_000)
    assert.strictEqual(answers.stuckFor, 0)
    block()
    answers.give(answers.take(1), result())
    await turn()
    later(60_000)
    answers.give(answers.take(1), result())
    await turn()
    later(5_000)
    assert.strictEqual(answers.stuckFor, 65_000)
    drained()
    await turn()
    later(5_000)
    assert.strictEqual(answers.stuckFor, 0)
  })
})
