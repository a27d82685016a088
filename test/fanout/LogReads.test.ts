/** Readers that are not live, over a log in memory. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assert, vi } from "vitest"
import { Broadcast } from "../../src/fanout/Broadcast.ts"
import type { ReadWish } from "../../src/fanout/Fanout.ts"
import { append, on, open, texts, until } from "./Heard.ts"

describe("reads of a log for those who catch up", () => {
  it.live("BX22 what was read for one is not read again for others who come through there", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        const all = Array.from({ length: 500 }, (_, n) => `${n}`)
        yield* append(id, 0, ...all)
        yield* texts(yield* open(), ...all)
        const before = test.reads
        for (let n = 0; n < 5; n++) yield* texts(yield* open(), ...all)
        assert.isAtMost(test.reads - before, 1)
      })
    )
  )

  it.live(
    "BX22 BX43 who takes a batch at a time costs the log each bite once, and the next is read before it is asked for",
    () =>
      on(
        Effect.fnUntraced(function* (test) {
          const { id } = test.create("t")
          // Five of them are a bite.
          const all = Array.from({ length: 12 }, (_, n) => `${n}`.padEnd(60_000, "x"))
          for (const one of all) yield* append(id, 0, one)
          test.readFrom.length = 0
          const heard = yield* open()
          for (let n = 1; n <= all.length; n++) {
            heard.room = 1
            yield* until(`${n} events`, () => heard.texts.length === n)
            if (n === 2) yield* until("the next bite to be read", () => test.readFrom.includes(5))
            heard.drain()
          }
          yield* texts(heard, ...all)
          const stored = test.readFrom.filter((offset) => offset < all.length)
          assert.deepStrictEqual(stored, [0, 5, 10])
        })
      )
  )

  it.live("BX21 partitions of one topic that can't be read leave room for those of others", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const sick = test.create("sick", 8)
        test.create("t")
        for (let partition = 0; partition < 8; partition++) yield* append(sick.id, partition, "x")
        yield* append(test.topics.get("t")!.id, 0, "a")
        test.hanging = sick.id
        for (let partition = 0; partition < 8; partition++) yield* open({ topic: "sick", partitions: [partition] })
        yield* texts(yield* open(), "a")
      }),
      { readers: 100 }
    )
  )

  it.live("BX21 a log that can't be read for a while stops nobody for good", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        yield* append(id, 0, "a")
        const heard = yield* open()
        test.failing = true
        yield* until("a read to fail", () => heard.kinds.length > 0)
        test.failing = false
        yield* texts(heard, "a")
      })
    )
  )

  const at = (offset: number): Partial<ReadWish> => ({
    start: { from: "places", places: new Map([[0, { epoch: 5, offset }]]), others: "earliest" }
  })

  it.live(
    "BX22 who comes to the middle of what was appended at once has the rest of it, and so has who comes behind",
    () =>
      on(
        Effect.fnUntraced(function* (test) {
          const { id } = test.create("t")
          const all = Array.from({ length: 20 }, (_, n) => `${n}`.padEnd(60_000, "x"))
          yield* append(id, 0, ...all)
          for (const offset of [15, 15, 7, 0, 19, 3, 15]) yield* texts(yield* open(at(offset)), ...all.slice(offset))
        })
      )
  )

  /** A reader from the beginning, one after the other until what the log says of itself has come to be known. */
  const whoIsTold = (why: string) =>
    Effect.gen(function* () {
      for (;;) {
        const heard = yield* open(at(0))
        yield* until("it to be told where it is", () => heard.kinds.includes("live"))
        if (heard.kinds.includes(why)) return heard
        heard.close()
      }
    })

  it.live("BX22 what the log has no more is told by no memory of it: what retention took, and another history", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        yield* append(id, 0, "a", "b", "c")
        yield* append(id, 0, "d")
        yield* texts(yield* open(at(0)), "a", "b", "c", "d")
        test.trim({ topic: id, partition: 0 }, 3)
        const trimmed = yield* whoIsTold("retention")
        assert.deepStrictEqual(trimmed.texts, ["d"])
        test.lose({ topic: id, partition: 0 }, 3)
        yield* append(id, 0, "e")
        const lost = yield* whoIsTold("epoch")
        assert.deepStrictEqual(lost.texts, ["e"])
      })
    )
  )

  it.live("BX21 whose answer could not be given is answered later, and so are those who wait with it", () =>
    on(
      Effect.fnUntraced(function* (test) {
        const { id } = test.create("t")
        yield* append(id, 0, "a")
        let calls = 0
        const { answer } = Broadcast.prototype
        const broken = vi.spyOn(Broadcast.prototype, "answer").mockImplementation(function (this: Broadcast, ...args) {
          if (calls++ === 0) throw new Error("a defect")
          return answer.apply(this, args)
        })
        const all = yield* Effect.all(
          Array.from({ length: 3 }, () => open(at(0))),
          { concurrency: "unbounded" }
        )
        for (const heard of all) yield* texts(heard, "a")
        broken.mockRestore()
      })
    )
  )
})
