import { assert, describe, it } from "@effect/vitest"
import type { Consumer } from "../../src/subscriptions/Consumers.ts"
import { Takers } from "../../src/subscriptions/Takers.ts"

const consumerOf = (name: string, granted: number): Consumer<string> => ({
  ...{ name, session: name, seed: 0, granted, sent: 0, out: 0, stalled: false, reserved: undefined }
})

describe("who may get something in a look", () => {
  it("DZ3 each gets one in turn, until it takes no more", () => {
    const takers = new Takers([consumerOf("a", 3), consumerOf("b", 1), consumerOf("c", 2)])
    const got: Array<string> = []
    for (let next = takers.next; next !== undefined && got.length < 9; next = takers.next) {
      got.push(next.name)
      next.sent++
      next.out++
      takers.gave(next)
    }
    assert.deepStrictEqual(got, ["a", "b", "c", "a", "c", "a"])
    assert.strictEqual(takers.room, 0)
  })
})
