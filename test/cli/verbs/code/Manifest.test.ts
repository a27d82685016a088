/** The manifest of a folder: what is written is read again, and what is wrong is told with its line. */
import { assert, describe, it } from "@effect/vitest"
import { EVERYTHING, manifestText, readManifest } from "../../../../src/cli/verbs/code/Manifest.ts"

describe("the manifest of a folder", () => {
  it("JM1 is read as it was written", () => {
    for (const manifest of [
      { patterns: EVERYTHING, strict: [] },
      { patterns: ["payments.*", "a", "@flag/x.*", "@segment/beta"], strict: ["yes", "null", "1", "a/b:c"] }
    ])
      assert.deepStrictEqual(readManifest(manifestText(manifest)), manifest)
  })

  it("JM1 what is wrong with it is told with its line", () => {
    for (const [text, line, problem] of [
      ["herald: 1\npatterns: ['*']\nstrikt: [a]\n", 3, /no field "strikt"; it may have herald, patterns, strict/],
      ["herald: 2\npatterns: ['*']\n", 1, /herald: 1 is the one form/],
      ["patterns: ['*']\n", 1, /herald: 1 is missing/],
      ["herald: 1\n", 1, /patterns is missing/],
      ["herald: 1\npatterns: []\n", 1, /patterns is missing, or empty/],
      ["herald: 1\npatterns: x\n", 2, /patterns has to be a list/],
      ["herald: 1\npatterns:\n  - a\n  - 'a b'\n", 4, /"a b" is not a key/],
      ["herald: 1\npatterns:\n  - a\n  - 1\n", 4, /list of texts/],
      ["herald: 1\npatterns:\n  - a\n  - a\n", 4, /"a" is in patterns twice/],
      ["herald: 1\npatterns:\n  - *\n", 3, /not YAML/],
      ["herald: 1\npatterns: [a]\nstrict: ['*']\n", 3, /"\*" is not a key/],
      ["herald: 1\nherald: 1\npatterns: [a]\n", 2, /not YAML/],
      ["", 1, /no fields/],
      ["- a\n", 1, /no fields/]
    ] as const) {
      const read = readManifest(text)
      assert.isTrue("problem" in read, text)
      if (!("problem" in read)) continue
      assert.match(read.problem, problem, text)
      assert.strictEqual(read.line, line, text)
    }
  })
})
