/**
 * Applies migrations: plain .sql files, in order, each in a transaction with its record.
 *
 *   Z1  One writer at a time: servers that start together wait for each other.
 *   Z2  Only forward: a database that knows a later migration than this server is refused and left as it is.
 *   Z3  A file that was changed after it was applied is refused.
 *   Z4  A database of any server since migration 20 is brought to the newest with all that it holds, while servers of before run on.
 */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { failure } from "../../../src/errors/HeraldError.ts"
import { toOperator } from "./Failure.ts"

export interface Migration {
  readonly id: number
  readonly name: string
  readonly sql: string
  readonly checksum: string
}

const FOLDER = fileURLToPath(new URL("../../../schema/migrations", import.meta.url))
const FILE = /^(\d+)_(.+)\.sql$/

export const readMigrations = (): ReadonlyArray<Migration> =>
  readdirSync(FOLDER)
    .filter((file) => FILE.test(file))
    .sort()
    .map((file) => {
      const [, id, name] = FILE.exec(file)!
      const sql = readFileSync(join(FOLDER, file), "utf8")
      return { id: Number(id), name: name!, sql, checksum: createHash("sha256").update(sql).digest("hex") }
    })

const LOCK = 7_234_732

/** Fails `DatabaseNewer` (Z2, Z3), `DatabaseUnavailable`. Returns how many were applied. */
export const migrate = Effect.fn("Migrations.migrate")(function* (migrations: ReadonlyArray<Migration>) {
  const sql = yield* SqlClient.SqlClient
  const run = Effect.gen(function* () {
    yield* sql`select pg_advisory_xact_lock(${LOCK}::int)` // Z1
    yield* sql`create table if not exists herald_migrations (
      id integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`
    const applied = yield* sql<{ id: number; name: string; checksum: string }>`
      select id, name, checksum from herald_migrations order by id`
    const known = new Map(migrations.map((migration) => [migration.id, migration]))
    for (const { id, name, checksum } of applied) {
      const mine = known.get(id)
      if (mine === undefined) {
        return yield* failure(
          "DatabaseNewer",
          `the database has migration ${id} (${name}), this server knows up to ${migrations.at(-1)?.id}`
        )
      }
      if (mine.checksum !== checksum) {
        return yield* failure(
          "DatabaseNewer",
          `migration ${id} (${name}) was applied from another text than this server has`
        )
      }
    }
    const missing = migrations.slice(applied.length)
    for (const { id, name, checksum, sql: text } of missing) {
      // The driver takes one statement at a time; a DO block is one, whatever is in it.
      yield* sql.unsafe(`do $herald_migration$ begin\n${text}\nend $herald_migration$`).unprepared
      yield* sql`insert into herald_migrations (id, name, checksum) values (${id}, ${name}, ${checksum})`
    }
    return missing.length
  })
  const patient = Effect.andThen(
    sql`select set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`,
    run
  )
  return yield* sql
    .withTransaction(patient)
    .pipe(Effect.catchTag("SqlError", (error) => Effect.fail(toOperator("migrate the database")(error))))
})
