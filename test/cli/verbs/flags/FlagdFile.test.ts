import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { CliFailure } from "../../../../src/cli/CliFailure.ts"
import { flagsOfFile } from "../../../../src/cli/verbs/flags/FlagdFile.ts"

const read = (file: unknown) => flagsOfFile("f.json", typeof file === "string" ? file : JSON.stringify(file))
const flagsOf = (file: unknown) => {
  const found = read(file)
  assert.isFalse(found instanceof CliFailure, found instanceof CliFailure ? found.what : "")
  return Object.fromEntries(found as ReadonlyMap<string, unknown>)
}

describe("a file of flagd", () => {
  it("FI1 a flag comes with the rules that it names, and with what is said of all flags", () => {
    const found = flagsOf({
      $schema: "x",
      metadata: { team: "a", owner: "b" },
      $evaluators: { staff: { or: [{ $ref: "inner" }] }, inner: { var: "x" }, other: { var: "y" } },
      flags: {
        one: {
          state: "ENABLED",
          variants: { on: true },
          targeting: { if: [{ $ref: "staff" }, "on"] },
          metadata: { team: "c" }
        },
        two: { state: "DISABLED", variants: { on: true } }
      }
    })
    assert.deepStrictEqual(found, {
      one: {
        state: "ENABLED",
        variants: { on: true },
        targeting: { if: [{ $ref: "staff" }, "on"] },
        metadata: { team: "c", owner: "b" },
        $evaluators: { staff: { or: [{ $ref: "inner" }] }, inner: { var: "x" } }
      },
      two: { state: "DISABLED", variants: { on: true }, metadata: { team: "a", owner: "b" } }
    })
  })

  it("flags may be a list; two of one name, and what is no such file, are refused", () => {
    assert.deepStrictEqual(flagsOf({ flags: [{ key: "a", state: "ENABLED" }] }), { a: { state: "ENABLED" } })
    for (const wrong of [
      "{",
      "[]",
      {},
      { flags: 1 },
      { flags: { a: 1 } },
      { flags: [{ state: "x" }] },
      { flags: [{ key: "a" }, { key: "a" }] },
      '{"flags":{"a":{},"a":{}}}',
      { flags: {}, metadata: [] }
    ]) {
      assert.instanceOf(read(wrong), CliFailure, JSON.stringify(wrong))
    }
  })

  it("the flags of flagd's own testbed are read", () => {
    const testbed = readFileSync(new URL("../../../evaluation/testbed.json", import.meta.url), "utf8")
    assert.isAbove(Object.keys(flagsOf(testbed)).length, 60)
  })
})
