import { assert, describe, it } from "@effect/vitest"
import { makeDatabaseClock } from "../../../../layers/Postgres/connection/DatabaseClock.ts"

describe("the database's clock", () => {
  it("DC1 a deadline is never later by it than it is, however long the answer took", () => {
    const clock = makeDatabaseClock()
    // It said 1,000 at some time before 50 ms; so at 150 ms it is 1,100 at least.
    clock.heard({ server: "s", now: 1_000 }, 0n, 50_000_000n)

    assert.strictEqual(clock.at(150_000_000n), 1_100)
    assert.strictEqual(clock.at(150_900_000n), 1_100)
    assert.strictEqual(clock.at(40_100_000n), 990)
  })

  it("DC3 an answer that took long makes it no worse, one that was quick makes it better, and a clock that was set back is followed", () => {
    const clock = makeDatabaseClock()
    const ms = (n: number) => BigInt(n) * 1_000_000n
    clock.heard({ server: "s", now: 10_000 }, ms(0), ms(10))
    clock.heard({ server: "s", now: 10_100 }, ms(100), ms(4_100)) // the commit waited for its standby
    assert.strictEqual(clock.at(ms(4_100)), 14_090)
    clock.heard({ server: "s", now: 14_205 }, ms(4_200), ms(4_201))
    assert.strictEqual(clock.at(ms(4_201)), 14_205)
    clock.heard({ server: "s", now: 13_300 }, ms(4_300), ms(4_310)) // set back by a second
    assert.strictEqual(clock.at(ms(4_310)), 13_300)
    clock.heard({ server: "t", now: 1_000 }, ms(0), ms(4_400)) // another server
    assert.deepStrictEqual([clock.at(ms(4_400)), clock.server(ms(4_400))], [1_000, "t"])
    assert.strictEqual(clock.server(ms(64_401)), "")
    clock.heard({ server: "t", now: 61_000 }, ms(0), ms(64_500)) // what was known is too old
    assert.strictEqual(clock.at(ms(64_500)), 61_000)
  })
})
