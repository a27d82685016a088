import { assert, describe, it } from "@effect/vitest"
import { closedAt } from "../../src/plans/Windows.ts"

const HOUR = 60
const DAY = 24 * HOUR
/** Monday to Friday, 09:00 to 16:00. */
const office = [0, 1, 2, 3, 4].map((day) => ({ from: day * DAY + 9 * HOUR, until: day * DAY + 16 * HOUR }))
/** Of November 2026: the 23rd is a Monday. */
const at = (day: number, hour: number, minute = 0) => Date.UTC(2026, 10, day, hour, minute)

describe("Windows", () => {
  it("WJ1 nothing begins outside of a window, and it says when the next one opens", () => {
    assert.isUndefined(closedAt([], [], at(23, 3)))
    assert.isUndefined(closedAt(office, [], at(23, 9)))
    assert.isUndefined(closedAt(office, [], at(27, 15, 59)))
    assert.strictEqual(closedAt(office, [], at(23, 8))?.millis, 3_600_000)
    const weekend = closedAt(office, [], at(27, 16))
    assert.strictEqual(weekend?.millis, at(30, 9) - at(27, 16))
    assert.include(weekend?.text, "2026-11-30T09:00:00.000Z")
  })

  it("WJ1 a window may go over the end of the week", () => {
    const nights = [{ from: 6 * DAY + 22 * HOUR, until: 2 * HOUR }]
    assert.isUndefined(closedAt(nights, [], at(29, 23)))
    assert.isUndefined(closedAt(nights, [], at(30, 1, 59)))
    assert.strictEqual(closedAt(nights, [], at(30, 2))?.millis, 7 * 86_400_000 - 4 * 3_600_000)
    assert.strictEqual(closedAt(nights, [], -86_400_000)?.millis, (4 * 24 + 22) * 3_600_000, "before 1970, a Wednesday")
  })

  it("WJ1 nothing begins in a freeze, whatever the windows are", () => {
    const freeze = { from: at(24, 0), until: at(25, 0), message: "black friday" }
    const closed = closedAt(office, [freeze], at(24, 10))
    assert.strictEqual(closed?.millis, 14 * 3_600_000)
    assert.include(closed?.text, "black friday")
    assert.isUndefined(closedAt(office, [freeze], at(25, 10)))
    assert.isDefined(closedAt(office, [freeze], at(25, 0)))
    assert.strictEqual(closedAt([], [freeze], freeze.from)?.millis, 86_400_000)
    assert.strictEqual(closedAt([], [freeze], freeze.until - 1)?.millis, 1)
    assert.isUndefined(closedAt([], [freeze], freeze.until))
    assert.isDefined(closedAt([], undefined, at(25, 10)), "nobody knows")
  })
})
