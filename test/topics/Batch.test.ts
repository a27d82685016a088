import { assert, describe, it } from "@effect/vitest"
import { judge, type Known, REMEMBERED, remembering } from "../../src/topics/Batch.ts"

const nothing: Known = { epoch: 3, sequence: 0, runs: [] }
const from = (sequence: number, epoch = 3) => ({ producer: "p", epoch, sequence })
const duplicate = (offset: number | undefined, count: number) => ({ offset, count, duplicate: true })

describe("batches", () => {
  it("TD1 what is new is taken, and what follows it", () => {
    assert.deepStrictEqual(judge(nothing, from(1), 10), { is: "fresh", there: [], skip: 0 })
    const known = remembering(nothing, { first: 1, count: 10, offset: 100 })
    assert.deepStrictEqual(judge(known, from(11), 5), { is: "fresh", there: [], skip: 0 })
  })

  it("TD1 what is there is answered with the offsets that it got, and the rest is taken", () => {
    let known = remembering(nothing, { first: 1, count: 10, offset: 100 })
    known = remembering(known, { first: 11, count: 10, offset: 200 })
    assert.deepStrictEqual(judge(known, from(1), 10), { is: "fresh", there: [duplicate(100, 10)], skip: 10 })
    assert.deepStrictEqual(judge(known, from(6), 10), {
      is: "fresh",
      there: [duplicate(105, 5), duplicate(200, 5)],
      skip: 10
    })
    assert.deepStrictEqual(judge(known, from(20), 10), { is: "fresh", there: [duplicate(209, 1)], skip: 1 })
  })

  it("TD1 what follows without a gap is remembered as one; what is too old is a duplicate all the same", () => {
    let known = nothing
    for (let n = 0; n < 100; n++) known = remembering(known, { first: 1 + n, count: 1, offset: 50 + n })
    assert.deepStrictEqual(known.runs, [{ first: 1, count: 100, offset: 50 }])
    for (let n = 0; n < REMEMBERED; n++) known = remembering(known, { first: 101 + n, count: 1, offset: 1_000 + 2 * n })
    assert.strictEqual(known.runs.length, REMEMBERED)
    assert.deepStrictEqual(judge(known, from(99), 3), {
      is: "fresh",
      there: [duplicate(undefined, 2), duplicate(1_000, 1)],
      skip: 3
    })
    assert.deepStrictEqual(judge(known, from(1), 2), { is: "fresh", there: [duplicate(undefined, 2)], skip: 2 })
  })

  it("TD2 gaps, earlier epochs and strangers are refused", () => {
    const known = remembering(nothing, { first: 1, count: 10, offset: 0 })
    assert.deepStrictEqual(judge(known, from(12), 1), { is: "sequence-gap", expected: 11 })
    assert.deepStrictEqual(judge(known, from(11, 2), 1), { is: "fenced", epoch: 3 })
    // Sent again by who was fenced: it can't tell whether it was there.
    assert.deepStrictEqual(judge(known, from(1, 2), 1), { is: "fenced", epoch: 3 })
    assert.deepStrictEqual(judge(known, from(11, 4), 1), { is: "unknown-producer" })
    assert.deepStrictEqual(judge(undefined, from(1), 1), { is: "unknown-producer" })
  })
})
