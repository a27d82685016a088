import { assert, describe, it } from "@effect/vitest"
import { type Known, MOST, Recent, WINDOW } from "../../src/flags/Recent.ts"

const now = 10 * WINDOW
const old: Known = { key: "old", version: 3, updatedAt: now - WINDOW }
const make = (flags: ReadonlyArray<Known> = []) =>
  new Recent((environment) => (environment === "production" ? flags : []))
const of = (recent: Recent, at = now, environment = "production") => [...recent.of(environment, at)]

describe("Recent", () => {
  it("FT8 what changed before this node began is known from the flags themselves", () => {
    const recent = make([
      { key: "old", version: 3, updatedAt: now - WINDOW },
      { key: "second", version: 2, updatedAt: now - 1 },
      { key: "first", version: 1, updatedAt: now - 2 }
    ])
    assert.deepStrictEqual(of(recent), [
      ["first", "write"],
      ["second", "update"]
    ])
    assert.deepStrictEqual(of(recent, now, "staging"), [])
  })

  it("FT8 nothing is kept of environments that have no flags", () => {
    const flags: Array<Known> = []
    const recent = make(flags)
    assert.deepStrictEqual(of(recent), [])
    flags.push({ key: "a", version: 1, updatedAt: now }, { key: "b", version: 1, updatedAt: now })
    recent.note("production", "b", "write", now)
    // Asked for at once: had anything been kept, it would have been b alone, or nothing for a second.
    assert.deepStrictEqual(of(recent), [
      ["a", "write"],
      ["b", "write"]
    ])
  })

  it("FT8 what changes from then on is noted, newest last, and forgotten when it is old", () => {
    const recent = make([old])
    assert.deepStrictEqual(of(recent), [])
    recent.note("production", "a", "write", now)
    recent.note("production", "b", "update", now + 1)
    recent.note("production", "a", "delete", now + 2)
    recent.note("staging", "c", "write", now)
    assert.deepStrictEqual(of(recent, now + 2), [
      ["b", "update"],
      ["a", "delete"]
    ])
    assert.deepStrictEqual(of(recent, now + 1 + WINDOW), [["a", "delete"]])
    assert.deepStrictEqual(of(recent, now + 3_000 + WINDOW), [])
  })

  it("FT8 no more than some are kept, and after a reset the flags are looked at again", () => {
    const flags: Array<Known> = [old]
    const recent = make(flags)
    of(recent)
    for (let n = 0; n < MOST + 5; n++) recent.note("production", `flag-${n}`, "update", now + n)
    const found = of(recent, now + MOST)
    assert.deepStrictEqual([found.length, found[0]], [MOST, ["flag-5", "update"]])
    flags.push({ key: "only", version: 1, updatedAt: now })
    recent.reset()
    assert.deepStrictEqual(of(recent), [["only", "write"]])
  })

  it("FT8 all who ask at once have one answer, until something changes", () => {
    const recent = make([old])
    const first = recent.of("production", now)
    assert.strictEqual(recent.of("production", now + 999), first)
    assert.notStrictEqual(recent.of("production", now + 1_000), first)
    recent.note("production", "a", "write", now + 1_001)
    assert.deepStrictEqual(of(recent, now + 1_001), [["a", "write"]])
  })
})
