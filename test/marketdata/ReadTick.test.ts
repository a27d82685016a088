import { assert, describe, it } from "@effect/vitest"
import { decimalText, priceText } from "../../src/marketdata/Decimal.ts"
import { LONGEST_TICK, readTick } from "../../src/marketdata/ReadTick.ts"
import type { Trade } from "../../src/marketdata/Tick.ts"

const read = (text: string) => readTick(new TextEncoder().encode(text))
const base = { exchange: "NASDAQ", symbol: "AAPL", ts_event: "1768489200123456789", price: "187.23", size: "100" }
const said = (more: object = {}) => read(JSON.stringify({ ...base, ...more }))

describe("ReadTick", () => {
  it("MH2 numbers are read digit by digit, as texts and as JSON's numbers", () => {
    const text = `{"symbol":"XBT/USD","exchange":"KRAKEN","price":105433.123456789,"volume":123456789.012345678,
      "timestamp":1768489200123456789,"sequence":9007199254740993,"id":12}`
    const tick = read(text) as Trade
    assert.strictEqual(priceText(tick.price), "105433.123456789")
    assert.strictEqual(decimalText(tick.size), "123456789.012345678")
    assert.strictEqual(tick.tsEvent, 1_768_489_200_123_456_789n)
    assert.strictEqual(tick.sequence, 9_007_199_254_740_993n)
    assert.strictEqual(tick.id, "12")
    assert.strictEqual((read(text.replace("105433.123456789", "1e-8")) as Trade).price, 10n)
  })

  it("MH2 times are nanoseconds, or a date with as many digits", () => {
    const at = (ts_event: string) => (said({ ts_event }) as Trade).tsEvent
    assert.strictEqual(at("2026-01-15T15:00:00.123456789Z"), 1_768_489_200_123_456_789n)
    assert.strictEqual(at("2026-01-15T10:00:00.1-05:00"), 1_768_489_200_100_000_000n)
    assert.strictEqual(at("2026-01-15T15:00:00Z"), 1_768_489_200_000_000_000n)
  })

  it("MH2 quotes, cancels and corrections are read with what they are of", () => {
    const quote = said({ type: "quote", bid: 187.22, bid_size: 300, ask: null })
    assert.deepInclude(quote, { kind: "quote", ask: undefined })
    assert.deepInclude(said({ type: "cancel", id: "7", ts_original: "5" }), { kind: "cancel", id: "7", tsOriginal: 5n })
    const correction = said({ type: "correction", id: "7", ts_original: "5", price: 1 })
    if (typeof correction === "string" || correction.kind !== "correction") throw new Error("no correction")
    assert.deepInclude(correction.trade, { kind: "trade", id: "7", tsEvent: 5n, price: 1_000_000_000n })
  })

  it("MH3 what is missing, wrong, too long or too deep is refused with what is wrong", () => {
    const refusals: ReadonlyArray<readonly [string | object, RegExp]> = [
      ["", /no JSON/],
      ["[]", /no JSON object/],
      ["12", /no JSON object/],
      ["null", /no JSON object/],
      ['{"__proto__":{"type":"trade"}}', /exchange is missing/],
      [{ type: "toString" }, /its type is none of/],
      [{ type: 1 }, /its type is none of/],
      [{ symbol: "../../etc" }, /no symbol/],
      [{ symbol: "A".repeat(65) }, /no symbol/],
      [{ symbol: undefined }, /symbol is missing/],
      [{ exchange: "a b" }, /no exchange/],
      [{ price: undefined }, /price is missing/],
      [{ price: true }, /neither a text nor a number/],
      [{ price: "1e999" }, /no decimal/],
      [{ price: { a: 1 } }, /neither a text nor a number/],
      [{ size: -1 }, /below zero/],
      [{ ts_event: "yesterday" }, /no time/],
      [{ ts_event: "2026-02-30T25:00:00Z" }, /no time/],
      [{ ts_event: "9223372036854775808" }, /no time/],
      [{ ts_event: "-5" }, /no time/],
      [{ sequence: "9223372036854775808" }, /no sequence/],
      [{ conditions: "T" }, /a list/],
      [{ conditions: Array(17).fill("T") }, /a list of at most 16/],
      [{ conditions: [{}] }, /a condition is/],
      [{ type: "cancel" }, /id is missing/],
      [{ type: "cancel", id: "a" }, /ts_original is missing/],
      [{ type: "quote", bid: "1" }, /bid_size is missing/],
      [`{"a":${"[".repeat(8_000)}${"]".repeat(8_000)}}`, /no JSON|exchange is missing/],
      [{ note: "x".repeat(LONGEST_TICK) }, /more than/]
    ]
    for (const [text, why] of refusals)
      assert.match(String(typeof text === "string" ? read(text) : said(text)), why, JSON.stringify(text).slice(0, 80))
    assert.match(String(readTick(Uint8Array.of(0x7b, 0xff, 0x7d))), /no JSON/)
  })
})
