import { assert, describe, it } from "@effect/vitest"
import { ALWAYS, dayOf, endOf, sessionAt, startOf, US_EQUITIES } from "../../src/marketdata/Calendar.ts"
import { countsOf, NO_RULES, US_RULES } from "../../src/marketdata/Conditions.ts"

const at = (text: string) => Date.parse(text)
const DAY = 86_400_000
const day = (millis: number) => new Date(millis).toISOString().slice(5, 10)

/** Weekdays of a year without a regular session, and those on which it ends at 13:00. */
const special = (year: number) => {
  const found = { closed: [] as Array<string>, short: [] as Array<string> }
  for (let noon = Date.UTC(year, 0, 1, 17); noon < Date.UTC(year + 1, 0, 1); noon += DAY) {
    const weekday = new Date(noon).getUTCDay()
    if (weekday === 0 || weekday === 6) continue
    const { start } = dayOf(US_EQUITIES, noon)
    if (sessionAt(US_EQUITIES, start + 11 * 3_600_000) === "closed") found.closed.push(day(noon))
    else if (sessionAt(US_EQUITIES, start + 14 * 3_600_000) !== "regular") found.short.push(day(noon))
  }
  return found
}

describe("Calendar", () => {
  it("MC1 New York has the days off and the early ends that its exchanges published", () => {
    assert.deepStrictEqual(special(2025), {
      closed: [...["01-01", "01-09", "01-20", "02-17", "04-18", "05-26", "06-19", "07-04", "09-01", "11-27", "12-25"]],
      short: ["07-03", "11-28", "12-24"]
    })
    assert.deepStrictEqual(special(2026), {
      closed: ["01-01", "01-19", "02-16", "04-03", "05-25", "06-19", "07-03", "09-07", "11-26", "12-25"],
      short: ["11-27", "12-24"]
    })
    // A New Year's Day on a Saturday is not made up for; Christmas Eve is the day off there.
    assert.deepInclude(special(2021).closed, "12-24")
    assert.notInclude(special(2021).closed, "12-31")
  })

  it("MC1 sessions begin and end by the clock of New York, in winter and in summer, and earlier on short days", () => {
    const sessions: ReadonlyArray<readonly [string, string]> = [
      ["2026-01-15T08:59:59.999Z", "closed"],
      ["2026-01-15T09:00:00Z", "pre"],
      ["2026-01-15T14:29:59.999Z", "pre"],
      ["2026-01-15T14:30:00Z", "regular"],
      ["2026-01-15T20:59:59.999Z", "regular"],
      ["2026-01-15T21:00:00Z", "post"],
      ["2026-01-16T01:00:00Z", "closed"],
      ["2026-07-15T13:30:00Z", "regular"],
      ["2026-07-15T13:29:59Z", "pre"],
      ["2026-11-27T17:59:59Z", "regular"],
      ["2026-11-27T18:00:00Z", "post"],
      ["2026-11-27T22:00:00Z", "closed"],
      ["2026-01-17T17:00:00Z", "closed"]
    ]
    for (const [text, session] of sessions) assert.strictEqual(sessionAt(US_EQUITIES, at(text)), session, text)
    assert.strictEqual(sessionAt(ALWAYS, at("2026-01-17T17:00:00Z")), "regular")
  })

  it("MC2 a day is the venue's date: 23 hours when clocks go forward, 25 when they go back, and never UTC's", () => {
    const evening = at("2026-01-16T00:30:00Z")
    assert.strictEqual(startOf(US_EQUITIES, "1d", evening), at("2026-01-15T05:00:00Z"))
    assert.strictEqual(startOf(ALWAYS, "1d", evening), at("2026-01-16T00:00:00Z"))
    for (const [text, hours] of [
      ["2026-03-08T17:00:00Z", 23],
      ["2026-11-01T17:00:00Z", 25],
      ["2026-11-02T17:00:00Z", 24]
    ] as const) {
      const { start, end } = dayOf(US_EQUITIES, at(text))
      assert.strictEqual((end - start) / 3_600_000, hours, text)
      assert.strictEqual(endOf(US_EQUITIES, "1d", start), end)
      assert.deepStrictEqual(dayOf(US_EQUITIES, start), { start, end })
      assert.deepStrictEqual(dayOf(US_EQUITIES, end - 1), { start, end })
    }
  })

  it("MC2 hours begin as the venue's clock does, also where that is half an hour off", () => {
    const india = { ...ALWAYS, zone: "Asia/Kolkata" }
    assert.strictEqual(startOf(india, "1h", at("2026-01-15T04:10:00Z")), at("2026-01-15T03:30:00Z"))
    assert.strictEqual(startOf(india, "5m", at("2026-01-15T04:13:00Z")), at("2026-01-15T04:10:00Z"))
    assert.strictEqual(startOf(ALWAYS, "1m", at("2026-01-15T04:13:59.999Z")), at("2026-01-15T04:13:00Z"))
  })
})

describe("Conditions", () => {
  it("MN1 all conditions of a trade have to let it count; those that nobody knows say nothing", () => {
    const counts = (conditions: ReadonlyArray<string>) => {
      const { volume, highLow, last } = countsOf(US_RULES, conditions, "regular")
      return `${volume ? "v" : ""}${highLow ? "h" : ""}${last ? "l" : ""}`
    }
    assert.strictEqual(counts([]), "vhl")
    assert.strictEqual(counts(["@", "?"]), "vhl")
    for (const condition of ["T", "I", "W", "C"]) assert.strictEqual(counts([condition]), "v", condition)
    assert.strictEqual(counts(["Z"]), "vh")
    assert.strictEqual(counts(["9"]), "hl")
    assert.strictEqual(counts(["9", "I"]), "")
    assert.strictEqual(counts(["M"]), "")
    assert.deepStrictEqual(countsOf(NO_RULES, ["M"], "regular"), { volume: true, highLow: true, last: true })
  })

  it("MN2 a trade outside of regular hours counts for the session that it was in", () => {
    assert.isTrue(countsOf(US_RULES, ["T"], "post").last)
    assert.isFalse(countsOf(US_RULES, ["T"], "regular").last)
    assert.isFalse(countsOf(US_RULES, ["T", "I"], "post").last)
  })
})
