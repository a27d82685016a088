/** Whom the bound of all that waits cuts. */
import { assert, describe, it } from "@effect/vitest"
import { type Reader, Unread } from "../../../layers/Sockets/Unread.ts"

const MEGABYTE = 1_048_576

const crowd = (maxUnread: number) => {
  const unread = new Unread({ patience: 1e9, maxUnread, bytesPerSecond: 65_536, lookEvery: 1e9 }, () => {})
  const cut: Array<string> = []
  const begun = performance.now()
  const add = (name: string, of: { unread?: number; kept?: number; heard?: number }): typeof of => {
    const gone = () => cut.includes(name)
    const reader: Reader = {
      unread: () => (gone() ? 0 : (of.unread ?? 0)),
      ahead: () => 0,
      kept: () => (gone() ? 0 : (of.kept ?? 0)),
      heard: () => of.heard ?? 0,
      taken: () => 0,
      cut: () => {
        if (!gone()) cut.push(name)
        return true
      }
    }
    unread.add(reader)
    return of
  }
  return { add, cut, look: (millis: number) => unread.look(begun + millis) }
}

describe("what waits in all", () => {
  it("HS5 who holds much with a message that never ends is cut, and not who is about to read a little", () => {
    const { add, cut, look } = crowd(64 * MEGABYTE)
    for (let n = 0; n < 3; n++) add(`healthy ${n}`, { unread: 100_000 })
    const their = Array.from({ length: 8 }, (_, n) => add(`eve ${n}`, { kept: MEGABYTE }))
    look(1_000)
    look(2_000)
    assert.deepStrictEqual(cut, [])
    for (const one of their) one.kept = 8 * MEGABYTE
    look(3_000)
    assert.strictEqual(cut.length, 1)
    assert.match(cut[0]!, /^eve/)
  })

  it("HS5 also where it came only now, and the others have waited for long", () => {
    const { add, cut, look } = crowd(64 * MEGABYTE)
    for (let n = 0; n < 3; n++) add(`healthy ${n}`, { unread: 100_000 })
    look(5_000)
    look(20_000)
    for (let n = 0; n < 9; n++) add(`eve ${n}`, { kept: 8 * MEGABYTE })
    look(21_000)
    assert.isTrue(cut.length > 0 && cut.every((name) => name.startsWith("eve")), String(cut))
  })

  it("HS5 whose messages come whole has not waited, however much it sends", () => {
    const { add, cut, look } = crowd(16 * MEGABYTE)
    const busy = add("busy", { kept: 8 * MEGABYTE, heard: 0 })
    add("eve", { kept: 8 * MEGABYTE })
    for (let second = 1; second <= 10; second++) {
      busy.heard = second
      look(second * 1_000)
    }
    add("another", { kept: 1 })
    look(11_000)
    assert.deepStrictEqual(cut, ["eve"])
  })
})
