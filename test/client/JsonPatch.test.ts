import { assert, describe, it } from "@effect/vitest"
import { applyPatch } from "../../src/client/JsonPatch.ts"

describe("JSON Patch (RFC 6902)", () => {
  // Appendix A of the RFC, and the corners of RFC 6901.
  const cases: ReadonlyArray<readonly [string, unknown, ReadonlyArray<object>, unknown]> = [
    ["adds a member", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
    ["inserts an element", [1, 3], [{ op: "add", path: "/1", value: 2 }], [1, 2, 3]],
    ["appends an element", { a: [1] }, [{ op: "add", path: "/a/-", value: [2] }], { a: [1, [2]] }],
    ["removes a member", { a: 1, b: 2 }, [{ op: "remove", path: "/a" }], { b: 2 }],
    ["removes an element", [1, 2, 3], [{ op: "remove", path: "/1" }], [1, 3]],
    ["replaces a value", { a: [1, 2] }, [{ op: "replace", path: "/a/0", value: null }], { a: [null, 2] }],
    ["replaces the root", { a: 1 }, [{ op: "replace", path: "", value: [0] }], [0]],
    ["moves a value", { a: { x: 1 }, b: {} }, [{ op: "move", from: "/a/x", path: "/b/y" }], { a: {}, b: { y: 1 } }],
    ["copies a value", { a: { x: 1 } }, [{ op: "copy", from: "/a", path: "/b" }], { a: { x: 1 }, b: { x: 1 } }],
    ["tests deeply", { a: { x: [1] } }, [{ op: "test", path: "/a", value: { x: [1] } }], { a: { x: [1] } }],
    [
      "unescapes ~1 and ~0",
      { "a/b": 1, "~": 2 },
      [
        { op: "remove", path: "/a~1b" },
        { op: "remove", path: "/~0" }
      ],
      {}
    ],
    ["finds the empty name", { "": 1 }, [{ op: "replace", path: "/", value: 2 }], { "": 2 }]
  ]
  for (const [name, before, patch, after] of cases) {
    it(name, () => {
      const kept = structuredClone(before)

      assert.deepStrictEqual(applyPatch(before, patch as never), after)
      assert.deepStrictEqual(before, kept)
    })
  }

  const refused: ReadonlyArray<readonly [string, unknown, object]> = [
    ["a missing member", {}, { op: "remove", path: "/a" }],
    ["replacing what is not there", {}, { op: "replace", path: "/a", value: 1 }],
    ["an index out of range", [1], { op: "add", path: "/2", value: 1 }],
    ["an index with a leading zero", [1, 2], { op: "remove", path: "/01" }],
    ["a failed test", { a: 1 }, { op: "test", path: "/a", value: 2 }],
    ["a path without a slash", { a: 1 }, { op: "remove", path: "a" }],
    ["an unknown operation", {}, { op: "merge", path: "" }],
    ["inherited names", {}, { op: "replace", path: "/toString", value: 1 }]
  ]
  for (const [name, before, operation] of refused) {
    it(`JP1: refuses ${name}`, () => {
      assert.throws(() => applyPatch(before, [operation as never]))
    })
  }

  it("JP2: reaches no prototype", () => {
    for (const path of ["/__proto__", "/__proto__/polluted", "/constructor/prototype/polluted"]) {
      assert.throws(() => applyPatch({}, [{ op: "add", path, value: { polluted: true } }]))
    }
    assert.isUndefined(({} as { polluted?: unknown }).polluted)
  })
})
