import { assert, describe, it } from "@effect/vitest"
import { applyPatch } from "../../src/delta/JsonPatch.ts"
import { delta } from "../../src/values/Diff.ts"

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

describe("with the server's deltas", () => {
  const filler = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`name${n}`, [n, { deep: `text ${n}` }]]))
  const changes: ReadonlyArray<readonly [string, (document: Record<string, unknown>) => unknown]> = [
    ["a new member", (d) => ({ ...d, added: { x: [1] } })],
    ["a removed member", ({ name3: _, ...d }) => d],
    ["a changed member", (d) => ({ ...d, name7: null })],
    ["a changed depth", (d) => ({ ...d, name9: [9, { deep: "other", more: [] }] })],
    ["a longer array", (d) => ({ ...d, name1: [1, { deep: "text 1" }, 2, 3] })],
    ["a shorter array", (d) => ({ ...d, name1: [] })],
    ["an escaped name", (d) => ({ ...d, "a/b~c": 1 })],
    ["an empty name", (d) => ({ ...d, "": 2 })],
    ["odd text", (d) => ({ ...d, "é\u2028": "\u0000" })],
    ["several at once", ({ name0: _, ...d }) => ({ ...d, name39: 1, zz: 2 })]
  ]
  for (const [name, change] of changes) {
    it(`I1: ${name} gives the text that was published, byte for byte`, () => {
      const from = JSON.stringify(filler)
      const to = JSON.stringify(change(filler))
      const patch = delta(from, to)

      assert.isDefined(patch)
      assert.strictEqual(JSON.stringify(applyPatch(JSON.parse(from), JSON.parse(patch!))), to)
    })
  }
})
