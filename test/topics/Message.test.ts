import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Event, EventBatch } from "#proto/herald/topics/v1/topics.ts"
import { messagesOf, together, walk, withoutFirst } from "../../src/topics/Frames.ts"
import {
  frameOf,
  keyHash,
  type Message,
  messageOf,
  NO_KEY,
  partitionOf,
  wrongMessage
} from "../../src/topics/Message.ts"

const text = (of: string) => new TextEncoder().encode(of)
const message = (of: Partial<Message> = {}): Message => ({
  key: null,
  payload: text("{}"),
  eventTime: null,
  headers: new Map(),
  ...of
})
const messages: ReadonlyArray<Message> = [
  message(),
  message({ key: "é€😀", payload: new Uint8Array(300).fill(7), eventTime: 1_764_225_600_123 }),
  message({
    payload: new Uint8Array(0),
    eventTime: -5,
    headers: new Map([
      ["__proto__", "x"],
      ["toString", ""],
      ["a", "ü"]
    ])
  }),
  message({ key: "k" })
]

describe("events", () => {
  it("TM1 what is stored is what the protocol says, and is read back", () => {
    const { bytes, count } = frameOf(messages)
    assert.strictEqual(count, 4)
    assert.deepStrictEqual(messagesOf(bytes), messages)
    const { events } = EventBatch.decode(bytes)
    assert.deepStrictEqual(
      events.map(({ key }) => key),
      messages.map(({ key }) => key ?? "")
    )
    assert.deepStrictEqual(events[1]!.timeMs, 1_764_225_600_123n)
    const again = EventBatch.encode(EventBatch.fromPartial({ events: [events[1]!, events[3]!] })).finish()
    assert.deepStrictEqual(messagesOf(again), [messages[1]!, messages[3]!])
  })

  it("TM1 what a later version adds is left out", () => {
    const bytes = Uint8Array.of(...Event.encode(Event.fromPartial({ key: "k" })).finish(), 0x7a, 2, 1, 2, 0x78, 5)
    assert.deepStrictEqual(messageOf(bytes), message({ key: "k", payload: new Uint8Array(0) }))
  })

  it.prop("TM1 any event is read back", [Schema.String, Schema.Uint8Array, Schema.String], ([key, payload, value]) => {
    const one = message({
      key: key.isWellFormed() && key !== "" ? key : null,
      payload,
      headers: new Map(value.isWellFormed() ? [["h", value]] : [])
    })
    assert.deepStrictEqual(messagesOf(frameOf([one, one]).bytes), [one, one])
  })

  it("TM2 a key has one hash and one partition; 0 is of no key", () => {
    assert.strictEqual(keyHash(null), NO_KEY)
    for (let n = 0; n < 500_000; n++) if (keyHash(`k${n}`) === NO_KEY) assert.fail(`k${n}`)
    // Fixed for ever: what is stored has these.
    assert.strictEqual(keyHash("orders-1"), 18_072)
    assert.strictEqual(partitionOf("orders-1", 12), 10)
    const frame = frameOf(messages)
    assert.deepStrictEqual([...frame.hashes!], [0, keyHash("é€😀"), 0, keyHash("k")])
    assert.isUndefined(frameOf([messages[0]!]).hashes)
  })

  it("TM2 keys of one partition have hashes of all sorts", () => {
    const halves = [0, 0]
    for (let n = 0; n < 10_000; n++) if (partitionOf(`k${n}`, 256) === 3) halves[keyHash(`k${n}`) >>> 15]!++
    assert.isAbove(Math.min(...halves), 8)
  })

  it("TM3 keys and headers are bounded", () => {
    assert.isUndefined(wrongMessage(messages[1]!))
    const many = new Map(Array.from({ length: 65 }, (_, n) => [`h${n}`, ""]))
    for (const [of, about] of [
      [{ key: "" }, "key"],
      [{ key: "k".repeat(513) }, "key"],
      [{ key: "\ud800" }, "key"],
      [{ eventTime: 0.5 }, "time"],
      [{ headers: many }, "headers"],
      [{ headers: new Map([["", "x"]]) }, "headers"],
      [{ headers: new Map([["n".repeat(129), "x"]]) }, "headers"],
      [{ headers: new Map([["n", "v".repeat(4_097)]]) }, "headers"],
      [{ headers: new Map([["n", "\udfff"]]) }, "headers"]
    ] as const)
      assert.match(wrongMessage(message(of))!, new RegExp(`^${about}: `))
  })

  it("TM4 what is cut or altered is no frame", () => {
    const { bytes } = frameOf(messages)
    for (let length = 1; length < bytes.length; length++) {
      let seen = 0
      try {
        seen = walk(bytes.subarray(0, length), () => undefined)
      } catch (error) {
        assert.instanceOf(error, RangeError)
        continue
      }
      assert.isBelow(seen, messages.length)
    }
    assert.throws(() => walk(Uint8Array.of(0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), () => undefined), RangeError)
    assert.throws(() => walk(Uint8Array.of(0x0a, 0), () => undefined), RangeError)
  })

  it("TM4 frames are cut and put together without being read", () => {
    const frame = frameOf(messages)
    const rest = withoutFirst(frame, 2)
    assert.strictEqual(rest.count, 2)
    assert.deepStrictEqual(messagesOf(rest.bytes), messages.slice(2))
    assert.deepStrictEqual([...rest.hashes!], [0, keyHash("k")])
    assert.deepStrictEqual(messagesOf(withoutFirst(frame, 4).bytes), [])
    const both = together([frameOf([messages[0]!]), frame, rest])
    assert.strictEqual(both.count, 7)
    assert.deepStrictEqual(messagesOf(both.bytes), [messages[0]!, ...messages, ...messages.slice(2)])
    assert.deepStrictEqual([...both.hashes!], [0, ...frame.hashes!, ...rest.hashes!])
  })
})
