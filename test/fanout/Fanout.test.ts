/** Readers on a node, over a log in memory. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Identity } from "../../src/access/Identity.ts"
import { Fanout } from "../../src/fanout/Fanout.ts"
import { eventsOf } from "../support/TestLog.ts"
import { append, as, good, type Heard, on, open, refused, texts, until } from "./Heard.ts"

describe("Fanout", () => {
  it.live("BX27 what is stored comes first, then that it is live, then what is new", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        yield* append(id, 0, "a", "b")
        const all = yield* open()
        const latest = yield* open({ start: { from: "latest" } })
        const places = new Map([[0, { epoch: 5, offset: 1 }]])
        const second = yield* open({ start: { from: "places", places, others: "latest" } })
        const time = yield* open({ start: { from: "time", time: 1_001 } })
        yield* until("all to be live", () => [all, latest, second, time].every(({ kinds }) => kinds.includes("live")))
        yield* append(id, 0, "c")
        yield* texts(all, "a", "b", "c")
        yield* texts(latest, "c")
        yield* texts(second, "b", "c")
        yield* texts(time, "a", "b", "c")
        assert.deepStrictEqual(all.kinds, ["started", "batch", "live", "batch"])
        const beyond = yield* refused({
          start: { from: "places", places: new Map([[0, { epoch: 5, offset: 9 }]]), others: "latest" }
        })
        assert.strictEqual(beyond, "OffsetOutOfRange")
        const places_ = new Map([[0, { epoch: 6, offset: 0 }]])
        const start = { from: "places", places: places_, others: "latest" } as const
        assert.strictEqual(yield* refused({ start: { ...start, exact: true } }), "OffsetOutOfRange")
        const told = yield* open({ start })
        yield* until("it to be live", () => told.kinds.includes("live"))
        assert.deepStrictEqual(told.kinds.slice(0, 2), ["started", "epoch"]) // TK3
      })
    )
  )

  it.live("BX16 BX18 what this node appends is not read again", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const heard = yield* open()
        yield* until("it to be live", () => heard.kinds.includes("live"))
        const before = test.reads
        test.silent = true
        for (let n = 0; n < 20; n++) yield* append(id, 0, `${n}`)
        yield* texts(heard, ...Array.from({ length: 20 }, (_, n) => `${n}`))
        assert.isAtMost(test.reads - before, 1)
      })
    )
  )

  it.live("BX17 what others append is read, also when no hint tells of it", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const heard = yield* open()
        yield* until("it to be live", () => heard.kinds.includes("live"))
        test.put({ topic: id, partition: 0, events: eventsOf("a") })
        yield* texts(heard, "a")
        test.silent = true
        test.put({ topic: id, partition: 0, events: eventsOf("b") })
        yield* texts(heard, "a", "b")
        test.put({ topic: id, partition: 0, events: eventsOf("c") })
        yield* append(id, 0, "d") // it does not follow what is known
        yield* texts(heard, "a", "b", "c", "d")
      })
    )
  )

  it.live("BX19 gaps are told, and a new epoch", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        yield* append(id, 0, "a", "b")
        yield* append(id, 0, "c", "d")
        test.trim({ topic: id, partition: 0 }, 2)
        const heard = yield* open({
          start: { from: "places", places: new Map([[0, { epoch: 5, offset: 0 }]]), others: "latest" }
        })
        yield* texts(heard, "c", "d")
        test.lose({ topic: id, partition: 0 }, 2)
        yield* until("it to hear of the epoch", () => heard.kinds.includes("epoch"))
        yield* append(id, 0, "e")
        yield* texts(heard, "c", "d", "e")
        assert.deepStrictEqual(heard.kinds, ["started", "retention", "batch", "live", "epoch", "batch"])
        const gap = heard.told.at(-2)!
        assert.deepInclude(gap, { from: 4, to: 2, epoch: 6 })
      })
    )
  )

  it.live("BX15 what is packed goes on as it is, to who takes it", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const all = Array.from({ length: 3_000 }, (_, n) => `event ${n} ${"x".repeat(100)}`)
        for (let from = 0; from < all.length; from += 500) yield* append(id, 0, ...all.slice(from, from + 500))
        const heard = yield* open({ unpacks: true })
        yield* texts(heard, ...all)
        assert.isTrue(heard.told.some((told) => told.kind === "batch" && told.compressed !== undefined))
      })
    )
  )

  it.live("BX14 who is slow gets what its overflow says", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const [block, conflate, drop, leave] = [
          yield* open(),
          yield* open({ overflow: "conflate" }),
          yield* open({ overflow: "drop oldest" }),
          yield* open({ overflow: "disconnect" })
        ]
        const readers = [block, conflate, drop, leave] as const
        yield* until("all to be live", () => readers.every(({ kinds }) => kinds.includes("live")))
        for (const reader of readers) reader.room = 1
        const all = Array.from({ length: 2_000 }, (_, n) => `k${n % 3}:${n} ${"x".repeat(100)}`)
        for (let from = 0; from < all.length; from += 50) {
          yield* append(id, 0, ...all.slice(from, from + 50))
          yield* Effect.yieldNow
        }
        yield* until("the slow one to be sent away", () => leave.error !== undefined)
        assert.strictEqual(leave.error!.name, "SlowReader")
        for (const reader of readers) reader.drain()
        yield* texts(block, ...all)
        yield* until("the newest to be there", () => conflate.texts.at(-1) === all.at(-1))
        yield* until("the newest to be there", () => drop.texts.at(-1) === all.at(-1))
        assert.isBelow(conflate.texts.length, 1_500)
        for (const key of ["k0", "k1", "k2"])
          assert.strictEqual(
            conflate.texts.findLast((text) => text.startsWith(key)),
            all.findLast((text) => text.startsWith(key))
          )
        assert.include(drop.kinds, "overflow")
        assert.isBelow(drop.texts.length, all.length)
      })
    )
  )

  it.live("BX9 BX23 BX24 filters and fields", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const tick = (symbol: string, price: number) => `{"symbol":"${symbol}","price":${price}}`
        yield* append(id, 0, tick("a", 1), tick("b", 2))
        const a = yield* open({ filter: 'symbol == "a"' })
        const same = yield* open({ filter: 'symbol == "a"' })
        const dear = yield* open({ filter: "price > 1", fields: ["price"] })
        yield* until("all to be live", () => [a, same, dear].every(({ kinds }) => kinds.includes("live")))
        yield* append(id, 0, tick("a", 3), tick("b", 4), tick("a", 5))
        yield* texts(a, tick("a", 1), tick("a", 3), tick("a", 5))
        yield* texts(dear, '{"price":2}', '{"price":3}', '{"price":4}', '{"price":5}')
        yield* until("both to have it", () => same.texts.length === 3)
        const newest = ({ told }: Heard) => told.findLast((one) => one.kind === "batch")
        assert.strictEqual(newest(a), newest(same))
        yield* append(id, 0, tick("b", 0), "no json")
        yield* until("it to hear how far it is", () => {
          const last = newest(a)
          return last?.count === 0 && last.next === 7
        })
        assert.strictEqual(yield* refused({ filter: "price >" }), "InvalidFilter")
      })
    )
  )

  it.live("BX10 a topic that gets partitions is read whole", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t", 1)
        const whole = yield* open()
        const first = yield* open({ partitions: [0] })
        yield* append(id, 0, "a")
        yield* texts(whole, "a")
        test.grow("t", 3)
        yield* append(id, 2, "b")
        yield* texts(whole, "a", "b")
        yield* append(id, 0, "c")
        yield* texts(whole, "a", "b", "c")
        yield* texts(first, "a", "c")
        assert.strictEqual(whole.kinds.filter((kind) => kind === "started").length, 2)
      })
    )
  )

  it.live("BX20 BX28 partitions share the room for their newest events, and go with their readers", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t", 16)
        const heard = yield* open()
        const fanout = yield* Fanout
        yield* until("it to be live", () => heard.kinds.includes("live"))
        assert.strictEqual(fanout.readersOf(id), 1)
        for (let partition = 0; partition < 16; partition++) yield* append(id, partition, `${partition}`)
        yield* until("all to come", () => heard.texts.length === 16)
        heard.close()
        assert.strictEqual(fanout.readersOf(id), 0)
        yield* append(id, 3, "later")
        assert.strictEqual(heard.texts.length, 16)
      }),
      { ringBytes: 1_048_576 }
    )
  )

  it.live("BX25 BX26 places, keys, deleted topics, leaving", () =>
    on(
      Effect.fnUntraced(function* (test) {
        test.create("t")
        test.create("u")
        const one: Identity = { name: "one", keyId: "k", role: "viewer", environments: ["*"] }
        for (let n = 0; n < 8; n++) yield* as(one)(open())
        assert.strictEqual(yield* as(one)(refused()), "TooManySubscriptions")
        const other = yield* open({ topic: "u" })
        yield* open()
        assert.strictEqual(yield* refused(), "ServerFull")
        other.close()
        const again = yield* open({ topic: "u" })
        const fanout = yield* Fanout
        assert.strictEqual(fanout.size(), 10)
        good.value = false
        yield* until("readers of the key to end", () => fanout.size() === 2)
        good.value = true
        test.remove("u")
        yield* until("readers of the topic to end", () => again.error?.name === "NoSuchTopic")
        assert.strictEqual(yield* refused({ topic: "v" }), "NoSuchTopic")
        yield* fanout.drain
        assert.strictEqual(fanout.size(), 0)
        assert.strictEqual(yield* refused(), "Draining")
      })
    )
  )
})
