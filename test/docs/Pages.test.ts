/** What the pages that are made from the tree find in it, and what they complain of. */
import { assert, describe, it } from "@effect/vitest"
import { architectureOf, leanings, lost } from "../../docs/pages/architecture.ts"
import { decisionsOf } from "../../docs/pages/decisions.ts"
import { definedIn } from "../../docs/pages/sql.ts"

const tree = new Map([
  ["src/a/A.ts", '/** What a is. And more. */\nimport { B } from "../b/B.ts"\nimport { C } from "./C.ts"'],
  ["src/b/B.ts", "export const B = 1"],
  ["src/errors/Rows.ts", 'import { errors } from "../a/Errors.ts"']
])

describe("docs", () => {
  it("a room leans on what its files import, and lists lean on nothing", () => {
    assert.deepStrictEqual(
      [...leanings(tree)].map(([room, others]) => [room, ...others]),
      [["a", "b"], ["b"], ["errors"]]
    )
  })

  it("rooms get their row: what was written of them stays, a new one says what its main file says", () => {
    const marks = (rows: string) =>
      `before\n<!-- rooms: made by npm run docs; what a room holds is written here by hand -->${rows}<!-- /rooms -->\nafter`
    const { page, problems } = architectureOf(marks("\n| `src/b` | kept words | old |\n"), tree, () => true)

    assert.deepStrictEqual(problems, [])
    assert.include(page, "| `src/a` | What a is | b |\n| `src/b` | kept words |  |")
    assert.strictEqual(architectureOf(page, tree, () => true).page, page)
    assert.lengthOf(architectureOf("no place", tree, () => true).problems, 1)
  })

  it("paths that are not there are told, each name in braces too", () => {
    const there = new Set(["src/a/B.ts"])
    assert.deepStrictEqual(
      lost("`src/a/{B,C}.ts` `other/D.ts` `src/e`", (path) => there.has(path)),
      ["src/a/C.ts", "src/e"]
    )
  })

  it("a decision says its number and its status, and is named by what took its place", () => {
    const of = (first: string, second = "# 0002 Second\n\n**Status**: accepted.\n") =>
      decisionsOf(
        new Map([
          ["docs/decisions/0001-first.md", first],
          ["docs/decisions/0002-second.md", second]
        ]),
        () => false
      ).problems.length

    assert.strictEqual(of("# 0001 First\n\n**Status**: accepted.\n"), 0)
    assert.strictEqual(of("# First\n\n**Status**: perhaps.\n"), 2)
    assert.strictEqual(of("# 0001 First\n\n**Status**: accepted.\n\n`src/gone.ts`"), 1)
    const superseded = "# 0001 First\n\n**Status**: superseded by [0002](0002-second.md).\n"
    assert.strictEqual(of(superseded), 1)
    assert.strictEqual(of(superseded, "# 0002 Second\n\n**Status**: accepted.\n\nSupersedes [0001](0001-first.md)."), 0)
  })

  it("a SQL function is where it was defined last; one of the same name and other parameters outlives it", () => {
    const found = definedIn([
      {
        file: "0001_a.sql",
        sql: "-- Adds. Twice.\ncreate function f(a text) returns int\ncreate function g() returns int"
      },
      {
        file: "0002_b.sql",
        sql: "create function f(a text, b int default 1) returns int\ndrop function f(text);\ndrop function g();"
      },
      {
        file: "0003_c.sql",
        sql: "create table t (a int);\nalter table t rename to u;\nalter function f(text, int) rename to h;"
      }
    ])

    assert.deepStrictEqual(found.functions, [
      { ...found.functions[0]!, name: "h", file: "0002_b.sql", others: ["0001_a.sql"] }
    ])
    assert.deepStrictEqual(
      found.tables.map(({ name }) => name),
      ["u"]
    )
  })
})
