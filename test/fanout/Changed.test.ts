/** Readers who want differences, over the real door's encoding and the SDK's putting together. */
import { assert, describe, it } from "@effect/vitest"
import { ReadResponse } from "../../proto/generated/herald/topics/v1/topics.ts"
import { wholeOf } from "../../src/client/topics/Whole.ts"
import { encodeRead } from "../../src/edge/grpc/topics/ReadWire.ts"
import { Batch } from "../../src/fanout/Batch.ts"
import { changedOf } from "../../src/fanout/Changed.ts"
import { conflated, eventsOf } from "../../src/fanout/Picking.ts"
import { Selections } from "../../src/fanout/Selections.ts"
import { frameOf, type Message } from "../../src/topics/Message.ts"
import { dice } from "../support/Chance.ts"
import { finish } from "../support/Finish.ts"

const quotes = (seed: number, count: number): ReadonlyArray<Message> => {
  const draw = dice(seed)
  return Array.from({ length: count }, (_, n) => {
    const price = `${100 + draw.below(3)}.${draw.below(10)}0`
    const odd = draw.below(8)
    const payload =
      odd === 0
        ? "no JSON"
        : `{"symbol":"S","venue":"XNAS","currency":"USD","price":${price}${odd === 1 ? "" : `,"size":${draw.below(3)}`}}`
    const key = draw.below(10) === 0 ? null : `k${draw.below(3)}`
    return { key, payload: Buffer.from(payload), eventTime: n + 1, headers: new Map([["h", `${n}`]]) }
  })
}

const batchOf = (messages: ReadonlyArray<Message>): Batch => {
  const { count, bytes } = frameOf(messages)
  return new Batch({ partition: 0, epoch: 1, first: 10, next: 10 + count, count, at: 5, rows: [bytes] })
}

/** What a client has of a batch, and the bytes that it was sent. */
const arrived = (batch: Batch) => {
  const bytes = encodeRead(batch)
  const { what } = ReadResponse.decode(bytes)
  assert.strictEqual(what?.$case, "batch")
  const { events, changed, steps } = (what as Extract<typeof what, { $case: "batch" }>).value
  const whole = wholeOf(events, changed)
  assert.isDefined(whole)
  return { bytes: bytes.length, steps, changed: changed.length, events: whole! }
}

const same = (batch: Batch) => {
  const [plain, delta] = [arrived(batch), arrived(finish(changedOf(batch)))]
  assert.deepStrictEqual(delta.events, plain.events)
  assert.deepStrictEqual(delta.steps, plain.steps)
  assert.isAtMost(delta.bytes, plain.bytes + delta.changed * 8)
  return { saved: 1 - delta.bytes / plain.bytes, changed: delta.changed }
}

describe("differences", () => {
  it("BX30 ZR5 put together they are the full events, with filters and fields too", () => {
    let changed = 0
    for (let seed = 1; seed <= 100; seed++) {
      const batch = batchOf(quotes(seed, 60))
      changed += same(batch).changed
      const selections = new Selections({ name: "t", schema: null, schemaVersion: 0 })
      for (const [filter, fields] of [
        ["price > 101.0", []],
        ["", ["price", "size", "symbol"]],
        ["size == 1.0 && price > 100.0", ["venue", "currency", "price"]]
      ] as const) {
        const held = selections.hold({ filter, fields, delta: false, owner: "me" })
        assert.isFalse(held instanceof Error)
        if (held instanceof Error || held.selection === undefined) continue
        const chosen = finish(held.selection.live(batch))
        if (chosen.count > 0) changed += same(chosen).changed
      }
    }
    assert.isAbove(changed, 2_000)
  })

  it("BX30 BX7 what is conflated has each key once, so that all of it is whole", () => {
    const batch = batchOf(quotes(3, 60))
    const { partition, epoch, first, next } = batch
    for (const one of conflated({ partition, epoch, first, next }, [...eventsOf(batch)], 1_000_000)) {
      const keyed = arrived(finish(changedOf(one))).changed
      assert.strictEqual(keyed, 0)
    }
  })

  it("BX30 saves what did not change", () => {
    const messages = Array.from({ length: 100 }, (_, n): Message => {
      const payload = `{"symbol":"AAPL","exchange":"NASDAQ","currency":"USD","session":"regular","price":${100 + n}}`
      return { key: "AAPL", payload: Buffer.from(payload), eventTime: null, headers: new Map() }
    })
    assert.isAbove(same(batchOf(messages)).saved, 0.6)
  })

  it("ZR5 differences that do not fit are told, never guessed", () => {
    const event = { key: "k", payload: Buffer.from('{"a":1,"b":2}'), eventTimeMs: 0n, headers: {} }
    const change = { ...event, payload: Buffer.from('{"a":2}') }
    assert.isUndefined(wholeOf([change] as never, [{ event: 0, gone: [] }]))
    assert.isUndefined(wholeOf([event, { ...change, key: "other" }] as never, [{ event: 1, gone: [] }]))
    assert.isUndefined(wholeOf([event, change] as never, [{ event: 1, gone: [9] }]))
    const [, whole] = wholeOf([event, change] as never, [{ event: 1, gone: [1] }]) ?? []
    assert.strictEqual(Buffer.from(whole!.payload).toString(), '{"a":2}')
  })
})
