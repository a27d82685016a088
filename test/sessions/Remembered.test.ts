import { assert, describe, it } from "@effect/vitest"
import { Remembered } from "../../src/sessions/Remembered.ts"
import { Told } from "../../src/sessions/Told.ts"
import type { Mark } from "../../src/updates/Update.ts"

const markOf = (key: string, revision: number): Mark => ({
  ...{ kind: "value", key, version: revision, revision: BigInt(revision), epoch: "e" },
  ...{ digest: `d${revision}`, traceparent: "", committedAt: 0, stale: false }
})
const marks = (count: number, from = 0): ReadonlyArray<Mark> =>
  Array.from({ length: count }, (_, n) => markOf(`key-${n}`, from + n + 1))
/** Mulberry32. */
const dice = (seed: number) => {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return { next, below: (n: number): number => Math.floor(next() * n) }
}
const answer = (told: Told, { key, revision, epoch }: Mark) =>
  told.answered({ key, revision, epoch, applied: true, reason: "" })

describe("Remembered", () => {
  it("MK1 sessions that applied the same keep it once, whatever order they were told it in", () => {
    const all = marks(5_000)
    const sessions = [all, all.toReversed(), marks(5_000)].map((its) => {
      const told = new Told()
      for (const mark of its) told.sent(mark)
      assert.strictEqual(told.own, 5_000)
      for (const mark of its) answer(told, mark)
      assert.strictEqual(told.own, 0)
      return told
    })
    for (const told of sessions)
      for (const mark of all) assert.strictEqual(told.get(mark.key), sessions[0]!.get(mark.key))
    assert.strictEqual(sessions[1]!.get("key-7"), all[7])
    const few = new Told()
    for (const mark of marks(200)) few.holds(mark)
    assert.strictEqual(few.own, 200)
  })

  it("MK2 what one session is told more, no other has; and it is an answer to its own that counts", () => {
    const all = marks(1_000)
    const [one, two] = [new Told(), new Told()]
    for (const told of [one, two]) for (const mark of all) told.sent(mark)
    for (const told of [one, two]) for (const mark of all) answer(told, mark)
    const later = markOf("key-3", 9_999)
    one.sent(later)
    one.sent(markOf("new", 10_000))
    assert.deepStrictEqual([one.get("key-3")?.revision, two.get("key-3")?.revision], [9_999n, 4n])
    assert.deepStrictEqual([one.has("new"), two.has("new")], [true, false])
    assert.isUndefined(answer(two, later))
    assert.strictEqual(answer(one, later), later)
  })

  it("MK1 MK2 a session is as if it had a map of its own, whatever it and others are told", () => {
    const { below, next } = dice(11)
    const sessions = Array.from({ length: 6 }, () => ({ is: new Remembered(), was: new Map<string, Mark>() }))
    const common = marks(900)
    for (let round = 0; round < 60; round++) {
      const news = Array.from({ length: below(400) }, (_, n) => markOf(`key-${below(1_200)}`, 10_000 * (round + 1) + n))
      for (const { is, was } of sessions) {
        if (next() < 0.2) continue
        for (const mark of round === 0 ? common : next() < 0.1 ? news.slice(1) : news) {
          is.set(mark)
          was.set(mark.key, mark)
        }
        is.share()
        assert.sameMembers([...is.keys()], [...was.keys()])
        for (const [key, mark] of was) assert.deepStrictEqual(is.get(key), mark)
        assert.isFalse(is.has("none"))
      }
    }
    assert.isBelow(Math.max(...sessions.map(({ is }) => is.own)), 400)
  })

  it("MK1 a session that comes back with all that it holds shares it, too", () => {
    const sessions = [new Told(), new Told()]
    for (const told of sessions) for (const mark of marks(4_000)) told.holds(mark)
    for (const told of sessions) assert.isBelow(told.own, 1_001)
    assert.strictEqual(sessions[0]!.get("key-9"), sessions[1]!.get("key-9"))
  })

  it("MK3 beyond so many keys nothing is looked for", () => {
    const told = new Told()
    const all = marks(120_000)
    for (const mark of all) told.sent(mark)
    for (const mark of all) answer(told, mark)
    assert.strictEqual(told.own, 120_000)
  })
})
