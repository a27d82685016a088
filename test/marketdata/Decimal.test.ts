import { assert, describe, it } from "@effect/vitest"
import { decimalText, perUnit, plus, priceOf, priceText, product, sizeOf } from "../../src/marketdata/Decimal.ts"
import { dice } from "../support/Chance.ts"
import { decimal } from "../support/Trades.ts"

describe("Decimal", () => {
  it("MD1 a price comes back as it was written, also where no double is that exact", () => {
    for (const text of ["0", "187.23", "0.000000001", "-37.63", "9223372036.854775807", "-9223372036.854775808"])
      assert.strictEqual(priceText(priceOf(text) as bigint), text)
    assert.strictEqual(priceOf("1e-8"), 10n)
    assert.strictEqual(priceOf("1.5E+2"), 150_000_000_000n)
    assert.strictEqual(priceOf("105433.60000"), 105_433_600_000_000n)
    assert.strictEqual(priceText(priceOf("105433.60000") as bigint), "105433.6")
  })

  it("MD1 what a price or a size can't be is refused with what is wrong", () => {
    const refused: ReadonlyArray<readonly [(text: string) => unknown, string, RegExp]> = [
      [priceOf, "0.0000000001", /finer than 1e-9/],
      [priceOf, "9223372036.854775808", /beyond/],
      [priceOf, "-9223372036.854775809", /beyond/],
      [priceOf, "1e99", /more digits than are read|beyond/],
      [priceOf, "1e-99", /finer/],
      [priceOf, "", /no decimal/],
      [priceOf, "NaN", /no decimal/],
      [priceOf, "Infinity", /no decimal/],
      [priceOf, "0x10", /no decimal/],
      [priceOf, ".5", /no decimal/],
      [priceOf, "1,5", /no decimal/],
      [priceOf, "1".repeat(65), /no decimal/],
      [sizeOf, "-1", /below zero/],
      [sizeOf, "9223372036854775808", /more digits/],
      [sizeOf, "0.0000000000000000001", /finer than 1e-18/]
    ]
    for (const [read, text, why] of refused) assert.match(String(read(text)), why, text)
    assert.deepStrictEqual(sizeOf("9223372036854775807"), { unscaled: 2n ** 63n - 1n, scale: 0 })
    assert.deepStrictEqual(sizeOf("1e3"), { unscaled: 1_000n, scale: 0 })
  })

  it("MD1 drawn numbers of up to 18 digits come back, and sums of different scales are exact", () => {
    const { below } = dice(7)
    for (let n = 0; n < 5_000; n++) {
      const scale = below(19)
      const unscaled = BigInt(below(1_000_000_000)) * 1_000_000_000n + BigInt(below(1_000_000_000))
      const text = decimalText({ unscaled, scale })
      const read = sizeOf(text)
      if (typeof read === "string") throw new Error(read)
      assert.strictEqual(read.unscaled * 10n ** BigInt(18 - read.scale), unscaled * 10n ** BigInt(18 - scale), text)
    }
    assert.strictEqual(decimalText(plus(decimal("0.1"), decimal("0.2"))), "0.3")
    assert.strictEqual(decimalText(plus(decimal("9000000000"), decimal("0.00000001"))), "9000000000.00000001")
    assert.strictEqual(decimalText(product(priceOf("105433.6") as bigint, decimal("0.00027625"))), "29.126032")
  })

  it("MD1 an average is rounded once, the half away from zero", () => {
    assert.strictEqual(perUnit(decimal("1"), decimal("3")), 333_333_333n)
    assert.strictEqual(perUnit(decimal("2"), decimal("3")), 666_666_667n)
    assert.strictEqual(perUnit(decimal("-2"), decimal("3")), -666_666_667n)
    assert.strictEqual(perUnit(decimal("0.000000001"), decimal("2")), 1n)
    assert.isUndefined(perUnit(decimal("1"), decimal("0")))
  })
})
