import { assert, test } from "@effect/vitest"
import { readMigrations } from "#layers/Postgres/connection/Migrations.ts"

test("the migrations that a server carries are read in order, without a gap", () => {
  const ids = readMigrations().map(({ id }) => id)
  assert.isAbove(ids.length, 0)
  assert.deepStrictEqual(
    ids,
    ids.map((_, index) => index + 1)
  )
  for (const { name, sql } of readMigrations()) assert.isNotEmpty(sql, name)
})
