import { assert, describe, it } from "@effect/vitest"
import { painted, printable } from "../../src/text/Printable.ts"

/** One of each kind that steers or hides. */
const KINDS = {
  ...{ c0: "\u0007", escape: "\u001b[2J", del: "\u007f", c1: "\u009b31m", override: "\u202e", isolate: "\u2066" },
  ...{ mark: "\u200e", arabic: "\u061c", separator: "\u2028", zero: "\u200b", joiner: "\u2060", bom: "\ufeff" },
  ...{ soft: "\u00ad", tag: "\u{e0041}", selector: "\u{e0100}", half: "\ud800", annotation: "\ufff9" },
  ...{ grapheme: "\u034f", choseong: "\u115f", jungseong: "\u1160", filler: "\u3164", halfwidth: "\uffa0" },
  ...{ khmer: "\u17b4", mongolian: "\u180b" }
}
const steers = (text: string) =>
  Array.from(text).some(
    (one) => /[^\P{C}]|\p{Zl}|\p{Zp}/u.test(one) || /\p{Cs}/u.test(one) || /[\u{e0000}-\u{e0fff}]/u.test(one)
  )

describe("Printable", () => {
  it("PR1 everything that steers or hides is shown as an escape, one of each kind", () => {
    for (const [kind, text] of Object.entries(KINDS)) {
      const shown = printable(`a${text}b`)

      assert.match(shown, /^a\\u[0-9a-f]{4}.*b$/, kind)
      assert.isFalse(steers(shown), kind)
    }
  })

  it("PR1 what people write stays: accents, scripts, emoji with their joiners and selectors", () => {
    for (const text of ["Zürich", "日本語", "שלום", "👩‍👩‍👧", "❤️", "e\u0301", "नमस्ते"])
      assert.strictEqual(printable(text), text)
  })

  it("PR1 JSON text stays the same data", () => {
    const data = { [Object.values(KINDS).join("")]: Object.values(KINDS) }
    const shown = printable(JSON.stringify(data, null, 2), true)

    assert.deepStrictEqual(JSON.parse(shown), data)
    assert.isFalse(steers(shown.replaceAll("\n", "")))
  })

  it("PR1 painted text keeps its colours and nothing else", () => {
    const text = `\u001b[31mred\u001b[39m\u001b[2J\u009b1m\n\u001b]0;title\u0007`

    assert.strictEqual(painted(text), "\u001b[31mred\u001b[39m\\u001b[2J\\u009b1m\n\\u001b]0;title\\u0007")
  })
})
