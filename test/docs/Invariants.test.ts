/** The page of invariants, and what it finds wrong, on trees of a few files. */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "vitest"
import { definedIn, heldIn, idsIn, invariantsOf } from "../../docs/pages/invariants.ts"
import { newFolder } from "../support/folder.ts"
import { testsOf } from "../support/Syntax.ts"
import { readTree } from "../support/Tree.ts"

const header = (...lines: ReadonlyArray<string>) =>
  ["/**", " * A part.", " *", ...lines.map((line) => ` *${line}`), " */", "export {}", ""].join("\n")
const test = (...titles: ReadonlyArray<string>) =>
  titles.map((title) => `it(${JSON.stringify(title)}, () => {})\n`).join("")
const problemsOf = (files: Readonly<Record<string, string>>) => invariantsOf(new Map(Object.entries(files))).problems
const pageOf = (files: Readonly<Record<string, string>>) => invariantsOf(new Map(Object.entries(files))).page

describe("the invariants of a header", () => {
  const of = (...lines: ReadonlyArray<string>) => definedIn("src/a/A.ts", header(...lines))

  it("are lines that begin with one to three letters and a number, and what goes on below them", () => {
    const { invariants } = of("   ZA1  First", "        and its end.", "   ZAB12  Second.", "", "   Z3   Aligned.")
    assert.deepStrictEqual(
      invariants.map(({ id, text }) => [id, text]),
      [
        ["ZA1", "First and its end."],
        ["ZAB12", "Second."],
        ["Z3", "Aligned."]
      ]
    )
  })

  it("are not what it says of another file", () => {
    const { invariants, references } = of(
      "   Z1, Z3–Z5 in Other.ts, ZB2 in ../b/B.ts",
      "   Z6  in Other.ts",
      "   Z2  Its own."
    )
    assert.deepStrictEqual(
      invariants.map(({ id }) => id),
      ["Z2"]
    )
    assert.deepStrictEqual(
      references.map(({ id, where }) => `${id} ${where}`),
      ["Z1 Other.ts", "Z3 Other.ts", "Z4 Other.ts", "Z5 Other.ts", "ZB2 b/B.ts", "Z6 Other.ts"]
    )
  })

  it("may say how they are held", () => {
    const [first] = of("   Z1  Nothing is", "       shared (held by the types).").invariants
    assert.strictEqual(first?.heldBy, undefined)
    const [second] = of("   Z1  Nothing is", "       shared. (held by the types)").invariants
    assert.deepStrictEqual([second?.text, second?.heldBy], ["Nothing is shared.", "the types"])
  })

  it("are none of a comment further down, nor of a file without a header", () => {
    assert.deepStrictEqual(definedIn("src/a/A.ts", `import "x"\n${header("   Z1  No.")}`).invariants, [])
    assert.lengthOf(definedIn("bin/a.ts", `#!/usr/bin/env node\n${header("   Z1  Yes.")}`).invariants, 1)
  })
})

describe("ids in a text", () => {
  it("are words of their own; a range names all between", () => {
    assert.deepStrictEqual(idsIn("Z1, (ZB2) Z3–Z5 of ZABC6."), ["Z1", "ZB2", "Z3", "Z4", "Z5"])
  })

  it("are no parts of words, paths and numbers, and no names of other things", () => {
    assert.deepStrictEqual(idsIn("xZ1 Z1x a/Z1 Z1/b HRLD-Z1 Z1-a UTF8 SHA256 V8 Z"), [])
  })
})

describe("what a test holds", () => {
  it("stands before its words, and behind a semicolon", () => {
    assert.deepStrictEqual(heldIn("Z1 ZB2 a client; ZC3 another"), ["Z1", "ZB2", "ZC3"])
    assert.deepStrictEqual(heldIn("Z1 ZB2: a client: of Z3; not Z4"), ["Z1", "ZB2"])
    assert.deepStrictEqual(heldIn("a client (Z1)"), [])
  })

  it("is read whole: quotes, templates, texts that are put together, and the names of groups", () => {
    const source = `
      describe("Z1", () => {
        it("Z2 what isn't there", () => {})
        it.effect.skipIf(root)(\`Z3 \${name} isn't "there"\`, () => {})
      })
      live("Z4 " + "it's", body)
      assert.strictEqual("Z5 no test", f())
      it("Z6 no test either")
    `
    assert.deepStrictEqual(testsOf("test/a.test.ts", source), [
      { title: "Z2 what isn't there", within: ["Z1"] },
      { title: `Z3 \${name} isn't "there"`, within: ["Z1"] },
      { title: "Z4 it's", within: [] }
    ])
  })
})

