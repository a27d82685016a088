import { assert, describe, it } from "@effect/vitest"
import {
  covers,
  isNewer,
  isNext,
  type Position,
  positionKey,
  replaces,
  sameEpoch,
  samePosition
} from "../../src/propagation/Position.ts"

const at = (revision: bigint, epoch = "e1"): Position => ({ epoch, revision })

describe("Position", () => {
  it("PO1 within an epoch the revision counts, beyond 2^53, too", () => {
    const big = 9_007_199_254_740_992n
    assert.isTrue(isNewer(at(big + 1n), at(big)))
    assert.isFalse(isNewer(at(big), at(big)))
    assert.isTrue(covers(at(big), at(big)))
    assert.isFalse(covers(at(big), at(big + 1n)))
    assert.isTrue(isNext(at(big + 1n), at(big)))
    assert.isFalse(isNext(at(big + 2n), at(big)))
    assert.isTrue(samePosition(at(1n), at(1n)))
    assert.isFalse(samePosition(at(1n), at(2n)))
  })

  it("PO1 of two epochs neither position is newer, covers or follows, whatever their numbers", () => {
    for (const [a, b] of [
      [at(2n), at(1n, "e2")],
      [at(1n), at(2n, "e2")],
      [at(1n), at(1n, "e2")]
    ] as const) {
      assert.isFalse(sameEpoch(a, b))
      assert.isFalse(samePosition(a, b))
      for (const compare of [isNewer, covers, isNext]) {
        assert.isFalse(compare(a, b))
        assert.isFalse(compare(b, a))
      }
    }
  })

  it("PO1 what is kept is replaced by the newer of its epoch, and by any of another", () => {
    assert.isTrue(replaces(at(1n), undefined))
    assert.isTrue(replaces(at(2n), at(1n)))
    assert.isFalse(replaces(at(1n), at(1n)))
    assert.isFalse(replaces(at(1n), at(2n)))
    assert.isTrue(replaces(at(1n, "e2"), at(9n)))
  })

  it("PO1 a key tells epochs and revisions apart", () => {
    assert.strictEqual(new Set([at(1n), at(11n), at(1n, "e11"), at(1n, "e1")].map(positionKey)).size, 3)
  })
})
