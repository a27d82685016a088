import { assert, describe, it } from "@effect/vitest"
import { Batch } from "../../src/fanout/Batch.ts"
import { batchOf, eventsOf } from "../../src/fanout/Picking.ts"
import { BYTES, Decoding, EVENTS } from "../../src/marketdata/Decoding.ts"
import { LONGEST_TICK } from "../../src/marketdata/ReadTick.ts"
import { frameOf } from "../../src/topics/Message.ts"

const tick = (n: number) =>
  JSON.stringify({ symbol: "A", exchange: "X", price: String(n), size: "1", ts_event: "1769850000000000000" })
const batch = (first: number, ...payloads: ReadonlyArray<string>) =>
  new Batch({
    ...{ partition: 0, epoch: 1, first, count: payloads.length, next: first + payloads.length, at: 7 },
    rows: payloads.map(
      (payload) => frameOf([{ key: "A", payload: Buffer.from(payload), eventTime: null, headers: new Map() }]).bytes
    )
  })

describe("Decoding", () => {
  it("MZ2 an event of two groups is decoded once, a batch is one object for all, and what is no tick is counted once", () => {
    let skipped = 0
    const decoding = new Decoding(() => skipped++)
    const whole = batch(10, tick(1), "no tick", tick(3))
    const picked = [...eventsOf(whole)]
    const of = { partition: 0, epoch: 1, first: 10, next: 13 }
    const [some, others] = [batchOf(of, picked.slice(1)), batchOf(of, picked.slice(2))]
    const data = decoding.of("t", whole)
    assert.strictEqual(decoding.of("t", whole), data)
    assert.deepInclude(data, { topic: "t", partition: 0, epoch: 1, next: 13, at: 7 })
    assert.deepStrictEqual(
      data.ticks.map(({ offset }) => offset),
      [10, 12]
    )
    const part = decoding.of("t", some)
    assert.deepStrictEqual(
      part.ticks.map(({ offset }) => offset),
      [12]
    )
    assert.strictEqual(decoding.of("t", others).ticks[0], part.ticks[0])
    assert.strictEqual(part.ticks[0]?.tick.symbol, "A")
    assert.strictEqual(skipped, 1)
  })

  it("MZ5 what was decoded is forgotten when it is old", () => {
    const decoding = new Decoding(() => {})
    const first = batch(0, ...Array.from({ length: 100 }, (_, n) => tick(n)))
    const data = decoding.of("t", first)
    for (let n = 1; n <= 90; n++) decoding.of("t", batch(100 * n, ...Array.from({ length: 100 }, () => tick(n))))
    assert.strictEqual(decoding.size.events, EVENTS)
    const again = decoding.of("t", first)
    assert.notStrictEqual(again, data)
    assert.deepStrictEqual(again, data)
  })

  it("MZ5 what is kept is bounded in bytes, whatever was published, and holds no batch", () => {
    let skipped = 0
    const decoding = new Decoding(() => skipped++)
    for (let n = 0; n < 600; n++) decoding.of("t", batch(n, `{"symbol":"A","x":"${"x".repeat(LONGEST_TICK - 100)}"}`))
    assert.isAtMost(decoding.size.bytes, BYTES)
    assert.isAbove(decoding.size.bytes, BYTES / 2)
    assert.isBelow(decoding.size.events, 600)
    const before = decoding.size
    const long = batch(1_000, "y".repeat(1_048_576))
    decoding.of("t", long)
    assert.isAtMost(decoding.size.bytes - before.bytes, 1_024)
    // What is too long is counted once as well.
    decoding.of("t", batchOf({ partition: 0, epoch: 1, first: 1_000, next: 1_001 }, [...eventsOf(long)]))
    assert.strictEqual(skipped, 601)
  })

  it("MZ2 an event is decoded once where all of its batch is one row, and other events at its place are others", () => {
    const decoding = new Decoding(() => {})
    const rowed = batch(10, tick(1), tick(2))
    assert.lengthOf([rowed.row], 1)
    const of = { partition: 0, epoch: 1, first: 10, next: 12 }
    const [one] = decoding.of("t", batchOf(of, [...eventsOf(rowed)].slice(0, 1))).ticks
    const [two] = decoding.of("t", batchOf(of, [...eventsOf(rowed)])).ticks
    assert.isDefined(one)
    assert.strictEqual(two, one)
    // A topic of the same name that was made anew.
    const [other] = decoding.of("t", batch(10, tick(3))).ticks
    assert.deepInclude(other!.tick, { price: 3_000_000_000n })
  })
})
