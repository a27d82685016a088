import { assert, describe, it } from "@effect/vitest"
import { Cursor } from "../../src/subscriptions/Cursor.ts"
import { beginAt, OPEN } from "../../src/subscriptions/SavedCursor.ts"
import { HASHES } from "../../src/subscriptions/Share.ts"

describe("Cursor", () => {
  it("CB2 the mark is an offset, however often it was set further ahead and less far again", () => {
    const slice = { partition: 0, from: 0, to: HASHES }
    const cursor = new Cursor<string>({ slice, share: 0, maxAttempts: 3, order: "unordered", end: 0 }, beginAt(1, 0))
    const ahead: Array<number> = []
    const goOut = (offset: number, isAhead: boolean) => {
      const [item] = cursor.offer(cursor.scan, offset + 1, [{ offset, hash: null, bytes: 1, body: "x" }], 1)
      assert.strictEqual(cursor.isKept(item!, 1, 1), isAhead)
      cursor.kept(cursor.mark)
      cursor.finish(item!, 1)
      ahead.push(cursor.mark - offset)
    }
    // What goes out meets what is kept, again and again; then it never does.
    for (let n = 0; n < 8; n++) goOut(cursor.durableMark, false)
    for (let n = 0; n < 12; n++) goOut(cursor.durableMark - 1, true)
    assert.isAbove(Math.max(...ahead), OPEN / 2)
    assert.isTrue(ahead.every(Number.isSafeInteger), ahead.join())
  })
})
