/** Lists of ids by themselves. */
import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { changedPiece, ID_BYTES, Lines, MODES, pieceWith, readPiece } from "../../src/flags/IdList.ts"
import { listWith } from "./ListOfIds.ts"

const encoder = new TextEncoder()

describe("a list of ids", () => {
  /** Numbers that look drawn, the same in each run. */
  const drawing = (seed: number) => {
    let state = seed
    return (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
  }
  const signs = ["a", "b", "é", "😀", "\uffff", "\ue000", "-", "0"]

  it("IL1, IL3 drawn ids are in their list and no others are; in whatever order they come it is the same list, also when it is read again", () => {
    const draw = drawing(7)
    const idOf = () => Array.from({ length: 1 + draw(4) }, () => signs[draw(signs.length)]!).join("")
    const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
    for (let run = 0; run < 200; run++) {
      const ids = Array.from({ length: draw(60) }, idOf)
      const list = listWith(ids)
      assert.strictEqual(listWith([...ids, ...ids].reverse()).stored.digest, list.stored.digest)
      assert.strictEqual(list.stored.count, new Set(ids).size)
      for (const id of ids) assert.isTrue(list.has(id), id)
      for (let n = 0; n < 60; n++) {
        const id = idOf()
        assert.strictEqual(list.has(id), ids.includes(id), id)
      }
      for (const piece of list.pieces) {
        if (piece === undefined) continue
        const again = readPiece({ digest: piece.digest, ids: utf8.decode(piece.bytes) })
        assert.deepStrictEqual([...again.starts], [...piece.starts])
      }
    }
  })

  it("IL3 adding and taking away drawn ids is what sets do", () => {
    const draw = drawing(11)
    const few = () => Array.from({ length: draw(20) }, () => `${draw(30)}`)
    const bytes = (ids: ReadonlyArray<string>) => ids.map((id) => encoder.encode(id))
    for (let run = 0; run < 500; run++) {
      const [before, ids, mode] = [few(), few(), MODES[draw(3)]!]
      const piece = pieceWith(changedPiece(undefined, bytes(before), "add"), digestOf)?.piece
      const after = changedPiece(piece, bytes(ids), mode).map((id) => new TextDecoder().decode(id))
      const [had, given] = [new Set(before), new Set(ids)]
      const expected = mode === "add" ? had.union(given) : mode === "remove" ? had.difference(given) : given
      assert.deepStrictEqual(after, [...expected].sort())
    }
  })

  it("IL2 lines are ids without what is around them; what is none is refused", () => {
    const all = (given: Uint8Array) => {
      const lines = new Lines(given)
      const found: Array<string> = []
      for (let id = lines.next(); id !== undefined; id = lines.next())
        found.push(typeof id === "string" ? `${lines.line} ${id}` : new TextDecoder().decode(id))
      return found
    }
    assert.deepStrictEqual(all(encoder.encode("\ufeffa b\r\n\n  c \t\nd")), ["a b", "c", "d"])
    assert.deepStrictEqual(all(new Uint8Array([0x61, 0x0a, 0x62, 0xff])), ["a", "2 is no UTF-8"])
    assert.deepStrictEqual(all(encoder.encode("a\u0001b")), ["1 has a control character in it"])
    assert.deepStrictEqual(all(encoder.encode("x".repeat(ID_BYTES + 1))), [
      `1 has ${ID_BYTES + 1} bytes; an id has ${ID_BYTES} at most`
    ])
  })
})
