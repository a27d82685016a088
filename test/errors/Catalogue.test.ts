import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import { byCode, catalogue, inOrder } from "../../src/errors/Catalogue.ts"
import type { ErrorRows } from "../../src/errors/Row.ts"

const root = new URL("../../", import.meta.url)
const src = new URL("src/", root)
const inTree = await Promise.all(
  readdirSync(src, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(new URL(`${entry.name}/`, src)).includes("Errors.ts"))
    .map(async ({ name }) => ((await import(`${src.pathname}${name}/Errors.ts`)) as { errors: ErrorRows }).errors)
)

describe("the error catalogue", () => {
  const rows = inTree.flatMap((one) => Object.values(one))

  it("E1 every code is there once", () => {
    assert.strictEqual(new Set(rows.map(({ code }) => code)).size, rows.length)
    for (const { code } of rows) assert.match(code, /^HRLD-\d{4}$/)
    assert.strictEqual(byCode("hrld-2001")?.name, "NotFound")
  })

  it("E1 it has the rows of every capability, and each name once", () => {
    assert.isAbove(inTree.length, 5)
    assert.strictEqual(Object.keys(catalogue).length, rows.length)
    assert.deepStrictEqual(catalogue as ErrorRows, Object.assign({}, ...inTree))
    assert.deepStrictEqual(
      inOrder.map(({ code }) => code),
      rows.map(({ code }) => code).sort()
    )
  })

  it("E3 nothing behind the doors is decided by the name of an error", () => {
    const names = `"(?:${Object.keys(catalogue).join("|")})"`
    const decided = new RegExp(`name [=!]== ${names}|switch \\(\\w+\\.name\\) \\{(?:(?!switch)[^])*?case ${names}:`)
    /** There names become errors, and not the other way round. */
    const makers = ["layers/Postgres/connection/Failure.ts", "layers/Postgres/commits/WriterMessages.ts"]
    const files = ["src", "layers"].flatMap((folder) =>
      readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`)
    )
    const deciding = files.filter(
      (file) =>
        file.endsWith(".ts") &&
        !/^src\/(edge|cli|client)\//.test(file) &&
        decided.test(readFileSync(new URL(file, root), "utf8"))
    )
    assert.deepStrictEqual(deciding.sort(), makers.toSorted())
  })

  it("E2 every row has a cause, a fix and a status at each door", () => {
    for (const row of rows) {
      assert.isAbove(row.cause.length * row.fix.length * row.title.length, 0, row.code)
      assert.isTrue(row.http >= 400 && row.http < 600 && row.grpc >= 1 && row.grpc <= 16 && row.exit >= 1, row.code)
    }
  })
})
