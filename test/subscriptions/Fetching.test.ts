import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer } from "effect"
import { Fetching, readsOf } from "../../src/subscriptions/Fetching.ts"
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
        assert.strictEqual(yield* Fiber.join(first), heard)
        yield* fetch
        assert.strictEqual(reads, heard ? 2 : 1)
      }
    })
  )
})
