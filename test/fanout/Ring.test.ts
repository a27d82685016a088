import { assert, describe, it } from "@effect/vitest"
import { BATCH_BYTES, type Batch } from "../../src/fanout/Batch.ts"
import { batchOf, conflated, eventsOf as eventsIn } from "../../src/fanout/Picking.ts"
import { Ring } from "../../src/fanout/Ring.ts"
import { entriesOf, keyOf, skipped } from "../../src/fanout/Rows.ts"
import { dice } from "../support/Chance.ts"
import { eventsOf } from "../support/TestLog.ts"

const rows = (first: number, count: number, width = 100, at = 1) => ({
  first,
  count,
  at,
  rows: eventsOf(...Array.from({ length: count }, (_, n) => `k${n % 3}:${first + n}`.padEnd(width, "."))).bytes
})

const sendAll = (ring: Ring): ReadonlyArray<Batch> => {
  const sent: Array<Batch> = []
  ring.close()
  for (let batch = ring.toSend; batch !== undefined; batch = ring.toSend) {
    sent.push(batch)
    ring.wasSent(batch)
  }
  return sent
}

describe("Ring", () => {
  it("BX3 takes what follows, and nothing else", () => {
    const ring = new Ring(0, 1, 10, 100_000)
    assert.isFalse(ring.push(rows(11, 1)))
    assert.isFalse(ring.push(rows(9, 1)))
    assert.isTrue(ring.push(rows(10, 5)))
    assert.isFalse(ring.push(rows(10, 5)))
    assert.deepStrictEqual([ring.first, ring.next, ring.sent], [10, 15, 10])
  })

  it("BX4 is bounded in bytes, keeps what was not sent, and takes no more then", () => {
    const ring = new Ring(0, 1, 0, 100_000)
    let next = 0
    while (ring.push(rows(next, 50))) next += 50
    assert.isAtLeast(ring.bytes, 50_000)
    assert.isAtMost(ring.bytes, 60_000)
    assert.strictEqual(ring.first, 0)
    for (let n = 0; n < 100; n++) {
      sendAll(ring)
      assert.isTrue(ring.push(rows(ring.next, 50)))
      assert.isAtMost(ring.bytes, 100_000 + 20_000)
    }
    assert.isAbove(ring.first, 0)
    assert.isUndefined(ring.at(ring.first - 1))
    ring.bound = 0
    sendAll(ring)
    assert.strictEqual(ring.first, ring.next)
  })

  it("BX5 BX1 BX2 what came since the last round is one batch, or a few that are full; each event keeps its offset and time", () => {
    const { below } = dice(3)
    const ring = new Ring(2, 1, 0, 10_000_000)
    const times: Array<number> = []
    let at = 5
    for (let round = 0; round < 200; round++) {
      const first = ring.next
      for (let n = below(5); n >= 0; n--) {
        at += below(2)
        const count = 1 + below(below(20) === 0 ? 400 : 10)
        for (let i = 0; i < count; i++) times.push(at)
        assert.isTrue(ring.push(rows(ring.next, count, 20 + below(200), at)))
      }
      const batches = sendAll(ring)
      assert.strictEqual(batches[0]!.first, first)
      for (const [i, batch] of batches.entries()) {
        assert.isAtMost(batch.bytes, BATCH_BYTES)
        if (i > 0) assert.isAbove(batches[i - 1]!.bytes + batch.bytes, BATCH_BYTES / 4)
        for (const { offset, at } of eventsIn(batch)) assert.strictEqual(at, times[offset])
        const middle = batch.first + below(batch.count)
        const part = batch.from(middle)
        assert.strictEqual(ring.at(middle), batch)
        assert.deepStrictEqual(
          [...eventsIn(part)].map(({ offset, at }) => [offset, at]),
          times.slice(middle, batch.next).map((time, n) => [middle + n, time])
        )
      }
    }
    const big = rows(ring.next, 1, 200_000)
    assert.isTrue(ring.push(big))
    assert.strictEqual(sendAll(ring)[0]!.count, 1)
  })

  it("BX6 BX7 the newest of each key is left, with its offset and time, and all without a key", () => {
    const { below } = dice(5)
    for (let n = 0; n < 200; n++) {
      const texts = Array.from({ length: 1 + below(60) }, (_, i) => (below(4) === 0 ? `${i}` : `k${below(5)}:${i}`))
      const { bytes } = eventsOf(...texts)
      const all = [...entriesOf(bytes)].map((entry, i) => ({ entry, offset: 7 + i, at: 100 + (i >> 2) }))
      const range = { partition: 0, epoch: 1, first: 7, next: 7 + all.length }
      const batches = conflated(range, all, 50 + below(400))
      const left = batches.flatMap((batch) => [...eventsIn(batch)])
      const expected = all.filter(
        ({ entry }, i) => keyOf(entry) === "" || !all.slice(i + 1).some((later) => keyOf(later.entry) === keyOf(entry))
      )
      assert.deepStrictEqual(
        left.map(({ offset, at }) => [offset, at]),
        expected.map(({ offset, at }) => [offset, at])
      )
      assert.strictEqual(
        batches.reduce((sum, { leftOut, count }) => sum + leftOut + count, 0),
        all.length
      )
      assert.strictEqual(batches.at(-1)!.next, range.next)
    }
    assert.strictEqual(batchOf({ partition: 0, epoch: 1, first: 3, next: 9 }, []).count, 0)
  })

  it("BX1 what is no event is refused", () => {
    assert.throws(() => skipped(Buffer.from([1, 2, 3]), 1), RangeError)
    assert.throws(() => skipped(Buffer.from([0x32, 9, 3]), 1), RangeError)
    assert.throws(() => skipped(Buffer.from([0x32, 0x80]), 1), RangeError)
  })
})
