/** What many rules send into one partition is cut into segments. */
import { assert, describe, it } from "@effect/vitest"
import type { Outgoing } from "../../src/routes/Bite.ts"
import { segmentsOf } from "../../src/routes/Segments.ts"
import { messagesOf } from "../../src/topics/Frames.ts"

describe("segments of routes", () => {
  it("ZL1 32 rules that send a mebibyte each into one partition make segments that a reader can take, in their order", () => {
    const outgoing = Array.from({ length: 32 }, (_, n) => {
      const message = { key: `k${n}`, payload: new Uint8Array(1_000_000), eventTime: null, headers: new Map() }
      return { target: { id: 7, compression: "none" }, partition: 3, message } as unknown as Outgoing
    })
    const segments = segmentsOf(outgoing)
    assert.strictEqual(segments.length, 16)
    for (const { topic, partition, events, zstd } of segments) {
      assert.isBelow(events.bytes.length, 2_100_000)
      assert.deepStrictEqual([topic, partition, zstd], [7, 3, false])
    }
    assert.deepStrictEqual(
      segments.flatMap(({ events }) => messagesOf(events.bytes).map(({ key }) => key)),
      Array.from({ length: 32 }, (_, n) => `k${n}`)
    )
    assert.strictEqual(segmentsOf(outgoing.slice(0, 1)).length, 1)
  })
})
