import { assert, describe, it } from "vitest"
import { byCode, catalogue } from "../../src/errors/Catalogue.ts"

describe("the error catalogue", () => {
  const rows = Object.values(catalogue)

  it("E1 every code is there once", () => {
    assert.strictEqual(new Set(rows.map(({ code }) => code)).size, rows.length)
    for (const { code } of rows) assert.match(code, /^HRLD-\d{4}$/)
    assert.strictEqual(byCode("hrld-2001")?.name, "NotFound")
  })

  it("E2 every row has a cause, a fix and a status at each door", () => {
    for (const row of rows) {
      assert.isAbove(row.cause.length * row.fix.length * row.title.length, 0, row.code)
      assert.isTrue(row.http >= 400 && row.http < 600 && row.grpc >= 1 && row.grpc <= 16 && row.exit >= 1, row.code)
    }
  })
})
