/** What others got wrong where events come again, each played against the machine. */
import { assert, describe, it } from "@effect/vitest"
import { Stage } from "./Stage.ts"

const failIn = (stage: Stage, session: string, offset: number, delayMillis: number) =>
  stage.machine.answer(
    { kind: "fail", token: stage.token.get(offset)!, first: offset, last: offset, delayMillis },
    session,
    stage.now
  )

describe("what others got wrong of events that come again", () => {
  it("LC1 LC2 pulsar#7455: who takes nothing holds what failed and what is behind it of its key, and no other consumer gets that first", () => {
    const stage = new Stage("key_shared", [1, 2, 1, 2])
    stage.join("a", 1)
    assert.deepStrictEqual(stage.poll(), ["a:0"])
    stage.answer("a", "fail", 0)
    stage.now += 100
    // What failed is due, and its consumer has no room for it; another one comes, and has.
    stage.join("b", 100)
    const seen: Array<number> = []
    const take = () => {
      for (const [session, offset] of stage.poll().map((one) => one.split(":") as [string, string])) {
        seen.push(Number(offset))
        stage.answer(session, "accept", Number(offset))
      }
    }
    take()
    stage.machine.consumers.grant("a", 100)
    for (let round = 0; round < 4; round++) take()
    for (const key of [1, 2])
      assert.deepStrictEqual(
        seen.filter((offset) => stage.hashes[offset] === key),
        key === 1 ? [0, 2] : [1, 3]
      )
  })

  for (const type of ["shared", "key_shared"] as const)
    it("DI1 pulsar#5969: one of a delivery failed; its neighbours were accepted, and come no more", () => {
      const stage = new Stage(type, [1, 2, 3, 4, 5])
      stage.join("a")
      assert.lengthOf(stage.poll(), 5)
      assert.lengthOf(new Set(stage.tokens), 1, "they are one delivery")
      for (const offset of [0, 1, 3, 4]) assert.deepStrictEqual(stage.answer("a", "accept", offset), [])
      stage.answer("a", "fail", 2)
      stage.now += 1_000
      assert.deepStrictEqual(stage.poll(), ["a:2"])
      stage.answer("a", "accept", 2)
      stage.now += 1_000
      assert.deepStrictEqual(stage.poll(), [])
      assert.strictEqual(stage.cursor.floor, 5)
    })

  it("LC2 pulsar#5344: each that failed comes at its own time, not earlier, and not with the others", () => {
    const stage = new Stage("shared", [null, null, null, null])
    stage.join("a")
    assert.lengthOf(stage.poll(), 4)
    const delays = [300, 100, 200, 400]
    for (const [offset, delay] of delays.entries()) failIn(stage, "a", offset, delay)
    const begun = stage.now
    for (const [due, offset] of [
      [100, 1],
      [200, 2],
      [300, 0],
      [400, 3]
    ] as const) {
      stage.now = begun + due - 1
      assert.deepStrictEqual(stage.poll(), [])
      stage.now = begun + due
      assert.deepStrictEqual(stage.poll(), [`a:${offset}`])
      stage.answer("a", "accept", offset)
    }
  })

  it("CB1 pulsar#8095: when it is due is kept: who has the share next waits for it too, and counts the attempt", () => {
    const stage = new Stage("key_shared", [1, 2])
    stage.join("a")
    stage.poll()
    failIn(stage, "a", 0, 500)
    stage.answer("a", "accept", 1)
    stage.poll()
    const next = new Stage("key_shared", [1, 2], {}, { saved: stage.cursor.save(true) })
    next.now = stage.now + 499
    next.join("b")
    assert.deepStrictEqual(next.poll(), [])
    next.now++
    assert.deepStrictEqual(next.poll(), ["b:0"])
    assert.strictEqual(next.cursor.items.get(0)!.attempts, 1)
  })
})
