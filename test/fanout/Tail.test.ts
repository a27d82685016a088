import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Tail } from "../../src/fanout/Tail.ts"
import { eventsOf, TestLog } from "../support/TestLog.ts"

describe("Tail", () => {
  it.live("BX17 what this node appended to another history is never taken for what follows", () =>
    Effect.gen(function* () {
      const log = new TestLog()
      const { id } = log.create("t")
      let woken = 0
      const tail = new Tail({
        ...{ id: { topic: id, partition: 0 }, log: log.log, epoch: 5, next: 3, bound: 100_000, follow: () => {} },
        ...{ wake: () => void woken++, gone: () => {} }
      })
      const appended = { topic: id, partition: 0, first: 3, count: 1, rows: eventsOf("a").bytes, at: 1 }
      tail.heard({ ...appended, epoch: 6 }, 1)
      tail.heard({ ...appended, epoch: 4 }, 2)
      assert.deepStrictEqual([tail.ring.next, woken], [3, 0])
      tail.heard({ ...appended, epoch: 5 }, 3)
      assert.deepStrictEqual([tail.ring.next, woken], [4, 1])
      tail.heard({ ...appended, epoch: 5 }, 4)
      tail.heard({ ...appended, epoch: 5, first: 6 }, 5)
      assert.deepStrictEqual([tail.ring.next, woken], [4, 1])
    })
  )
})
