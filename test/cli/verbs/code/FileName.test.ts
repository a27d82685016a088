/** Files and names: from one to the other and back, for anything that a name and a value may be. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  apartIn,
  fileOf,
  folderOf,
  namedBy,
  schemaFileOf,
  textOf,
  unescaped,
  valueIn
} from "../../../../src/cli/verbs/code/FileName.ts"
import { isKey } from "../../../../src/keys/Key.ts"
import { keyIn, nameOf } from "../../../../src/keys/Name.ts"
import { Choices } from "../../../support/JsonText.ts"

const END = "abcdefzABCDEFZ019_"
/** What file systems and tools are known to stumble over. */
const ODD = [
  ...[
    "con",
    "CON",
    "nul.txt",
    "a/../b",
    "a//b",
    "a/./b",
    "a.json",
    "a.json/b",
    "COM1.x",
    "lpt9",
    "manifest",
    "aux/prn"
  ],
  ...["A".repeat(256), `${"a".repeat(199)}/${"b".repeat(56)}`, `${"a".repeat(200)}.${"c".repeat(50)}`]
]
const types = ["json", "yaml", "string", "number", "boolean"] as const
const KINDS = ["", "", "flag", "segment"]
const pick = <A>(all: ArrayLike<A>, choice: number): A => all[choice % all.length]!

/** A key that these choices lead to: its letters, and how often they come. */
const keyOf = (choices: ReadonlyArray<number>): string => {
  const [what = 0, often = 0, first = 0, last = 0, ...middle] = choices
  if (what % 4 === 0) return pick(ODD, often)
  const all = middle.map((choice) => pick(`${END}.-/:`, choice)).join("")
  return (pick(END, first) + all.repeat(1 + (often % 9))).slice(0, 255) + pick(END, last)
}
const nameFor = (choices: ReadonlyArray<number>): string => {
  const kind = pick(KINDS, choices.length)
  return kind === "" ? keyOf(choices) : nameOf(kind, keyOf(choices))
}
const runs = { arbitrary: { runs: 1_000 } }

describe("the files of names", () => {
  it.prop(
    "JF1 a file says its name and its type, and no two names have one where capitals are not told apart",
    [Schema.Array(Choices)],
    ([many]) => {
      const all = [...new Set(many.map(nameFor))].map((one, at) => [one, pick(types, at)] as const)
      const apart = apartIn(all.map(([one]) => one))
      const files = all.map(([one, its]) => fileOf(one, its, apart.has(one)))
      for (const [at, [one, its]] of all.entries()) {
        const expected = one.startsWith("@") ? "json" : its
        assert.deepStrictEqual(namedBy(files[at]!), { what: "value", name: one, type: expected })
      }
      assert.strictEqual(new Set(files.map((file) => file.toLowerCase())).size, files.length)
    },
    runs
  )

  it("JF1 names that differ in their capitals alone are told apart by their files", () => {
    const all = ["Foo.Bar", "foo.bar", "FOO.BAR", "other"]
    const apart = apartIn(all)
    assert.sameMembers([...apart], all.slice(0, 3))
    const files = all.map((one) => fileOf(one, "json", apart.has(one)))
    assert.deepStrictEqual(files[1], "foo.bar.json")
    assert.strictEqual(new Set(files.map((file) => file.toLowerCase())).size, 4)
    assert.strictEqual(fileOf("userService", "json", false), "userService.json")
  })

  it.prop(
    "JF2 each part of a path is a plain name on every system",
    [Choices, Schema.Boolean],
    ([choices, apart]) => {
      for (const part of fileOf(nameFor(choices), pick(types, choices.length), apart).split("/")) {
        assert.match(part, /^[A-Za-z0-9_@%][A-Za-z0-9_@%.-]*$/)
        assert.notMatch(part, /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i)
        assert.notMatch(part, /[. ]$/)
        assert.isAtMost(part.length, 216)
      }
    },
    runs
  )

  it.prop(
    "JF1 a schema's file says whose it is",
    [Choices, Schema.Boolean],
    ([choices, apart]) => {
      const name = keyOf(choices)
      assert.deepStrictEqual(namedBy(schemaFileOf(name, apart)), { what: "schema", name })
    },
    runs
  )

  it("JF1 an environment's folder says which one it is", () => {
    for (const one of ["production", "con", "Eu-west.1", "_"]) assert.strictEqual(unescaped(folderOf(one, true)), one)
  })

  it("JF1 what is no file of a name is told why, and nothing is taken for another thing", () => {
    for (const [path, why] of [
      ["a.exe", /its ending has to be one of \.json/],
      ["a", /its ending/],
      ["@flag/a.yaml", /its ending has to be \.json/],
      ["@secret/a.json", /nothing like @secret/],
      ["@other.yaml", /nothing like @other\.yaml/],
      ["dir/a.json", /a folder in it has no key/],
      ["a%2.json", /not a key/],
      ["a%00.json", /not a key/],
      ["%2E%2E.json", /not a key/],
      ["ä.json", /not a key/],
      ["a b.json", /not a key/]
    ] as const) {
      const said = namedBy(path)
      assert.match(typeof said === "string" ? said : JSON.stringify(said), why, path)
    }
    assert.deepStrictEqual(namedBy("a.yml"), { what: "value", name: "a", type: "yaml" })
    assert.deepStrictEqual(namedBy("@manifest.yaml"), { what: "manifest" })
  })

  it.prop("JF2 whatever a file is called, what it names is a key", [Schema.String], ([path]) => {
    const said = namedBy(path)
    if (typeof said !== "string" && said.what !== "manifest") assert.isTrue(isKey(keyIn(said.name)))
  })

  const PARTS = ["\r", "\n", "\r\n", "\ufeff", " ", "\u2028", "a", "\u{1f600}", "\t"]
  it.prop(
    "JF3 a value comes back from its file as it was",
    [Choices, Schema.String],
    ([choices, more]) => {
      const parts = choices.map((choice) => pick(PARTS, choice)).join("")
      for (const text of [parts, parts + more, more + parts].map((one) => one.toWellFormed()))
        assert.strictEqual(valueIn(textOf(text)), text)
    },
    runs
  )

  it("JF3 an editor's last line end is none of the value's", () => {
    for (const edited of ["x", "x\n", "x\r\n"]) assert.strictEqual(valueIn(edited), "x")
    assert.strictEqual(valueIn(""), "")
  })
})
