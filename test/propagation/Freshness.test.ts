import { assert, describe, it } from "@effect/vitest"
import { Freshness } from "../../src/propagation/Freshness.ts"

describe("Freshness", () => {
  const make = () => {
    const clocks = { now: 0n, busy: 0n, recent: 0n }
    const loop = { busy: () => clocks.busy, recent: () => clocks.recent }
    const freshness = new Freshness(() => clocks.now, loop, 3_000n)
    const turns = () => {
      clocks.recent = 0n
    }
    const pass = (millis: bigint, busy = 0n) => {
      clocks.now += millis
      clocks.busy += busy
      clocks.recent += busy
    }
    return { freshness, pass, turns }
  }

  it("P3 counts from when the database was asked, not from when its answer was read; an older answer takes nothing back", () => {
    const { freshness, pass } = make()
    const first = freshness.asking()
    pass(1_000n)
    const second = freshness.asking()
    pass(1_000n)
    freshness.confirm(second)
    freshness.confirm(first)
    pass(2_000n)
    assert.isFalse(freshness.stale())
    pass(1n)
    assert.isTrue(freshness.stale())
  })

  it("P7 time in which this process was busy is set off, at most as long as the view may be unconfirmed", () => {
    const { freshness, pass } = make()
    pass(2_500n, 2_500n)
    pass(2_900n)
    assert.isFalse(freshness.stale())
    pass(200n)
    assert.isTrue(freshness.stale())
    freshness.confirm(freshness.asking())
    pass(6_000n, 6_000n)
    assert.isFalse(freshness.stale())
    pass(1n, 1n)
    assert.isTrue(freshness.stale())
  })

  it("P7 a database that is dead is told in time by a process that is always busy: what was held up some turns ago was read", () => {
    const { freshness, pass, turns } = make()
    for (let n = 0; n < 9; n++) {
      turns()
      pass(340n, 340n)
      assert.isFalse(freshness.stale()) // 340 ms of it may hide an answer
    }
    turns()
    pass(340n, 340n)
    assert.isTrue(freshness.stale())
  })

  it("P7 what was busy before the database was asked counts for nothing, nor does time in which the process was stopped", () => {
    const { freshness, pass } = make()
    pass(2_000n, 2_000n)
    freshness.confirm(freshness.asking())
    pass(3_001n)
    assert.isTrue(freshness.stale())
  })
})
