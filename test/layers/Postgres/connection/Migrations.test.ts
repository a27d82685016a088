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

test("a migration that changes tables which commits write has the commits' lock first, as they have it before any table", () => {
  for (const { id, name, sql } of readMigrations().slice(45)) {
    const code = sql.replace(/--.*$/gm, "").trim()
    if (/^(alter table|create (unique )?index|create trigger)/m.test(code))
      assert.match(code, /^perform herald_lock\(\);/, `${id}_${name}`)
  }
})