describe("the page", () => {
  it("has each invariant with all tests that begin with it, wherever they are, titles whole", () => {
    const page = pageOf({
      "src/a/A.ts": header("   Z1  One | two."),
      "layers/T/a/Port.ts": header("   ZB1  Kept. (held by the types)"),
      "console/C.ts": header("   ZC1  Shown."),
      "test/a/A.test.ts": test("Z1 what isn't", "ZC1 shown"),
      "test/ab/A.test.ts": test("Z1 elsewhere")
    })
    assert.include(
      page,
      "| Z1 | One \\| two. | Z1 what isn't (`test/a/A.test.ts`)<br>Z1 elsewhere (`test/ab/A.test.ts`) |"
    )
    assert.include(
      page,
      "## layers/T/a/Port.ts\n\n| | invariant | held by |\n|---|---|---|\n| ZB1 | Kept. | the types |"
    )
    assert.include(page, "| ZC1 | Shown. | ZC1 shown (`test/a/A.test.ts`) |")
  })

  it("says nothing of what tests and benchmarks have for themselves", () => {
    const files = { "bench/B.ts": header("   Z1  Fair."), "test/support/S.ts": header("   Z2  Fair.") }
    assert.notInclude(pageOf(files), "Fair")
    assert.deepStrictEqual(problemsOf(files), [])
  })
})

describe("it is wrong", () => {
  const a = header("   Z1  One.")
  const held = test("Z1 one")

  it("that two files have one id, or one file twice, tests and benchmarks too", () => {
    const once = { "src/a/A.ts": a, "test/a/A.test.ts": held }
    assert.deepStrictEqual(problemsOf(once), [])
    for (const other of ["src/b/B.ts", "layers/T/a/Port.ts", "packages/build.ts", "bench/B.ts", "test/support/S.ts"])
      assert.deepStrictEqual(problemsOf({ ...once, [other]: a }), [
        `Z1 is in src/a/A.ts and in ${other}: one of them takes letters that no other file has`
      ])
    assert.deepStrictEqual(
      problemsOf({ "src/a/A.ts": header("   Z1  One.", "   Z1  Two."), "test/a/A.test.ts": held }),
      ["src/a/A.ts defines Z1 twice"]
    )
  })

  it("that nobody defines what a comment, a page, a migration or a contract cites", () => {
    for (const [file, text] of [
      ["src/b/B.ts", "run() // ZX9"],
      ["test/b/B.test.ts", "/** Z1 and ZX9. */"],
      ["docs/b.md", "See invariant ZX9."],
      ["schema/migrations/0001.sql", "select 1 -- ZX9 of A.ts"],
      ["proto/b.proto", "bool b = 1; // ZX9"]
    ] as const)
      assert.deepStrictEqual(problemsOf({ "src/a/A.ts": a, "test/a/A.test.ts": held, [file]: text }), [
        `${file} cites ZX9, which no header defines`
      ])
    assert.deepStrictEqual(problemsOf({ "src/b/B.ts": 'const id = "ZX9"' }), [])
  })

  it("that a test names what does not exist", () => {
    assert.deepStrictEqual(problemsOf({ "src/a/A.ts": a, "test/a/A.test.ts": test("Z1 one", "ZX9 two") }), [
      'test/a/A.test.ts: the test "ZX9 two" names ZX9, which no header defines'
    ])
  })

  it("that no test begins with an invariant, unless it says how it is held", () => {
    const problem = "src/a/A.ts: no test begins with Z1. Where no test can hold it, its text ends with (held by …)"
    assert.deepStrictEqual(problemsOf({ "src/a/A.ts": a }), [problem])
    assert.deepStrictEqual(problemsOf({ "src/a/A.ts": a, "test/a/A.test.ts": test("one (Z1)") }), [problem])
    assert.deepStrictEqual(problemsOf({ "src/a/A.ts": header("   Z1  One. (held by the types)") }), [])
  })

  it("that a header says of another file what is not there", () => {
    const files = (where: string) => ({
      "src/a/A.ts": a,
      "src/b/A.ts": header(`   Z1 in ${where}`),
      "test/a/A.test.ts": held
    })
    assert.deepStrictEqual(problemsOf(files("../a/A.ts")), [])
    assert.deepStrictEqual(problemsOf(files("B.ts")), ["src/b/A.ts says that Z1 is in B.ts: it is in src/a/A.ts"])
  })
})

describe("the tree", () => {
  it("is what was written, without what was installed, compiled or copied", () => {
    const { path, remove } = newFolder()
    for (const file of ["src/a/A.ts", "dist/src/a/A.ts", "packages/build.ts", "packages/client/src/a/A.ts"]) {
      mkdirSync(join(path, dirname(file)), { recursive: true })
      writeFileSync(join(path, file), "")
    }
    const files = [...readTree(path, [".ts"]).keys()]
    remove()

    assert.deepStrictEqual(files, ["packages/build.ts", "src/a/A.ts"])
  })
})
