import { assert, describe, it } from "@effect/vitest"
import { fitted } from "../../src/text/Fitted.ts"

describe("Fitted", () => {
  it("HR2 free text keeps its lines and is never cut inside of a character", () => {
    assert.strictEqual(fitted("a\tb\nc", 10), "a\tb\nc")
    assert.strictEqual(fitted("ab\u0007\u007f", 10), "ab\ufffd\ufffd")
    assert.isTrue(fitted(`${"x".repeat(9)}😀`, 10).isWellFormed())
  })
})
