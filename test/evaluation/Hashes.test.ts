import { assert, describe, it } from "@effect/vitest"
import { cborOf } from "../../src/evaluation/Cbor.ts"
import { bucketOf, chosen, readBuckets } from "../../src/evaluation/Fractional.ts"
import { begin, hashBytes, hashText } from "../../src/evaluation/Murmur.ts"
import { dice } from "../support/Chance.ts"

const encoder = new TextEncoder()

describe("hashes", () => {
  it("FB1 the published preimages of the smallest, the middle and the largest hash", () => {
    for (const [text, hash] of [
      ["ejOoVL", 0],
      ["bY9fO-", 1],
      ["SI7p-", 2 ** 31 - 1],
      ["6LvT0", 2 ** 31],
      ["ceQdGm", 2 ** 32 - 1],
      ["é", 269_551_495]
    ] as const) {
      assert.strictEqual(hashText(text), hash, text)
    }
  })

  it("FB1, FB2 texts of all lengths and scripts are hashed as their UTF-8 is, whatever stands before them", () => {
    const { below, of } = dice(7)
    for (let n = 0; n < 3_000; n++) {
      const letters = n % 3 === 0 ? ["a", "Z", "9", "-"] : ["a", "é", "語", "😀", "\ud800", "\udc00", "ß", "z"]
      const text = Array.from({ length: below(20) }, () => of(letters)).join("")
      const before = Array.from({ length: below(9) }, () => of(["x", "é", "1"])).join("")
      assert.strictEqual(hashText(text), hashBytes(encoder.encode(text)), JSON.stringify(text))
      assert.strictEqual(
        hashText(text, begin(before)),
        hashBytes(new Uint8Array([...encoder.encode(before), ...encoder.encode(text)]))
      )
    }
  })

  it("FB3 the examples of RFC 8949, and members in the order of their names' bytes", () => {
    const hex = (value: unknown): string => Buffer.from(cborOf(value as never)).toString("hex")
    for (const [value, bytes] of [
      [0, "00"],
      [23, "17"],
      [24, "1818"],
      [1_000_000, "1a000f4240"],
      [1_000_000_000_000, "1b000000e8d4a51000"],
      [-1, "20"],
      [-1_000, "3903e7"],
      [-0, "00"],
      [1.5, "f93e00"],
      [2 ** -24, "f90001"],
      [0.00006103515625, "f90400"],
      [-4.1, "fbc010666666666666"],
      [100_000, "1a000186a0"],
      [0.333251953125, "f93555"],
      [3.4028234663852886e38, "fa7f7fffff"],
      [1.0e300, "fb7e37e43c8800759c"],
      [1.1, "fb3ff199999999999a"],
      [true, "f5"],
      [null, "f6"],
      ["ü", "62c3bc"],
      [[1, [2, 3]], "8201820203"],
      [{ b: 1, a: [2, 3] }, "a26161820203616201"],
      [{ aa: 1, b: 2, 10: 3 }, "a36162026231300362616101"]
    ] as const) {
      assert.strictEqual(hex(value), bytes, JSON.stringify(value))
    }
  })

  it("FB4 buckets are exact for every hash and total: as whole numbers of any size say", () => {
    const { below, of } = dice(3)
    for (let n = 0; n < 20_000; n++) {
      const hash = of([below(2 ** 32), 0, 2 ** 32 - 1, 2 ** 31])
      const weights = Array.from({ length: 1 + below(5) }, () => of([0, 1, 7, 50, 33_333, below(400_000_000)]))
      const buckets = readBuckets(weights.map((weight, index) => [`${index}`, weight]))!
      const bucket = Number((BigInt(hash) * BigInt(buckets.total)) >> 32n)
      assert.strictEqual(bucketOf(hash, buckets.total), bucket)
      const at = buckets.sums.findIndex((sum) => sum > bucket)
      assert.strictEqual(chosen(buckets, hash), at === -1 ? null : `${at}`)
    }
  })

  it("FB5 what is wrong with buckets gives none; weights below zero are zero", () => {
    for (const wrong of [
      [["a", 1.5]],
      [["a", "1"]],
      [[]],
      [["a", 1, 2]],
      ["a"],
      [[{}, 1]],
      [["a", 2 ** 31]],
      [
        ["a", 2_147_483_647],
        ["b", 1]
      ],
      [["a", null]]
    ]) {
      assert.isUndefined(readBuckets(wrong), JSON.stringify(wrong))
    }
    assert.deepStrictEqual(readBuckets([["a", -5], ["b"]])!.sums, [0, 1])
    assert.isNull(chosen(readBuckets([["a", 0]])!, 5))
  })

  it("FB6 who is in the first bucket stays there when it grows", () => {
    for (let n = 0; n < 2_000; n++) {
      const hash = hashText(`user-${n}`)
      let before = false
      for (const weight of [1, 10, 25, 50, 90, 100]) {
        const on =
          chosen(
            readBuckets([
              ["on", weight],
              ["off", 100 - weight]
            ])!,
            hash
          ) === "on"
        assert.isTrue(on || !before)
        before = on
      }
    }
  })
})
