/** docs/sql.md names every function and table that the migrations make, and no other. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { definedIn, migrations } from "../../docs/pages/sql.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { clientOptions, connect, startDatabase } from "../support/Database.ts"
import { kinds } from "../support/Twins.ts"

it("the index of SQL functions and tables is that of a database that was migrated", async () => {
  await using database = await startDatabase()
  const migrated = Effect.flatMap(RevisionLog, ({ head }) => head).pipe(
    Effect.provide(Postgres.layer(clientOptions(database.url))),
    Effect.provide(kinds)
  )
  await Effect.runPromise(migrated)
  await using session = await connect(database.url)
  const names = async (query: string) => (await session.query(query)).map(({ name }) => name)
  const { functions, tables } = definedIn(migrations)

  assert.deepStrictEqual(
    functions.map(({ name }) => name),
    await names("select distinct proname collate \"C\" as name from pg_proc where proname like 'herald\\_%' order by 1")
  )
  // Ranges of a table go by its name and a number.
  assert.deepStrictEqual(
    tables.map(({ name }) => name).filter((name) => !/_\d+$/.test(name)),
    await names(`select relname collate "C" as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname !~ '_[0-9]+$' and relname <> 'herald_migrations' order by 1`)
  )
})
