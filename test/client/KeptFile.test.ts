/** One file: its bytes and its shape. */
import { assert, describe, it } from "@effect/vitest"
import { decode, encode, type Shape, type Snapshot, shapeOf } from "../../src/client/KeptFile.ts"
import { shape, snapshot } from "../support/Snapshot.ts"

const text = async (of: Snapshot, as = shape) => (await Array.fromAsync(encode(of, as))).join("")

describe("KeptFile", () => {
  it("LK1 KT1: any changed, missing or added byte is noticed", async () => {
    const good = await text(snapshot(1, "one \u{1f600} é"))
    assert.deepStrictEqual(await decode(good, shape), snapshot(1, "one \u{1f600} é"))
    for (let at = 0; at < good.length; at++) {
      const other = good[at] === "0" ? "1" : "0"
      const changed = [
        good.slice(0, at) + other + good.slice(at + 1),
        good.slice(0, at),
        good.slice(0, at) + good.slice(at + 1)
      ]
      for (const bad of changed) {
        const found = await decode(bad, shape).catch(() => undefined)
        assert.isUndefined(found, `at ${at}`)
      }
    }
    assert.isUndefined(await decode(`${good} `, shape).catch(() => undefined))
  })

  it("LK4: a file of another service, environment, labels or patterns is not used, and shapes never collide", async () => {
    const zoned = { ...shape, labels: { zone: "b", region: "eu" } }
    const others: ReadonlyArray<Shape> = [
      shape,
      { ...zoned, environment: "staging" },
      { ...zoned, service: "other" },
      { ...zoned, labels: { zone: "a", region: "eu" } },
      { ...zoned, labels: { zone: "b", region: "eu", more: "" } },
      { ...zoned, labels: { zoneb: "", region: "eu" } },
      { ...zoned, patterns: ["shop", "shop.*"] },
      { ...zoned, environment: "a-b", service: "c" },
      { ...zoned, environment: "a", service: "b-c" }
    ]
    const good = await text(snapshot(1, "one"), zoned)
    for (const other of others) {
      const error = await decode(good, other).catch((e) => e)
      assert.match(String(error), /belongs to shop in production with other labels or patterns/)
    }
    assert.strictEqual(new Set([zoned, ...others].map(shapeOf)).size, others.length + 1)
    const same = { ...zoned, labels: { region: "eu", zone: "b" }, patterns: ["shop", "shop"] }
    assert.strictEqual((await decode(good, same)).versions.length, 1)
  })
})
