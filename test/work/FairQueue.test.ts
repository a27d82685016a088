import { assert, describe, it } from "@effect/vitest"
import { FairQueue } from "../../src/work/FairQueue.ts"

const bounds = { atOnce: 1, jobs: 3, bytes: 100, allJobs: 5, allBytes: 150 }

describe("FairQueue", () => {
  it("FQ1 FQ2 gives each owner its turn, one job at a time", () => {
    const queue = new FairQueue<string>({ ...bounds, allJobs: 9 })
    for (const item of ["a1", "a2", "a3"]) assert.isUndefined(queue.offer("a", 1, item))
    for (const item of ["b1", "b2"]) assert.isUndefined(queue.offer("b", 1, item))
    assert.strictEqual(queue.take()?.item, "a1")
    assert.strictEqual(queue.take()?.item, "b1")
    assert.isUndefined(queue.take())
    queue.offer("c", 1, "c1")
    queue.done("a")
    queue.done("b")
    const order = []
    for (let next = queue.take(); next !== undefined; next = queue.take()) {
      order.push(next.item)
      queue.done(next.owner)
    }
    assert.deepStrictEqual(order, ["c1", "a2", "b2", "a3"])
    assert.deepStrictEqual([queue.size, queue.bytes], [0, 0])
  })

  it("FQ3 is bounded in jobs and bytes, for one and for all", () => {
    const queue = new FairQueue<number>(bounds)
    assert.deepStrictEqual(
      [1, 2, 3, 4].map((n) => queue.offer("a", 1, n)),
      [undefined, undefined, undefined, "owner"]
    )
    assert.isUndefined(queue.offer("b", 90, 5))
    assert.strictEqual(queue.offer("b", 11, 6), "owner")
    assert.strictEqual(queue.offer("c", 60, 7), "all")
    assert.isUndefined(queue.offer("c", 50, 8))
    assert.strictEqual(queue.offer("d", 1, 9), "all")
    queue.remove("b", 5)
    assert.isUndefined(queue.offer("d", 60, 10))
    assert.deepStrictEqual([queue.size, queue.bytes], [5, 113])
    queue.remove("b", 5)
    queue.remove("d", 10)
    assert.deepStrictEqual([queue.size, queue.bytes], [4, 53])
  })

  it("FQ3 takes one job of any size when nothing waits", () => {
    const queue = new FairQueue<number>(bounds)
    assert.isUndefined(queue.offer("a", 1_000, 1))
    assert.strictEqual(queue.offer("b", 1, 2), "all")
    assert.strictEqual(queue.take()?.item, 1)
    assert.isUndefined(queue.offer("b", 1, 2))
  })
})
