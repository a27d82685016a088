import { assert, describe, it } from "@effect/vitest"
import { readsOf } from "../../src/subscriptions/Fetching.ts"
import { finish } from "../support/Finish.ts"
import { eventsOf } from "../support/TestLog.ts"

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
